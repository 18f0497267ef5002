import json
import logging
import re
import smtplib

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from academics.tests.test_institute import settings as institute_settings
from accounts import tokens
from accounts.models import User
from accounts.roles import ADMIN
from accounts.services.calendar_links import link_token, renew_link
from accounts.services.invitations import invitation_link
from accounts.tests.factories import PASSWORD as FACTORY_PASSWORD
from accounts.tests.second_factors import app_of
from coachmaster.imports.models import Import
from finance.models import Refund
from finance.tests.factories import enrolled, paid
from finance.verification import receipt_token

from .api import Caller
from .logs import Console
from .server import running_site
from .test_permissions import routes

pytestmark = pytest.mark.django_db

PASSWORD = "seven green parrots"
NOT_FOUND = "/no-such-page/"


@pytest.fixture
def console():
    with Console("json") as console:
        yield console


@pytest.fixture(params=["plain", "json"])
def formatted(request):
    """The console in each format."""
    with Console(request.param) as console:
        yield console


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """`commit(call)`: the answer of the call, its transaction committed."""

    def commit(call):
        with django_capture_on_commit_callbacks(execute=True):
            return call()

    return commit


@pytest.fixture
def payment(student, admin):
    enrolled(student=student, fee="12000.00")
    return paid(student=student, amount="5000.00", by=admin)


# Requests --------------------------------------------------------------------------------------


def test_each_request_is_one_line(client_of, admin, console):
    client = client_of(admin)

    response = client.get("/courses/?q=Asha", REMOTE_ADDR="198.51.100.7")

    (line,) = console.events("coachmaster.access")
    assert re.fullmatch("[0-9a-f]{16}", response["X-Request-ID"])
    assert isinstance(line.pop("ms"), int)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "coachmaster.access",
        "event": "request",
        "method": "GET",
        "path": "/courses/",
        "status": 200,
        "request": response["X-Request-ID"],
        "user": admin.pk,
        "address": "198.51.100.7",
    }


def test_plain_line_names_its_fields(client_of, admin):
    client = client_of(admin)

    with Console("plain") as console:
        response = client.get("/courses/")

    date, _, line = console.text.partition(" INFO ")
    assert re.fullmatch(r"[0-9-]{10} [0-9:]{8},[0-9]{3}", date)
    assert re.sub(r"ms=\d+", "ms=1", line) == (
        "coachmaster.access request method=GET path=/courses/ status=200 ms=1 "
        f"request={response['X-Request-ID']} address=127.0.0.1 user={admin.pk}\n"
    )


def test_refused_page_names_the_person(client_of, student, console):
    client_of(student).get(reverse("academics:institute"))

    (line,) = console.events("coachmaster.access")
    assert (line["status"], line["user"], line["path"]) == (403, student.pk, "/institute/")


def test_call_of_a_program_names_the_person(admin, console):
    Caller(admin).get("/courses")

    (line,) = console.events("coachmaster.access")
    assert (line["path"], line["user"]) == ("/api/v1/courses", admin.pk)


def test_request_without_sign_in_names_nobody(client, console):
    client.get(NOT_FOUND)

    (line,) = console.events("coachmaster.access")
    assert "user" not in line


def test_next_request_of_the_same_thread_has_its_own_id_and_no_user(client_of, admin, console):
    client = client_of(admin)
    client.get("/courses/")
    client.logout()
    client.get("/courses/")

    first, second = console.events("coachmaster.access")
    assert first["request"] != second["request"]
    assert "user" not in second


@pytest.mark.parametrize(
    ("proxies", "given", "is_taken"),
    [
        (1, "4f0d2c9be1a84f55", True),
        (0, "4f0d2c9be1a84f55", False),
        (1, "short", False),
        (1, "x" * 65, False),
        (1, "a b c d e f g h", False),
        (1, "12345678\n", False),
    ],
)
def test_id_of_a_trusted_proxy_is_taken_over(client, settings, proxies, given, is_taken):
    settings.TRUSTED_PROXIES = proxies

    response = client.get(NOT_FOUND, headers={"x-request-id": given})

    assert (response["X-Request-ID"] == given) is is_taken


def test_error_pages_show_the_id(client_of, admin, monkeypatch, console):
    def fail(*args):
        raise ZeroDivisionError

    client = client_of(admin)
    client.raise_request_exception = False
    monkeypatch.setattr("academics.views.courses.CourseFilter", fail)

    response = client.get("/courses/")

    number = response["X-Request-ID"]
    assert response.status_code == 500
    assert f"{number}</code>" in response.content.decode()
    lines = [json.loads(line) for line in console.lines]
    assert {line["request"] for line in lines} == {number}
    assert [line["logger"] for line in lines if "traceback" in line] == ["django.request"]


