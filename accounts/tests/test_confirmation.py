import datetime
import html
import re

import pytest
import time_machine
from django import forms
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import BatchFactory
from academics.tests.test_institute import settings as institute_settings
from accounts.forms.confirmation import ConfirmationMixin
from accounts.models import User
from coachmaster.imports import services as imports
from coachmaster.tests.api import Caller

from .factories import PASSWORD, UserFactory
from .second_factors import app_of, code_of

pytestmark = pytest.mark.django_db


class ActForm(ConfirmationMixin, forms.Form):
    reason = forms.CharField()


@pytest.fixture
def request_of(rf):
    """Return a POST request of a person who entered their password so many minutes ago."""

    def build(user, minutes):
        request = rf.post("/")
        request.user = user
        request.session = {"password_entered_at": timezone.now().timestamp() - minutes * 60}
        return request

    return build


def test_password_is_not_asked_within_ten_minutes(request_of, admin):
    form = ActForm({"reason": "typo"}, request=request_of(admin, minutes=9))

    assert list(form.fields) == ["reason"]
    assert form.is_valid()


def test_password_is_required_after_ten_minutes(request_of, admin):
    form = ActForm({"reason": "typo"}, request=request_of(admin, minutes=11))

    assert not form.is_valid()
    assert list(form.errors) == ["own_password"]


def test_wrong_password_is_refused_with_a_message(request_of, admin):
    form = ActForm(
        {"reason": "typo", "own_password": "wrong"}, request=request_of(admin, minutes=11)
    )

    assert form.errors == {"own_password": ["This is not your password. Enter it again."]}


def test_right_password_is_valid_for_ten_minutes(request_of, admin):
    request = request_of(admin, minutes=11)

    assert ActForm({"reason": "typo", "own_password": PASSWORD}, request=request).is_valid()
    assert ActForm({"reason": "typo"}, request=request).is_valid()
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=10, seconds=1)):
        assert not ActForm({"reason": "typo"}, request=request).is_valid()


def test_form_with_other_errors_does_not_ask_again(request_of, admin):
    form = ActForm({"own_password": PASSWORD}, request=request_of(admin, minutes=11))

    assert list(form.errors) == ["reason"]
    assert list(form.fields) == ["reason"]


def test_right_password_is_refused_after_ten_wrong_ones(request_of, admin):
    request = request_of(admin, minutes=11)
    for _ in range(10):
        ActForm({"reason": "typo", "own_password": "wrong"}, request=request).is_valid()

    form = ActForm({"reason": "typo", "own_password": PASSWORD}, request=request)

    assert form.errors == {"own_password": ["Too many tries. Wait 15 minutes, then try again."]}


def test_wrong_sign_ins_do_not_block_the_password_prompt(client, request_of, admin):
    for n in range(40):
        data = {"name": admin.email, "password": "wrong"}
        client.post(reverse("accounts:login"), data, REMOTE_ADDR=f"10.0.0.{n // 11}")

    form = ActForm({"reason": "typo", "own_password": PASSWORD}, request=request_of(admin, 11))

    assert form.is_valid()


def test_wrong_passwords_in_the_prompt_do_not_block_sign_in(client, request_of, admin):
    for _ in range(11):
        ActForm({"own_password": "wrong"}, request=request_of(admin, minutes=11)).is_valid()

    data = {"name": admin.email, "password": PASSWORD}
    assert client.post(reverse("accounts:login"), data).status_code == 302


def test_each_person_has_ten_wrong_passwords_in_the_prompt(request_of, admin, instructor):
    for _ in range(11):
        ActForm({"own_password": "wrong"}, request=request_of(admin, minutes=11)).is_valid()

    data = {"reason": "typo", "own_password": PASSWORD}
    assert ActForm(data, request=request_of(instructor, minutes=11)).is_valid()
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=15)):
        assert ActForm(data, request=request_of(admin, minutes=11)).is_valid()


def test_each_person_has_a_hundred_wrong_passwords_in_the_prompt_a_day(request_of, admin):
    request, form = request_of(admin, minutes=11), None
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(10):
            for _ in range(10):
                form = ActForm({"reason": "typo", "own_password": "wrong"}, request=request)
                assert form.errors["own_password"][0].startswith("This is not your password.")
            clock.shift(datetime.timedelta(minutes=15))
        form = ActForm({"reason": "typo", "own_password": PASSWORD}, request=request)
        assert form.errors["own_password"][0].startswith("Too many tries. Wait 12")
        clock.shift(datetime.timedelta(hours=22))
        assert ActForm({"reason": "typo", "own_password": PASSWORD}, request=request).is_valid()


