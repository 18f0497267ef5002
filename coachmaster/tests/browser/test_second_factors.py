import base64
import re
from urllib.parse import parse_qs

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from playwright.sync_api import expect

from accounts.models import SignInRules
from accounts.tests.factories import PASSWORD

from .conftest import page_problems

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def window(browse, live_server, settings):
    """A window with an authenticator, and a function by which that loses its passkeys."""
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [live_server.url]
    page = browse()
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page, lambda: devtools.send("WebAuthn.clearCredentials", added)


def enter_password(page, person):
    page.goto("/accounts/login/")
    page.get_by_label("Email or admission number").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page):
    page.goto("/accounts/me/")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile("/accounts/login/"))


def add_passkey(page, name):
    page.goto(reverse("accounts:second-factor"))
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill(name)
    assert page_problems(page) == []
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Create the passkey")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("button", name="Create the passkey").click()


def test_passkey_is_added_and_signs_in(window, admin, instructor):
    page, _ = window
    enter_password(page, admin)
    add_passkey(page, "Office laptop")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("link", name="I have stored them").click()
    expect(page.get_by_text("Office laptop").first).to_be_visible()
    sign_out(page)

    enter_password(page, admin)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.goto("/dashboard/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/accounts/login/second-step/")
    assert page_problems(page) == []
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Use a passkey").click()

    expect(page).to_have_url(re.compile("/dashboard/"))
    assert_used_up(admin, parse_qs(sent.value.post_data)["code-passkey"][0])


def assert_used_up(person, answer):
    """The same answer of the passkey signs nobody in a second time."""
    thief = Client()
    thief.post("/accounts/login/", {"name": person.email, "password": PASSWORD})
    thief.get("/accounts/login/second-step/")
    page = thief.post("/accounts/login/second-step/", {"code-passkey": answer})
    assert page.context["form"].errors == {
        "code": ["The passkey was not accepted. Try again, or enter a code."]
    }


def let_eleven_minutes_pass():
    session = SessionStore(Session.objects.get().pk)
    for name in {"password_entered_at", "second_factor_used_at"} & set(session.keys()):
        session[name] -= 11 * 60
    session.save()


def test_page_asks_for_the_password_and_adds_staff_with_what_was_entered(browse, admin):
    page = browse(admin)
    let_eleven_minutes_pass()
    page.goto(f"{reverse('accounts:person-create')}?role=Instructor")
    page.get_by_label("Full name").fill("Ravi “R” Rao")
    page.get_by_label("Email").fill("ravi@example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_text("Ravi “R” Rao added.").first).to_be_visible()


def test_passkey_confirms_a_step_and_nothing_typed_is_lost(window, admin, instructor):
    page, _ = window
    enter_password(page, admin)
    add_passkey(page, "Phone")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    let_eleven_minutes_pass()

    page.goto(reverse("accounts:person-role", args=[instructor.pk]))
    page.get_by_label("Admin", exact=True).check()
    assert page_problems(page) == []
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("Imran Khan is now Admin.")).to_be_visible()


def test_refused_passkey_says_what_to_do(window, admin):
    page, forget_passkeys = window
    enter_password(page, admin)
    add_passkey(page, "Phone")
    page.get_by_role("link", name="I have stored them").click()
    sign_out(page)
    enter_password(page, admin)
    forget_passkeys()

    page.get_by_role("button", name="Use a passkey").click()

    failure = page.get_by_text("The passkey was not read. Try again, or enter a code.")
    expect(failure).to_be_visible()
    expect(page.get_by_label("Code")).to_be_visible()


def test_required_person_sets_up_an_app_before_anything_else(browse, admin):
    rules = SignInRules.objects.current()
    rules.second_factor_required = "staff"
    rules.save()
    page = browse()
    enter_password(page, admin)

    expect(page.get_by_text("Your institute requires a second factor.")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("link", name="Set up").click()
    assert page_problems(page) == []
    secret = page.locator("#secret").inner_text().replace(" ", "")
    code = totp(base64.b32decode(secret))
    page.get_by_label("Code").fill(f"{code:06d}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/people/")
    expect(page.get_by_role("heading", name="People")).to_be_visible()
