import base64
import datetime
import re
from contextlib import suppress

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts.services import second_factors
from accounts.services.invitations import invitation_link
from accounts.services.passwords import set_password
from accounts.throttling import TooManyTries
from coachmaster.tests.api import Caller

from .factories import PASSWORD, UserFactory
from .second_factors import app_of, code_of, signed_in

pytestmark = pytest.mark.django_db

LOGIN, SECOND_STEP, HOME = (
    "/accounts/login/",
    "/accounts/login/second-step/",
    reverse("dashboards:dashboard"),
)
#: JSON that is too deep for the parser.
DEEP = '{"a":' * 1500 + "0" + "}" * 1500
WRONG = "This is not valid. Enter the newest code of the app, or an unused recovery code."


@pytest.fixture
def app(instructor):
    return app_of(instructor)[0]


@pytest.fixture
def half_way(client, instructor, app):
    """A client whose name and password were right."""
    response = client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    assert (response.status_code, response.url) == (302, SECOND_STEP)
    return client


def is_signed_in(client):
    return client.get(reverse("accounts:me")).status_code == 200


def later(**delta):
    return time_machine.travel(timezone.now() + datetime.timedelta(**delta))


# Set-up ------------------------------------------------------------------------------------------


def secret_on(page):
    text = re.search(r'<code id="secret">([^<]+)</code>', page.content.decode())[1]
    return base64.b32decode(text.replace(" ", ""))


def test_person_sets_up_an_app_and_signs_in_with_its_code(client_of, instructor, settings):
    settings.SENDS_MAIL = True
    client = client_of(instructor)
    page = client.get(reverse("accounts:app-add"))
    app = TOTPDevice(user=instructor, key=secret_on(page).hex())
    assert page.content.decode().count("<svg") >= 1
    assert app.config_url.replace("&", "&amp;") in page.content.decode()

    response = client.post(reverse("accounts:app-add"), {"code": code_of(app)}, follow=True)

    codes = re.findall(r"<code>([^<]+)</code>", response.content.decode())
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code) for code in codes)
    client.logout()
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    with later(seconds=31):
        assert client.post(SECOND_STEP, {"code": code_of(app)}).url == HOME
        assert is_signed_in(client)


def test_set_up_notifies_the_person_and_is_recorded(
    client_of, instructor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    client = client_of(instructor)
    app = TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex())

    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("accounts:app-add"), {"code": code_of(app)})

    [message] = mail.outbox
    assert message.to == [instructor.email]
    assert "An authenticator app was added as second factor." in message.body
    newest = instructor.history.first()
    assert newest.history_change_reason == "An authenticator app was added as second factor"
    assert newest.history_user == instructor


def test_wrong_first_code_sets_up_nothing(client_of, instructor):
    client = client_of(instructor)
    client.get(reverse("accounts:app-add"))

    page = client.post(reverse("accounts:app-add"), {"code": "000000"})

    assert page.context["form"].errors == {
        "code": ["This is not the newest code of the app. Wait for the next one, and enter it."]
    }
    assert not second_factors.has_second_factor(instructor)


def test_recovery_codes_are_shown_once_and_stored_as_hashes(client_of, instructor):
    client = client_of(instructor)
    app = TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex())
    client.post(reverse("accounts:app-add"), {"code": code_of(app)})

    shown = client.get(reverse("accounts:recovery-codes")).context["codes"]

    assert client.get(reverse("accounts:recovery-codes")).status_code == 302
    stored = StaticToken.objects.values_list("token", flat=True)
    assert not any(token in code.replace("-", "") for token in stored for code in shown)
    assert not any(code in str(Session.objects.get().get_decoded()) for code in shown)


def test_new_app_replaces_the_old_one_and_keeps_recovery_codes(client, instructor, app):
    signed_in(client, instructor, app)
    new = TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex())

    page = client.post(reverse("accounts:app-add"), {"code": code_of(new)})
    assert list(page.context["form"].errors) == ["password"]
    sent = {"code": code_of(new), "password": PASSWORD}
    response = client.post(reverse("accounts:app-add"), sent)

    assert response.url == reverse("accounts:second-factor")
    assert TOTPDevice.objects.get().key == new.key
    assert second_factors.recovery_codes_left(instructor) == 10


