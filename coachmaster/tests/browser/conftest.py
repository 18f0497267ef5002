import datetime
import os
from pathlib import Path

import axe_playwright_python
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import sync_playwright

from academics.tests.factories import DailyBatchFactory
from accounts.tests.factories import StudentFactory
from finance.tests.factories import enrolled

from . import chromium as chromium_path
from .desk import Desk

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
    """Start the browser once. Without one, skip the tests; fail if REQUIRE_ALL is set."""
    path = chromium_path.find()
    if path is None:
        (pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip)(chromium_path.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium, live_server):
    """Open a page in a new window, signed in: `browse(user, phone=True, dark=True)`.

    The test fails on errors of scripts, of the Content-Security-Policy and of files, and on
    requests to other hosts. ``unsteady`` permits lost connections.
    """
    problems, contexts = [], []

    def record_console(line):
        # Failed requests are recorded by their response.
        if line.type in ("error", "warning") and not line.text.startswith(
            "Failed to load resource"
        ):
            problems.append(line.text)

    def record_other_host(request):
        if not request.url.startswith((live_server.url, "data:", "blob:")):
            problems.append(f"to another host: {request.url}")

    def record_error(response):
        # A page may be refused on purpose, its files may not.
        if response.status >= 500 or (
            response.status >= 400 and not response.request.is_navigation_request()
        ):
            problems.append(f"{response.status} {response.url}")

    def record_failure(request):
        # The browser aborts requests when it leaves a page.
        if request.failure != "net::ERR_ABORTED":
            problems.append(f"failed: {request.url} {request.failure}")

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
        page.on("console", record_console)
        page.on("pageerror", lambda error: problems.append(str(error)))
        if not unsteady:
            page.on("requestfailed", record_failure)
        page.on("request", record_other_host)
        page.on("response", record_error)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def desk(browse, admin):
    """The Desk of the clerk Anita Rao, signed in."""
    return Desk(browse(admin))


@pytest.fixture
def jee(live_server, instructor):
    """The batch JEE Morning with classes every day from today, for ₹12,000."""
    return DailyBatchFactory(
        name="JEE Morning",
        instructor=instructor,
        course__name="JEE",
        starts_on=timezone.localdate(),
        capacity=40,
    )


@pytest.fixture
def asha(jee):
    """Asha Verma, enrolled from today: ₹12,000 are due today."""
    student = StudentFactory(
        user__full_name="Asha Verma",
        user__phone="9876543210",
        guardian_name="Sunita Verma",
        guardian_phone="9811112222",
    )
    return enrolled(student=student, batch=jee).student


@pytest.fixture
def vivek(jee):
    """The brother of Asha, enrolled from today."""
    student = StudentFactory(
        user__full_name="Vivek Verma",
        guardian_name="Sunita Verma",
        guardian_phone="9811112222",
    )
    return enrolled(student=student, batch=jee).student


@pytest.fixture
def ravi(live_server, instructor):
    """Ravi Kumar in JEE Evening, for which ₹12,000 were due on the first of ten days ago.

    The batch has thirty classes, of which ten were held before today.
    """
    today = timezone.localdate()
    batch = DailyBatchFactory(
        name="JEE Evening",
        instructor=instructor,
        starts_on=today - datetime.timedelta(days=10),
        ends_on=today + datetime.timedelta(days=19),
    )
    student = StudentFactory(user__full_name="Ravi Kumar")
    return enrolled(student=student, batch=batch).student


def violations(page, *rules):
    """Return violations of WCAG 2.1 A and AA, or of these axe ``rules``, on the page."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": WCAG}
    found = page.evaluate("only => axe.run({ runOnly: only, resultTypes: ['violations'] })", only)
    return [
        f"{violation['id']}: {node['html'][:200]} — {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"][:3]
    ]


def overflow(page):
    """Return the elements that make the page scroll horizontally."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            const excess = document.documentElement.scrollWidth - width;
            if (excess <= 0) return [];
            const scrolls = (element) =>
                element &&
                (getComputedStyle(element).overflowX !== "visible" ||
                    scrolls(element.parentElement));
            const wide = [...document.body.querySelectorAll("*")].filter(
                (element) =>
                    element.getBoundingClientRect().right > width + 1 &&
                    !scrolls(element.parentElement)
            );
            const html = wide.slice(0, 2).map((element) => element.outerHTML.slice(0, 150));
            return [`${excess} px wider than ${width} px: ${html}`];
        }"""
    )


def page_problems(page):
    """Check a page at both widths, light and dark."""
    found = []
    for size in (PHONE["viewport"], DESK["viewport"]):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        found += violations(page) + overflow(page)
        page.emulate_media(color_scheme="dark")
        found += violations(page, "color-contrast")
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} h1 headings")
    return found