# Steps that give rights, on pages without a field for it ----------------------------------------


def later(**delta):
    return time_machine.travel(timezone.now() + datetime.timedelta(**delta))


def sent_again(page):
    """Return the hidden fields of the page that asks."""
    hidden = r'<input type="hidden" name="([^"]+)" value="([^"]*)">'
    found = dict(re.findall(hidden, page.content.decode()))
    return {
        name: html.unescape(value) for name, value in found.items() if name != "csrfmiddlewaretoken"
    }


def test_adding_staff_asks_again_and_keeps_what_was_entered(client_of, admin):
    client = client_of(admin)
    address = reverse("accounts:person-create")
    sent = {"role": "Admin", "full_name": "Ravi “R” <Rao>", "email": "r@example.com", "phone": ""}
    with later(minutes=11):
        page = client.post(address, sent)
        assert "Confirm that it is you" in page.content.decode()
        assert sent_again(page) == sent
        page = client.post(address, {**sent, "own_password": "wrong"})
        assert list(page.context["form"].errors) == ["own_password"]
        assert not User.objects.filter(email="r@example.com").exists()
        assert client.post(address, {**sent, "own_password": PASSWORD}).status_code == 302

    assert User.objects.get(email="r@example.com").full_name == "Ravi “R” <Rao>"


def test_adding_a_student_does_not_ask(client_of, admin):
    client = client_of(admin)
    with later(minutes=11):
        client.post(reverse("accounts:person-create"), {"role": "Student", "full_name": "Asha"})

    assert User.objects.filter(full_name="Asha").exists()


def test_changed_email_asks_again_and_a_changed_name_does_not(client_of, admin, instructor):
    client = client_of(admin)
    address = reverse("accounts:person-update", args=[instructor.pk])
    sent = {"full_name": "Imran A. Khan", "email": instructor.email, "phone": ""}
    with later(minutes=11):
        assert client.post(address, sent).status_code == 302
        assert client.post(address, {**sent, "email": "x@example.com"}).status_code == 200
        instructor.refresh_from_db()
        assert (instructor.full_name, instructor.email) == ("Imran A. Khan", "imran@example.com")
        client.post(address, {**sent, "email": "x@example.com", "own_password": PASSWORD})

    instructor.refresh_from_db()
    assert instructor.email == "x@example.com"


def test_link_to_set_a_password_asks_again(client_of, admin, instructor):
    client = client_of(admin)
    address = reverse("accounts:person-invite", args=[instructor.pk])
    with later(minutes=11):
        assert "Confirm that it is you" in client.post(address).content.decode()
        assert client.get(address).context["link"] == ""
        assert client.post(address, {"own_password": PASSWORD}).status_code == 302


def test_email_with_a_nul_is_an_error_of_the_form(client_of, admin, instructor):
    client = client_of(admin)
    address = reverse("accounts:person-update", args=[instructor.pk])
    sent = {"full_name": "Imran Khan", "email": "a\0b@example.com", "own_password": PASSWORD}
    with later(minutes=11):
        page = client.post(address, sent)

    assert "Null characters are not allowed." in page.context["form"].errors["email"]


def test_deactivation_asks_again(client_of, admin, instructor):
    client = client_of(admin)
    address = reverse("accounts:person-deactivate", args=[instructor.pk])
    with later(minutes=11):
        assert "Confirm that it is you" in client.post(address).content.decode()
        assert User.objects.get(pk=instructor.pk).is_active
        client.post(address, {"own_password": PASSWORD})

    assert not User.objects.get(pk=instructor.pk).is_active


def test_activation_asks_again(client_of, admin, instructor):
    User.objects.filter(pk=instructor.pk).update(is_active=False)
    client = client_of(admin)
    address = reverse("accounts:person-activate", args=[instructor.pk])
    with later(minutes=11):
        assert "Confirm that it is you" in client.post(address).content.decode()
        assert not User.objects.get(pk=instructor.pk).is_active
        client.post(address, {"own_password": PASSWORD})

    assert User.objects.get(pk=instructor.pk).is_active