def test_new_recovery_codes_replace_the_old_ones(client, instructor):
    app, old = app_of(instructor)
    signed_in(client, instructor, app)

    address = reverse("accounts:recovery-codes-renew")
    assert list(client.post(address, {"password": "x"}).context["form"].errors) == ["password"]

    page = client.post(address, {"password": PASSWORD}, follow=True)

    new = page.context["codes"]
    assert len(new) == 10 and not set(new) & set(old)
    client.logout()
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    assert client.post(SECOND_STEP, {"code": old[0]}).context["form"].errors == {"code": [WRONG]}
    assert client.post(SECOND_STEP, {"code": new[0]}).url == HOME


def test_recovery_codes_need_another_factor(client_of, instructor):
    assert client_of(instructor).post(reverse("accounts:recovery-codes-renew")).status_code == 403
    assert not StaticToken.objects.exists()


def test_removing_the_app_needs_the_password_even_just_after_signing_in(client, instructor, app):
    signed_in(client, instructor, app)
    address = reverse("accounts:app-remove")

    assert list(client.post(address, {"password": "wrong"}).context["form"].errors) == ["password"]
    assert TOTPDevice.objects.exists()
    assert client.post(address, {"password": PASSWORD}).url == reverse("accounts:second-factor")
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()


def test_removing_the_app_needs_password_and_code_after_ten_minutes(client_of, instructor, app):
    client = client_of(instructor)
    address = reverse("accounts:app-remove")
    with later(minutes=11):
        errors = client.post(address, {"password": PASSWORD}).context["form"].errors
        assert list(errors) == ["own_code"]
        client.post(address, {"password": PASSWORD, "own_code": code_of(app)})

    assert not TOTPDevice.objects.exists()


def test_first_factor_signs_out_where_the_password_was_enough(client_of, instructor):
    other, program = Client(), Caller(instructor)
    other.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    client = client_of(instructor)
    app = TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex())

    client.post(reverse("accounts:app-add"), {"code": code_of(app)})

    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert program("GET", "/auth/me")[0] == 401


def test_further_factor_signs_out_nobody(client, instructor, app):
    other = signed_in(Client(), instructor, app)
    with later(seconds=31):
        signed_in(client, instructor, app)
        new = TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex())
        sent = {"code": code_of(new), "password": PASSWORD}
        client.post(reverse("accounts:app-add"), sent)

    assert TOTPDevice.objects.get().key == new.key
    assert is_signed_in(client) and is_signed_in(other)


def test_password_confirms_nothing_once_there_is_a_factor(client_of, instructor):
    client = client_of(instructor)
    app, _ = app_of(instructor)
    address = reverse("accounts:recovery-codes-renew")

    sent = {"password": PASSWORD}
    assert list(client.post(address, sent).context["form"].errors) == ["own_code"]
    assert client.post(address, {**sent, "own_code": code_of(app)}).status_code == 302


def test_code_of_the_set_up_and_of_the_sign_in_confirm(client_of, instructor):
    client = client_of(instructor)
    app = TOTPDevice(user=instructor, key=secret_on(client.get(reverse("accounts:app-add"))).hex())
    client.post(reverse("accounts:app-add"), {"code": code_of(app)})
    address = reverse("accounts:recovery-codes-renew")
    assert client.post(address, {"password": PASSWORD}).status_code == 302

    with later(minutes=11):
        client.logout()
        signed_in(client, instructor, app)
        assert client.post(address, {"password": PASSWORD}).status_code == 302


def test_secret_of_the_app_is_shown_once(client_of, instructor):
    client = client_of(instructor)
    first, second = (
        TOTPDevice(key=secret_on(client.get(reverse("accounts:app-add"))).hex()) for _ in range(2)
    )

    assert first.key != second.key
    assert client.post(reverse("accounts:app-add"), {"code": code_of(first)}).status_code == 200
    assert not second_factors.has_second_factor(instructor)
    assert client.post(reverse("accounts:app-add"), {"code": code_of(second)}).status_code == 302


