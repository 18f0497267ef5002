import datetime

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from accounts.models import StudentProfile, User

from .factories import PASSWORD, StudentFactory
from .second_factors import app_of

pytestmark = pytest.mark.django_db

REFUSAL = "Wrong name or password. Check both and try again."


@pytest.fixture
def sign_in(client):
    def send(name, password=PASSWORD, address="10.0.0.9", **more):
        data = {"name": name, "password": password, **more}
        return client.post(reverse("accounts:login"), data, REMOTE_ADDR=address)

    return send


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting"
    hashed = 0

    def encode(self, password, salt):
        CountingHasher.hashed += 1
        return super().encode(password, salt)


def signed_in(client):
    return client.session.get("_auth_user_id")


def test_unknown_name_takes_as_much_work_as_a_wrong_password(sign_in, student, settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    student.user.set_password(PASSWORD)
    student.user.save()

    def work(name):
        before = CountingHasher.hashed
        sign_in(name, "wrong")
        return CountingHasher.hashed - before

    assert work(student.user.email) == work("nobody@example.com") == 1


@pytest.mark.parametrize("name", ["asha@example.com", " Asha@Example.COM ", "26-00077", "Cm-77a"])
def test_sign_in_by_email_or_admission_number_in_any_case(client, sign_in, student, name):
    student.admission_number = "26-00077" if name == "26-00077" else "CM-77A"
    student.save()

    response = sign_in(name)

    assert (response.status_code, response.url) == (302, reverse("dashboards:dashboard"))
    assert signed_in(client) == str(student.pk)


def test_two_students_cannot_have_numbers_that_differ_in_letter_case(student):
    StudentProfile.objects.filter(pk=student.pk).update(admission_number="CM-77a")

    with pytest.raises(IntegrityError):
        StudentFactory(admission_number="cm-77A")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("asha@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("99-00001", PASSWORD),
        ("%", PASSWORD),
    ],
)
def test_wrong_name_and_wrong_password_get_the_same_message(
    client, sign_in, student, name, password
):
    response = sign_in(name, password)

    assert response.context["form"].non_field_errors() == [REFUSAL]
    assert f'value="{name}"' in response.content.decode()
    assert not signed_in(client)


@pytest.mark.parametrize(
    ("name", "password"), [("", "x"), ("asha@example.com", ""), ("a\0b", "x"), ("x" * 300, "y")]
)
def test_empty_form_says_what_to_enter(sign_in, student, name, password):
    response = sign_in(name, password)

    assert response.context["form"].non_field_errors() == [
        "Enter your email address or admission number, and your password."
    ]


def test_inactive_person_cannot_sign_in(client, sign_in, student):
    User.objects.filter(pk=student.pk).update(is_active=False)

    assert sign_in("asha@example.com").context["form"].non_field_errors() == [REFUSAL]


def test_deactivation_ends_the_session(client_of, student):
    client = client_of(student)
    assert client.get(reverse("accounts:me")).status_code == 200
    User.objects.filter(pk=student.pk).update(is_active=False)

    assert (
        client.get(reverse("accounts:me")).url
        == f"{reverse('accounts:login')}?next={reverse('accounts:me')}"
    )


def test_sign_in_leads_to_the_requested_page(client, sign_in, student):
    page = client.get(reverse("accounts:login"), {"next": "/accounts/me/?a=1"})

    assert '<input type="hidden" name="next" value="/accounts/me/?a=1">' in page.content.decode()
    assert sign_in("asha@example.com", next="/accounts/me/?a=1").url == "/accounts/me/?a=1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil",
        "",
    ],
)
def test_sign_in_never_leads_to_another_site(sign_in, student, elsewhere):
    assert sign_in("asha@example.com", next=elsewhere).url == reverse("dashboards:dashboard")


def test_signed_in_person_is_redirected(client_of, student):
    assert client_of(student).get(reverse("accounts:login")).url == reverse("dashboards:dashboard")


def test_page_needs_no_query(client, db, django_assert_num_queries):
    client.get(reverse("accounts:login"))  # the institute's name is kept for a minute
    with django_assert_num_queries(0):
        response = client.get(reverse("accounts:login"))
    assert response.status_code == 200


@pytest.mark.parametrize("is_open", [True, False])
def test_page_offers_registration_only_if_open(client, db, settings, is_open):
    settings.REGISTRATION_OPEN = is_open

    assert (
        reverse("accounts:register") in client.get(reverse("accounts:login")).content.decode()
    ) == is_open


def test_sign_out_requires_post(client_of, student):
    client = client_of(student)

    assert client.get(reverse("accounts:logout")).status_code == 405
    assert signed_in(client)
    assert client.post(reverse("accounts:logout")).url == reverse("accounts:login")
    assert not signed_in(client)


def test_sign_out_clears_the_device_but_not_its_cookies(client_of, student):
    client = client_of(student)
    session = client.cookies["sessionid"].value

    response = client.post(reverse("accounts:logout"))

    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert response.cookies["sessionid"].value != session
    assert not Session.objects.filter(pk=session).exists()