@pytest.mark.parametrize(
    "changes", [{"upi_id": "thief@okaxis"}, {"gstin": "27AAPFU0939F1ZV", "state": "27"}]
)
def test_changed_receiver_of_fees_asks_again(client_of, admin, changes):
    client = client_of(admin)
    address = reverse("academics:institute")
    with later(minutes=11):
        assert client.post(address, institute_settings()).status_code == 302
        page = client.post(address, institute_settings(**changes))
        assert "Confirm that it is you" in page.content.decode()
        assert Institute.objects.get().upi_id == Institute.objects.get().gstin == ""
        sent = institute_settings(**changes, own_password=PASSWORD)
        assert client.post(address, sent).status_code == 302
        assert client.post(address, institute_settings(**changes)).status_code == 302


def test_settings_in_django_admin_ask_again(client_of, admin):
    client = client_of(UserFactory(role="Admin", is_superuser=True))
    address = reverse("admin:academics_institute_change", args=[Institute.ONLY])
    sent = institute_settings(upi_id="thief@okaxis")
    with later(minutes=11):
        assert "Confirm that it is you" in client.post(address, sent).content.decode()

    assert Institute.objects.get().upi_id == ""


def test_api_needs_a_new_token_for_staff_and_emails(admin, instructor):
    caller = Caller(admin)
    person = {"full_name": "Ravi Rao", "email": "ravi@example.com", "role": "instructor"}
    refused = (
        403,
        {
            "message": "This needs a token of the last ten minutes. Sign in again, then "
            "repeat the call."
        },
    )
    place = f"/users/{instructor.pk}"
    with later(minutes=10, seconds=1):
        assert caller("POST", "/auth/register", person) == refused
        assert caller("PUT", place, {"email": "x@example.com"}) == refused
        assert caller("PUT", place, {"full_name": "Imran A. Khan"})[0] == 200
        assert caller("POST", "/auth/register", {**person, "role": "student"})[0] == 201
        caller = Caller(admin)
        assert caller("PUT", place, {"email": "x@example.com"})[0] == 200


def test_own_name_does_not_ask(client_of, instructor):
    client = client_of(instructor)
    address = reverse("accounts:person-update", args=[instructor.pk])
    with later(minutes=11):
        assert client.post(address, {"full_name": "Imran A. Khan"}).status_code == 302


def test_django_admin_asks_again_before_rights_change(client_of, admin):
    owner = UserFactory(role="Admin", is_superuser=True)
    app, _ = app_of(owner)
    client = client_of(owner)
    desk = Group.objects.create(name="Desk")
    permissions = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)[:2]]
    groups = reverse("admin:auth_group_change", args=[desk.pk])
    people = reverse("admin:accounts_user_change", args=[admin.pk])
    person = {"full_name": "Anita Rao", "email": admin.email, "is_superuser": "on"}
    sent = {"name": "Desk", "permissions": permissions, "_save": "Save"}
    with later(minutes=11):
        for address, data in ((groups, sent), (people, person)):
            assert "Confirm that it is you" in client.post(address, data).content.decode()
        admin.refresh_from_db()
        assert not desk.permissions.exists() and not admin.is_superuser
        assert client.post(groups, {**sent, "own_code": code_of(app)}).status_code == 302

    assert desk.permissions.count() == 2


@pytest.mark.parametrize("kind", ["instructors", "students", "workbook"])
def test_import_of_people_asks_again(client_of, admin, kind):
    BatchFactory(name="JEE", code="JEE-M1")
    client = client_of(admin)
    rows = b"name,email,batch,fee,joining date\nNew Person,new@example.com,JEE-M1,5000,2026-06-01\n"
    file = SimpleUploadedFile("people.csv", rows)
    upload = imports.receive(kind=imports.KINDS[kind], file=file, encoding="", by=admin)
    address = reverse("imports:import-apply", args=[upload.pk])
    with later(minutes=11):
        assert "Confirm that it is you" in client.post(address).content.decode()
        assert not User.objects.filter(email="new@example.com").exists()
        client.post(address, {"own_password": PASSWORD})

    assert User.objects.filter(email="new@example.com").exists()