def test_passkey_that_was_begun_cannot_be_finished_after_ten_minutes(client_of, instructor):
    client = client_of(instructor)
    address = reverse("accounts:passkey-add")
    client.post(address, {"name": "Phone"})

    with later(minutes=11):
        page = client.post(address, {"answer": "{}"}, follow=True)

    assert "That took longer than ten minutes. Start again." in page.content.decode()


def test_person_has_at_most_ten_passkeys(client, instructor, app):
    client, address = signed_in(client, instructor, app), reverse("accounts:passkey-add")
    for number in range(10):
        WebAuthnCredential.objects.create(
            user=instructor, name="Phone", credential_id=bytes([number]), public_key=b"key"
        )
    client.post(address, {"name": "Phone"})
    page = client.post(address, {"answer": "{}"}, follow=True)

    assert "You have 10 passkeys already. Remove one first." in page.content.decode()
    assert WebAuthnCredential.objects.count() == 10


# Signing in --------------------------------------------------------------------------------------


def test_nothing_is_open_between_password_and_code(half_way, admin, settings):
    addresses = ["/", HOME, "/accounts/me/", "/accounts/second-factor/", "/people/"]
    for address in addresses:
        assert half_way.get(address).url == f"{LOGIN}?next={address}"
    admin_page = half_way.get(f"/{settings.ADMIN_PATH}", follow=True)
    assert admin_page.redirect_chain[-1][0].startswith(LOGIN)
    assert half_way.get("/api/v1/auth/me").status_code == 401
    assert half_way.get(LOGIN).status_code == 200


def test_code_with_spaces_signs_in(half_way, app):
    code = code_of(app)

    assert half_way.post(SECOND_STEP, {"code": f" {code[:3]} {code[3:]} "}).url == HOME


@pytest.mark.parametrize(
    "code",
    [
        "000000",
        "12345",
        "1234567",
        "abcd-efgh",
        "",
        "１２３４５６",
        "0\0" * 3,
        "{}",
        '{"id": 1}',
        DEEP,
    ],
)
def test_wrong_code_is_refused(half_way, code):
    page = half_way.post(SECOND_STEP, {"code": code})

    assert list(page.context["form"].errors) == ["code"]
    assert not is_signed_in(half_way)


def test_code_of_the_app_works_once(half_way, instructor, app):
    code = code_of(app)
    half_way.post(SECOND_STEP, {"code": code})
    half_way.logout()

    half_way.post(LOGIN, {"name": instructor.email, "password": PASSWORD})

    assert half_way.post(SECOND_STEP, {"code": code}).context["form"].errors == {"code": [WRONG]}


def test_recovery_code_works_once_and_tells_the_person(
    client, instructor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    _, codes = app_of(instructor)
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(SECOND_STEP, {"code": codes[3].upper()}).url == HOME
    client.logout()
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})

    assert client.post(SECOND_STEP, {"code": codes[3]}).context["form"].errors == {"code": [WRONG]}
    assert "One of your recovery codes was used. Codes left: 9." in mail.outbox[-1].body


def test_code_of_somebody_else_is_refused(half_way, admin):
    other, codes = app_of(admin)

    for code in (code_of(other), codes[0]):
        assert half_way.post(SECOND_STEP, {"code": code}).context["form"].errors

    assert second_factors.recovery_codes_left(admin) == 10


def test_second_step_ends_after_five_minutes(half_way, app):
    with later(minutes=5, seconds=1):
        page = half_way.post(SECOND_STEP, {"code": code_of(app)})

        assert "Enter your name and password first." in page.content.decode()
        assert not is_signed_in(half_way)