def test_error_of_the_api_has_the_id_in_its_header(monkeypatch, admin, console):
    def fail(token):
        raise ZeroDivisionError

    monkeypatch.setattr("accounts.tokens.find", fail)

    response = Caller(admin).send("GET", "/courses")

    assert response.status_code == 500
    (line,) = console.events("coachmaster.access")
    assert line["request"] == response["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "host"),
    [("/courses/?q=%00", "localhost"), ("/courses/%00/", "localhost"), ("/courses/", "evil.test")],
    ids=["query", "path", "host"],
)
def test_refused_request_is_one_line_besides_the_access_log(client, formatted, path, host):
    response = client.get(path, headers={"host": host})

    assert response.status_code == 400
    assert "Traceback" not in formatted.text
    assert len([line for line in formatted.lines if "coachmaster.access" not in line]) == 1


def test_nul_in_a_form_is_an_error_of_the_form(client, formatted):
    response = client.post(reverse("accounts:login"), {"name": "a\0b", "password": "c\0d"})

    assert response.status_code == 200
    assert "Traceback" not in formatted.text
    assert len(formatted.lines) == 1


def test_line_break_in_an_address_makes_no_second_line(client, formatted):
    client.get("/courses%0A2026-11-24 INFO coachmaster.events signed in/")

    assert all("2026-11-24 INFO" not in line[:30] for line in formatted.lines)
    assert len([line for line in formatted.lines if "coachmaster.access" in line]) == 1


def test_address_cannot_imitate_fields(client):
    with Console("plain") as console:
        client.get("/x%20request=forged%20user=1")

    answered, refused = console.lines
    assert '"Not Found: /x request=forged user=1" request=' in refused
    assert 'path="/x request=forged user=1" status=404 ' in answered


def test_message_with_a_line_break_is_one_line(formatted):
    logging.getLogger("library").warning("first\nsecond")

    assert len(formatted.lines) == 1


# Events ----------------------------------------------------------------------------------------


def fields(line):
    common = {"time", "level", "logger", "request", "address"}
    return {name: value for name, value in line.items() if name not in common}


def test_sign_in_and_sign_out(client, admin, console, commit):
    admin.set_password(PASSWORD)
    admin.save()
    sent = {"name": "anita@example.com", "password": PASSWORD}

    response = commit(lambda: client.post(reverse("accounts:login"), sent))
    commit(lambda: client.post(reverse("accounts:logout")))

    signed_in, signed_out = console.events()
    assert signed_in["request"] == response["X-Request-ID"]
    assert signed_in["address"] == "127.0.0.1"
    assert fields(signed_in) == {"event": "signed in", "account": admin.pk, "user": admin.pk}
    assert fields(signed_out) == {"event": "signed out", "account": admin.pk, "user": admin.pk}


def test_failed_sign_in_names_the_account_and_not_the_input(client, admin, console, commit):
    for name in ("anita@example.com", "my-secret-password"):
        sent = {"name": name, "password": "wrong"}
        commit(lambda sent=sent: client.post(reverse("accounts:login"), sent))

    assert [fields(line) for line in console.events()] == [
        {"event": "sign-in failed", "account": admin.pk},
        {"event": "sign-in failed", "account": None},
    ]
    assert "my-secret-password" not in console.text


def test_sign_in_of_a_program(admin, console, commit):
    admin.set_password(PASSWORD)
    admin.save()
    caller = Caller()
    sent = {"email": "anita@example.com", "password": PASSWORD}

    _, data = commit(lambda: caller("POST", "/auth/login", sent))
    commit(lambda: caller("POST", "/auth/login", {**sent, "password": "wrong"}))
    caller.token = data["token"]
    commit(lambda: caller("POST", "/auth/logout"))

    events = [(line["event"], line["account"]) for line in console.events()]
    assert events == [
        ("signed in", admin.pk),
        ("sign-in failed", admin.pk),
        ("signed out", admin.pk),
    ]


def test_link_to_set_a_password_is_shown_or_sent(client_of, admin, instructor, console, commit):
    client = client_of(admin)
    page = reverse("accounts:person-invite", args=[instructor.pk])

    commit(lambda: client.post(page, {"show": ""}, follow=True))
    commit(lambda: client.get(page))

    (line,) = console.events()
    assert fields(line) == {
        "event": "invitation made",
        "account": instructor.pk,
        "user": admin.pk,
    }


def test_person_is_signed_out_everywhere_by_an_admin(client_of, admin, instructor, console, commit):
    client = client_of(admin)

    commit(lambda: client.post(reverse("accounts:person-sign-out", args=[instructor.pk])))

    (line,) = console.events()
    assert fields(line) == {
        "event": "devices signed out",
        "account": instructor.pk,
        "user": admin.pk,
    }


