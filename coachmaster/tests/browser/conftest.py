"""A real browser over a live server: phones and desks, light and dark, and nothing to complain about."""

import os
from pathlib import Path

import axe_playwright_python
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

from . import chromium as chromium_here

PHONE = {
    "viewport": {"width": 360, "height": 800},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
DESK = {"viewport": {"width": 1280, "height": 900}}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once. Without one the journeys are left out; with REQUIRE_ALL that is a failure."""
    path = chromium_here.find()
    if path is None:
        (pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip)(chromium_here.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium, live_server):
    """`browse(user, phone=True, dark=True)`: a page of a new browser window, signed in as that person.

    At the end of the test nobody may have complained: no script error, no refusal by the Content-Security-Policy, no
    failed file, no request to another host. ``unsteady`` is for who loses the connection in the test.
    """
    complaints, contexts = [], []

    def note_console(line):
        # A file or page that did not come is noted by its answer.
        if line.type in ("error", "warning") and not line.text.startswith(
            "Failed to load resource"
        ):
            complaints.append(line.text)

    def note_strangers(request):
        if not request.url.startswith((live_server.url, "data:", "blob:")):
            complaints.append(f"to another host: {request.url}")

    def note_errors(response):
        # A page may refuse; the test says which. What belongs to a page must come.
        if response.status >= 500 or (
            response.status >= 400 and not response.request.is_navigation_request()
        ):
            complaints.append(f"{response.status} {response.url}")

    def note_failures(request):
        if (
            request.failure != "net::ERR_ABORTED"
        ):  # the browser itself, when the page is left meanwhile
            complaints.append(f"failed: {request.url} {request.failure}")

    def open_window(user=None, *, phone=False, dark=False, unsteady=False, **options):
        context = chromium.new_context(
            base_url=live_server.url,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **(PHONE if phone else DESK),
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies(
                [{"name": cookie.key, "value": cookie.value, "url": live_server.url}]
            )
        page = context.new_page()
        page.on("console", note_console)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if not unsteady:
            page.on("requestfailed", note_failures)
        page.on("request", note_strangers)
        page.on("response", note_errors)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


def faults(page, *rules):
    """What axe finds against WCAG 2.1 A and AA on the page as it stands; ``rules`` limits it to those."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": WCAG}
    found = page.evaluate("only => axe.run({ runOnly: only, resultTypes: ['violations'] })", only)
    return [
        f"{violation['id']}: {node['html'][:200]} — {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"][:3]
    ]


def sideways(page):
    """The elements that stick out of a page which can be pushed sideways, or nothing."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            const pushed = document.documentElement.scrollWidth - width;
            if (pushed <= 0) return [];
            const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
            const out = [...document.body.querySelectorAll("*")].filter(
                (element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element.parentElement));
            return [`at ${width} px sticks out by ${pushed} px: ${out.slice(0, 2).map((element) => element.outerHTML.slice(0, 150))}`];
        }"""
    )


def look_over(page):
    """Everything wrong with the page at both widths, light and dark."""
    wrong = []
    for size in (PHONE["viewport"], DESK["viewport"]):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        wrong += faults(page) + sideways(page)
        page.emulate_media(color_scheme="dark")
        wrong += faults(page, "color-contrast")
    if (headings := page.locator("h1").count()) != 1:
        wrong.append(f"{headings} headings of the first level")
    return wrong