def test_second_step_ends_with_a_new_password_and_with_deactivation(half_way, instructor, app):
    set_password(instructor, "seven green parrots")
    half_way.post(SECOND_STEP, {"code": code_of(app)})
    assert not is_signed_in(half_way)

    half_way.post(LOGIN, {"name": instructor.email, "password": "seven green parrots"})
    instructor.is_active = False
    instructor.save()
    page = half_way.post(SECOND_STEP, {"code": code_of(app, steps=1)})
    assert "Enter your name and password first." in page.content.decode()
    assert not is_signed_in(half_way)


def test_session_gets_a_new_key_at_each_step(client, instructor, app):
    keys = [client.session.session_key]
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    keys.append(client.session.session_key)
    client.post(SECOND_STEP, {"code": code_of(app)})
    keys.append(client.session.session_key)

    assert len(set(keys)) == 3
    assert [Session.objects.filter(pk=key).exists() for key in keys] == [False, False, True]


def test_half_sign_in_ends_the_session_of_another_person(client_of, admin, instructor, app):
    client = client_of(admin)
    new = {"password": "seven green parrots", "password_again": "seven green parrots"}

    assert client.post(invitation_link(instructor, by=None), new).url == SECOND_STEP

    assert not is_signed_in(client)
    assert not admin.devices.exists()


def test_right_code_is_refused_after_five_wrong_ones(half_way, app):
    for _ in range(5):
        half_way.post(SECOND_STEP, {"code": "000000"})

    response = half_way.post(SECOND_STEP, {"code": code_of(app)})

    assert response.status_code == 429
    assert 890 <= int(response["Retry-After"]) <= 900
    assert not is_signed_in(half_way)


def test_wrong_codes_are_limited_over_sessions_and_days(client, instructor, app):
    wrong = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(11):
            client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
            wrong += [client.post(SECOND_STEP, {"code": "000000"}).status_code for _ in range(5)]
            clock.shift(datetime.timedelta(minutes=16))

    assert wrong == [200] * 50 + [429] * 5


def test_wrong_codes_do_not_keep_out_who_has_a_recovery_code(client, instructor):
    _, codes = app_of(instructor)
    client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})
    for _ in range(6):
        client.post(SECOND_STEP, {"code": "000000"})

    assert client.post(SECOND_STEP, {"code": codes[0]}).url == HOME


def test_wrong_recovery_codes_and_passkeys_are_not_counted(half_way, app):
    for code in ["abcd-efgh", '{"id": 1}', "12345"] * 3:
        assert half_way.post(SECOND_STEP, {"code": code}).status_code == 200

    assert half_way.post(SECOND_STEP, {"code": code_of(app)}).url == HOME


def test_new_password_or_removal_ends_the_wait_after_wrong_codes(client, instructor, app):
    def sign_in(password, app):
        client.post(LOGIN, {"name": instructor.email, "password": password})
        return client.post(SECOND_STEP, {"code": code_of(app)}).status_code

    for _ in range(5):
        with suppress(ValidationError):
            second_factors.check_code(instructor, "000000")
    assert sign_in(PASSWORD, app) == 429
    set_password(instructor, "seven green parrots")
    assert sign_in("seven green parrots", app) == 302
    client.logout()

    for _ in range(5):
        with suppress(ValidationError):
            second_factors.check_code(instructor, "000000")
    second_factors.remove_second_factor(instructor)
    assert sign_in("seven green parrots", app_of(instructor)[0]) == 302


def test_new_passwords_do_not_end_the_count_of_a_day(instructor, app):
    for number in range(10):
        for _ in range(5):
            with suppress(ValidationError):
                second_factors.check_code(instructor, "000000")
        set_password(instructor, f"seven green parrots {number}")

    with pytest.raises(TooManyTries):
        second_factors.check_code(instructor, code_of(app))


def test_requested_page_survives_the_second_step(client, instructor, app):
    sent = {"name": instructor.email, "password": PASSWORD, "next": "/accounts/me/?a=1"}
    client.post(LOGIN, sent)

    assert client.post(SECOND_STEP, {"code": code_of(app)}).url == "/accounts/me/?a=1"