def test_second_factor_and_its_use(client, instructor, console, commit):
    _, codes = commit(lambda: app_of(instructor))
    sent = {"name": instructor.email, "password": FACTORY_PASSWORD}
    commit(lambda: client.post(reverse("accounts:login"), sent))
    page = "/accounts/login/second-step/"
    for code in ("wrong-code", codes[0]):
        commit(lambda code=code: client.post(page, {"code": code}))

    assert [(line["event"], line["account"]) for line in console.events()] == [
        ("second factor changed", instructor.pk),
        ("second factor failed", instructor.pk),
        ("signed in", instructor.pk),
    ]
    assert "wrong-code" not in console.text
    assert codes[0] not in console.text


def test_cancelled_receipt_and_refund(client_of, admin, payment, student, console, commit):
    client = client_of(admin)
    other = paid(student=student, amount="700.00", by=admin)
    refund = {
        "amount": "100",
        "refunded_on": timezone.localdate().isoformat(),
        "mode": "cash",
        "reason": "Left",
        "token": "one-token",
    }

    commit(
        lambda: client.post(
            reverse("finance:payment-void", args=[payment.pk]), {"reason": "wrong student"}
        )
    )
    commit(lambda: client.post(reverse("finance:refund-create", args=[other.pk]), refund))

    assert [fields(line) for line in console.events()] == [
        {"event": "receipt cancelled", "payment": payment.pk, "kind": "void", "user": admin.pk},
        {
            "event": "payment refunded",
            "payment": other.pk,
            "refund": Refund.objects.get().pk,
            "amount": "100.00",
            "user": admin.pk,
        },
    ]


def test_refused_cancellation_is_no_event(client_of, admin, payment, console, commit):
    client = client_of(admin)

    commit(lambda: client.post(reverse("finance:payment-void", args=[payment.pk]), {"reason": ""}))

    assert console.events() == []


def test_exported_list(client_of, admin, console, commit):
    client = client_of(admin)

    commit(lambda: b"".join(client.get("/courses/?as=csv&q=Asha")))

    (line,) = console.events()
    assert fields(line) == {
        "event": "list exported",
        "path": "/courses/",
        "format": "csv",
        "user": admin.pk,
    }


def test_email_changed_by_an_import(file, student, console, commit):
    number = student.admission_number
    path = file(f"name,admission no,email\nAsha Verma,{number},new@example.com\n")

    commit(lambda: call_command("import_students", path))

    changed = [line for line in console.events() if line["event"] == "email changed"]
    assert [line["account"] for line in changed] == [student.pk]


def test_imported_file(client_of, admin, console, commit):
    client = client_of(admin)
    file = SimpleUploadedFile("rows.csv", b"code,name,total_fee\nJEE,JEE Main,5000\n")
    client.post(reverse("imports:import-list"), {"kind": "courses", "file": file})
    upload = Import.objects.get()

    commit(lambda: client.post(reverse("imports:import-apply", args=[upload.pk])))

    recorded, line = console.events()
    assert fields(recorded)["event"] == "bulk action"
    assert fields(line) == {
        "event": "file imported",
        "upload": upload.pk,
        "kind": "courses",
        "created": 1,
        "changed": 0,
        "user": admin.pk,
    }


def test_changed_settings_are_named_without_their_values(client_of, admin, console, commit):
    client = client_of(admin)
    url = reverse("academics:institute")
    client.post(url, institute_settings())

    commit(lambda: client.post(url, institute_settings(phone="98765 43210")))

    (line,) = console.events()
    assert fields(line) == {"event": "settings changed", "fields": "phone", "user": admin.pk}


def test_changed_role_and_deactivated_person(client_of, admin, instructor, console, commit):
    client = client_of(admin)
    role = Group.objects.get(name=ADMIN)

    commit(
        lambda: client.post(
            reverse("accounts:person-role", args=[instructor.pk]), {"role": role.pk}
        )
    )
    commit(lambda: client.post(reverse("accounts:person-deactivate", args=[instructor.pk])))
    commit(lambda: client.post(reverse("accounts:person-activate", args=[instructor.pk])))

    assert [fields(line) for line in console.events()] == [
        {"event": "role changed", "account": instructor.pk, "role": role.pk, "user": admin.pk},
        {"event": "person deactivated", "account": instructor.pk, "user": admin.pk},
        {"event": "person activated", "account": instructor.pk, "user": admin.pk},
    ]