def test_expired_session_leaves_the_device_as_it_is(client_of, student):
    client = client_of(student)
    Session.objects.all().delete()

    assert "Clear-Site-Data" not in client.get(reverse("accounts:me"))
    assert "Clear-Site-Data" not in client.get(reverse("accounts:login"))


def test_sign_out_in_django_admin_is_that_of_the_site(client_of, admin):
    client = client_of(admin)

    response = client.post(reverse("admin:logout"))

    assert (response.status_code, response.url) == (307, reverse("accounts:logout"))


def test_last_sign_in_is_recorded_without_history(sign_in, student):
    lines = student.user.history.count()

    sign_in("asha@example.com")

    student.user.refresh_from_db()
    assert timezone.now() - student.user.last_login < datetime.timedelta(minutes=1)
    assert student.user.history.count() == lines


def test_right_password_is_refused_after_ten_failures(client, sign_in, student):
    assert [sign_in("asha@example.com", "wrong").status_code for _ in range(10)] == [200] * 10

    response = sign_in("asha@example.com", PASSWORD)

    assert response.status_code == 429
    assert 890 <= int(response["Retry-After"]) <= 900
    assert "Too many tries. Wait 15 minutes, then try again." in response.content.decode()
    assert not signed_in(client)


def test_limit_ignores_the_case_of_the_name(sign_in, student):
    for name in ["asha@example.com", "ASHA@example.com", " asha@EXAMPLE.com"] * 4:
        response = sign_in(name, "wrong")

    assert response.status_code == 429


def test_limit_affects_only_this_name_and_address(client, sign_in, student, instructor):
    for _ in range(12):
        sign_in("asha@example.com", "wrong", address="10.0.0.9")

    assert sign_in("asha@example.com", address="10.0.0.10").status_code == 302
    client.logout()
    assert sign_in("imran@example.com", address="10.0.0.9").status_code == 302


def test_successful_sign_in_resets_the_limit(client, sign_in, student):
    for _ in range(9):
        sign_in("asha@example.com", "wrong")
    sign_in("asha@example.com")
    client.logout()

    assert [sign_in("asha@example.com", "wrong").status_code for _ in range(10)] == [200] * 10


def test_address_with_a_hundred_failures_is_slowed_not_locked(sign_in, student):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = [sign_in(f"guess{n}@example.com", "wrong").status_code for n in range(102)]
        refused = sign_in("asha@example.com")
        clock.shift(datetime.timedelta(seconds=60))
        later = sign_in("asha@example.com")

    assert answers == [200] * 101 + [429]
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert later.status_code == 302


def test_many_successful_sign_ins_do_not_block_an_address(client, sign_in, student, admin):
    for n in range(105):
        assert sign_in(["asha@example.com", "anita@example.com"][n % 2]).status_code == 302
        client.logout()


def test_name_tried_from_many_addresses_is_slowed_not_locked(sign_in, student):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = [
            sign_in("asha@example.com", "wrong", address=f"10.0.1.{n}").status_code
            for n in range(40)
        ]
        assert answers == [200] * 31 + [429] * 9
        clock.shift(datetime.timedelta(seconds=60))
        assert sign_in("asha@example.com", address="10.0.2.1").status_code == 302


@pytest.mark.parametrize(("name", "most"), [("typed", 100_000), ("next", 4_000), ("name", 254)])
def test_page_repeats_no_more_than_was_its_own(client, db, name, most):
    def repeated(length):
        page = client.post(reverse("accounts:login"), {"password": "wrong", name: "z" * length})
        return page.content.decode().count("z" * 200)

    base = repeated(0)
    assert repeated(most) - base == most // 200
    assert repeated(most + 1_000_000) - base <= most // 200


def test_long_input_is_not_stored_until_the_second_step(client, student):
    app_of(student.user)
    data = {"name": "asha@example.com", "password": PASSWORD}
    client.post(reverse("accounts:login"), {**data, "typed": "z" * 100_001, "next": "/" * 4_001})

    assert client.session["half_signed_in"]["unsaved"] == ""
    assert client.session["half_signed_in"]["next"] == reverse("dashboards:dashboard")


def test_page_is_not_cached(client, db):
    assert "no-store" in client.get(reverse("accounts:login"))["Cache-Control"]


def test_django_admin_uses_the_sign_in_page(client, db, settings):
    address = f"/{settings.ADMIN_PATH}login/"

    for response in (client.get(address), client.post(address, {"username": "a", "password": "b"})):
        assert response.url.startswith(f"{reverse('accounts:login')}?next=")


def test_session_contains_no_password(client, sign_in, student):
    sign_in("asha@example.com")

    assert PASSWORD not in str(Session.objects.get().get_decoded())


def test_removed_permission_is_gone_at_once(client_of, instructor):
    from django.contrib.auth.models import Group, Permission

    client = client_of(instructor)
    assert client.get("/courses/").status_code == 200

    Group.objects.get(name="Instructor").permissions.remove(
        Permission.objects.get(codename="view_course")
    )

    assert client.get("/courses/").status_code == 403


@pytest.mark.parametrize("wanted", ["'", "a b", "no-such-name", "/courses/?q='"])
def test_unknown_requested_page_is_no_error(client_of, admin, wanted):
    response = client_of(admin).get("/accounts/login/", {"next": wanted})

    assert response.status_code == 302