def test_second_step_never_leads_to_another_site(client, instructor, app):
    sent = {"name": instructor.email, "password": PASSWORD, "next": "//evil.example/"}
    client.post(LOGIN, sent)

    assert client.post(SECOND_STEP, {"code": code_of(app)}).url == HOME


def test_link_to_set_a_password_does_not_replace_the_second_factor(client, instructor, app):
    new = {"password": "seven green parrots", "password_again": "seven green parrots"}
    response = client.post(invitation_link(instructor, by=None), new)

    assert response.url == SECOND_STEP
    assert not is_signed_in(client)
    client.post(SECOND_STEP, {"code": code_of(app)})
    assert is_signed_in(client)


def test_person_without_second_factor_signs_in_with_the_password(client, instructor):
    response = client.post(LOGIN, {"name": instructor.email, "password": PASSWORD})

    assert response.url == HOME
    assert client.get(SECOND_STEP).url == HOME


# Lost phones -------------------------------------------------------------------------------------


def test_admin_removes_the_second_factor_of_somebody_who_lost_it(
    client_of, admin, instructor, app, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    client = client_of(admin)
    address = reverse("accounts:person-second-factor-remove", args=[instructor.pk])
    assert address in client.get(instructor.get_absolute_url()).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(address).url == instructor.get_absolute_url()

    assert not second_factors.has_second_factor(instructor)
    page = client.get(instructor.get_absolute_url()).content.decode()
    assert "The second factor was removed by the office" in page
    assert address not in page
    assert mail.outbox[-1].to == [instructor.email]
    assert "The second factor was removed by the office." in mail.outbox[-1].body


def test_removing_it_for_somebody_signs_them_out_everywhere(client, admin, half_way, app):
    half_way.post(SECOND_STEP, {"code": code_of(app)})
    program = Caller(app.user)
    assert is_signed_in(half_way)

    other = Client()
    other.force_login(admin)
    other.post(reverse("accounts:person-second-factor-remove", args=[app.user_id]))

    assert not is_signed_in(half_way)
    assert program("GET", "/auth/me")[0] == 401


def test_removing_it_for_somebody_asks_for_the_password_after_ten_minutes(
    client_of, admin, instructor, app
):
    client = client_of(admin)
    address = reverse("accounts:person-second-factor-remove", args=[instructor.pk])
    with later(minutes=11):
        assert list(client.post(address).context["form"].errors) == ["own_password"]
        assert second_factors.has_second_factor(instructor)
        client.post(address, {"own_password": PASSWORD})

    assert not second_factors.has_second_factor(instructor)


def test_nobody_removes_the_second_factor_of_the_owner_or_their_own_this_way(client_of, admin):
    owner = UserFactory(email="owner@example.com", role="Admin", is_superuser=True)
    for person in (owner, admin):
        app_of(person)
        address = reverse("accounts:person-second-factor-remove", args=[person.pk])
        assert client_of(admin).post(address).status_code == 403
        assert second_factors.has_second_factor(person)


def test_operator_removes_a_second_factor_by_a_command(instructor, app, capsys):
    call_command("reset_second_factor", "Imran@Example.com")

    assert "Imran Khan was signed out, and needs only the password now." in capsys.readouterr().out
    assert not second_factors.has_second_factor(instructor)
    with pytest.raises(CommandError, match="Imran Khan has no second factor"):
        call_command("reset_second_factor", instructor.email)
    with pytest.raises(CommandError, match="Nobody has the email address"):
        call_command("reset_second_factor", "x@example.com")


# Asked again -------------------------------------------------------------------------------------


def test_change_of_a_role_asks_for_a_code_where_a_factor_is_set(client_of, admin, instructor):
    app, _ = app_of(admin)
    client = client_of(admin)
    address = reverse("accounts:person-role", args=[instructor.pk])
    role = admin.membership.group_id
    with later(minutes=11):
        page = client.post(address, {"role": role, "own_password": PASSWORD})
        assert list(page.context["form"].errors) == ["own_code"]
        assert page.context["form"]["role"].value() == str(role)
        page = client.post(address, {"role": role, "own_code": "000000"})
        assert page.context["form"].errors == {"own_code": [WRONG]}
        assert 'value="000000"' not in page.content.decode()
        assert client.post(address, {"role": role, "own_code": code_of(app)}).status_code == 302
        page = client.get(address)
        assert list(page.context["form"].fields) == ["role"]


def test_change_of_the_password_does_not_replace_the_code(client_of, admin, instructor):
    app_of(admin)
    client = client_of(admin)
    new = "seven green parrots"
    with later(minutes=11):
        sent = {"old_password": PASSWORD, "password": new, "password_again": new}
        assert client.post(reverse("accounts:password-change"), sent).status_code == 302
        page = client.get(reverse("accounts:person-role", args=[instructor.pk]))

    assert list(page.context["form"].fields) == ["role", "own_code"]


def test_wrong_codes_of_the_prompt_are_limited(client_of, admin, instructor):
    app, _ = app_of(admin)
    client = client_of(admin)
    address = reverse("accounts:person-role", args=[instructor.pk])
    with later(minutes=11):
        for _ in range(5):
            client.post(address, {"role": 1, "own_code": "000000"})
        page = client.post(address, {"role": 1, "own_code": code_of(app)})

    assert page.context["form"].errors["own_code"] == [
        "Too many tries. Wait 15 minutes, then try again."
    ]


# API ---------------------------------------------------------------------------------------------


def api_sign_in(person, **body):
    return Caller()("POST", "/auth/login", {"email": person.email, "password": PASSWORD, **body})


def test_api_asks_for_the_code_and_takes_it(instructor, app):
    status, body = api_sign_in(instructor)
    assert (status, body) == (
        401,
        {
            "message": "Send “code” too: that of your authenticator app, or a recovery code.",
            "error": "second_factor",
        },
    )
    assert api_sign_in(instructor, code="000000") == (
        401,
        {"message": WRONG, "error": "second_factor"},
    )

    status, body = api_sign_in(instructor, code=code_of(app))

    assert status == 200
    assert Caller(token=body["token"])("GET", "/auth/me")[0] == 200


def test_api_takes_a_recovery_code_once(instructor):
    _, codes = app_of(instructor)

    assert api_sign_in(instructor, code=codes[0])[0] == 200
    assert api_sign_in(instructor, code=codes[0])[0] == 401


def test_api_says_nothing_about_the_factor_for_a_wrong_password(instructor, app):
    status, body = api_sign_in(instructor, password="wrong", code=code_of(app))

    assert (status, body) == (
        401,
        {"message": "Wrong name or password. Check both and try again."},
    )


def test_api_limits_wrong_codes_together_with_the_page(half_way, instructor, app):
    for _ in range(3):
        half_way.post(SECOND_STEP, {"code": "000000"})
    codes = ["000000", "000000", code_of(app)]

    assert [api_sign_in(instructor, code=code)[0] for code in codes] == [401, 401, 429]


def test_api_needs_no_code_from_others(student):
    assert api_sign_in(student.user, code="000000")[0] == 200


# Elsewhere ---------------------------------------------------------------------------------------


def test_django_admin_does_not_show_secrets(client_of, app, settings):
    owner = UserFactory(email="owner@example.com", role="Admin", is_superuser=True)
    client = client_of(owner)

    page = client.get(f"/{settings.ADMIN_PATH}").content.decode()

    assert "otp" not in page.lower()
    assert client.get(f"/{settings.ADMIN_PATH}otp_totp/totpdevice/{app.pk}/").status_code == 404


def test_person_sees_only_their_own_factors(client_of, student, app):
    page = client_of(student).get(reverse("accounts:second-factor"))

    assert page.context["app"] is None
    assert client_of(student).post(reverse("accounts:app-remove")).status_code == 404
    assert TOTPDevice.objects.exists()


def test_sign_in_page_of_the_second_step_is_not_cached(half_way):
    assert "no-store" in half_way.get(SECOND_STEP)["Cache-Control"]
    assert Client().get(SECOND_STEP).status_code == 200