def test_changed_permissions_of_a_role(client_of, admin, console, commit):
    admin.is_superuser = True
    admin.save()
    client = client_of(admin)
    role = Group.objects.create(name="Cashier")
    adds = Permission.objects.filter(codename__in=["add_payment", "add_refund"])
    url = reverse("admin:auth_group_change", args=[role.pk])

    commit(lambda: client.post(url, {"name": "Cashier", "permissions": [one.pk for one in adds]}))
    commit(lambda: client.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"}))

    changed, deleted = console.events()
    assert fields(changed) == {
        "event": "role permissions changed",
        "role": role.pk,
        "change": "add",
        "permissions": "add_payment,add_refund",
        "user": admin.pk,
    }
    assert fields(deleted) == {"event": "role deleted", "role": role.pk, "user": admin.pk}


def test_refused_email_is_logged_without_its_address(
    client, student, settings, console, monkeypatch
):
    def refuse(self, messages):
        raise smtplib.SMTPRecipientsRefused({"asha@example.com": (550, b"no such user")})

    settings.SENDS_MAIL = True
    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    student.user.set_password(PASSWORD)
    student.user.save()

    client.post(reverse("accounts:password-reset"), {"email": "asha@example.com"}).close()

    assert "email not sent: SMTPRecipientsRefused 550" in console.text
    assert "asha@example.com" not in console.text


# Secrets ---------------------------------------------------------------------------------------


def test_no_secret_is_in_the_log(client, admin, student, payment, settings, formatted, commit):
    settings.SENDS_MAIL = True
    student.user.set_password(PASSWORD)
    student.user.save()
    secrets = [PASSWORD, "wrong-password", "new-password-1234", "asha@example.com"]
    base = "http://localhost:8000"

    def visit(link):
        secrets.append(max(link.rstrip("/").removesuffix(".ics").split("/"), key=len))
        for url in (link, link.rstrip("/"), f"{link}/more/", link.upper()):
            client.get(url, follow=True)
        client.get("/" + link[1:].replace("/", "//"))

    client.post(reverse("accounts:login"), {"name": "wrong-password", "password": "x"})
    for password in ("wrong-password", PASSWORD):
        sent = {"name": "asha@example.com", "password": password}
        commit(lambda sent=sent: client.post(reverse("accounts:login"), sent))
    secrets += [cookie.value for cookie in client.cookies.values()]
    visit(f"/calendar/feed/{student.pk}/{link_token(renew_link(student.user))}.ics")
    commit(lambda: client.post(reverse("accounts:logout")))

    commit(lambda: client.post(reverse("accounts:password-reset"), {"email": "asha@example.com"}))
    (email,) = mail.outbox
    visit(re.search(rf"{base}(/\S+)", email.body)[1])
    page = client.get(re.search(rf"{base}(/\S+)", email.body)[1], follow=True)
    sent = {"password": "new-password-1234", "password_again": "new-password-1234"}
    commit(lambda: client.post(page.request["PATH_INFO"], sent))

    visit(invitation_link(admin, by=None).removeprefix(base))
    visit(f"/r/{receipt_token(payment.pk)}/")

    token = tokens.issue(User.objects.get(pk=student.pk))
    secrets.append(token)
    Caller(token=token)("GET", "/auth/me")
    Caller(token=f"{token}x")("GET", "/auth/me")
    Caller()("POST", "/auth/login", {"email": "asha@example.com", "password": "wrong-password"})
    client.get(NOT_FOUND, headers={"referer": f"{base}/accounts/invitation/{secrets[-1]}/"})

    assert len(formatted.lines) > 30
    assert [secret for secret in secrets if secret.lower() in formatted.text.lower()] == []


def test_each_link_with_a_token_is_masked(client, formatted):
    paths = {path for _, path, _ in routes() if re.search(r"<(\w+:)?token>", path)}
    for path in paths:
        path = re.sub(r"<int:\w+>", "7", path)
        client.get("/" + re.sub(r"<[^>]*>", "SECRET-SECRET", path))

    assert len(paths) >= 5
    assert len(formatted.lines) >= 5
    assert "SECRET" not in formatted.text


@pytest.mark.parametrize("before", ["%20", "%C2%A0", "%0A", "%22", "'", "%3C", "a%20", "a%0A"])
def test_link_with_other_characters_before_the_token_is_masked(client, formatted, before):
    for path in ("accounts/invitation", "accounts/reset", "calendar/feed", "check-in", "r"):
        client.get(f"/{path}/{before}SECRET-SECRET/")

    assert len(formatted.lines) >= 10
    assert "SECRET" not in formatted.text


def test_log_of_the_documented_server_shows_the_address_and_no_secret_link(tmp_path):
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}",
        "TRUSTED_PROXIES": "1",
        "LOG_FORMAT": "json",
    }
    with running_site(tmp_path, **environment) as site:
        site.get(
            "/accounts/invitation/SECRET-SECRET/?x=SECRET",
            X_Forwarded_For="198.51.100.7",
            Referer="http://localhost/r/SECRET/",
        )
    lines = site.lines()

    assert "SECRET" not in "\n".join(lines)
    (line,) = [json.loads(line) for line in lines if '"coachmaster.access"' in line]
    assert (line["path"], line["address"]) == ("/accounts/invitation/*", "198.51.100.7")
