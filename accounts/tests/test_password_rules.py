import gzip
import io

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.urls import reverse

from academics.models import Institute
from accounts.models import User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from accounts.services import invitations

from .factories import StudentFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def errors_for(client):
    """`errors_for(person, password)`: what the page of their invitation says to the password."""

    def send(person, password):
        link = invitations.invitation_link(person, by=None)
        page = client.post(link, {"password": password, "password_again": password})
        return [] if page.status_code == 302 else page.context["form"].errors["password"]

    return send


@pytest.fixture
def teacher(db):
    return UserFactory(full_name="Imran Raj Khan", email="ik@example.com", password=None)


@pytest.fixture
def pupil(db):
    return StudentFactory(
        user__full_name="Ria Das", user__email="rd@example.com", user__password=None
    ).user


TOO_SHORT = "This password is too short. It must contain at least {} characters."
COMMON = "This password is too common."
OWN_NAME = "Your name is in this password. Leave it out."
INSTITUTE = "The institute’s name is in this password. Leave it out."


@pytest.mark.parametrize("role", [ADMIN, INSTRUCTOR, "Front desk"])
def test_staff_need_twelve_characters(errors_for, role):
    Group.objects.get_or_create(name=role)

    assert errors_for(UserFactory(role=role, password=None), "wxq-71-hfpz") == [
        TOO_SHORT.format(12)
    ]
    assert errors_for(UserFactory(role=role, password=None), "wxq-71-hfpzk") == []


def test_students_need_eight_characters(errors_for, pupil):
    assert errors_for(pupil, "wxq-71h") == [TOO_SHORT.format(8)]
    assert errors_for(pupil, "wxq-71hf") == []


def test_superuser_with_the_role_of_students_needs_twelve(errors_for, pupil):
    User.objects.filter(pk=pupil.pk).update(is_superuser=True)
    pupil.refresh_from_db()

    assert errors_for(pupil, "wxq-71hf") == [TOO_SHORT.format(12)]


@pytest.mark.parametrize(
    ("role", "length"), [(STUDENT, "8"), (INSTRUCTOR, "12")], ids=["student", "teacher"]
)
def test_form_says_the_rules(client, role, length):
    link = invitations.invitation_link(UserFactory(role=role, password=None), by=None)

    assert (
        f"At least {length} characters. Several words are better than one. "
        "Not your name, the institute’s, or a common password."
    ) in client.get(link).content.decode()


@pytest.mark.parametrize(
    "password",
    ["xx-IMRAN-71hfq", "xximran71hfpz", "my khan 71 hfpz", "Imran.Raj.Khan", "imranrajkhan77"],
)
def test_password_with_ones_own_name_is_refused(errors_for, teacher, password):
    assert errors_for(teacher, password) == [OWN_NAME]


@pytest.mark.parametrize("password", ["ria-das-71hfq", "RIADAS71hfqz", "xx r.i.a d.a.s 71"])
def test_short_names_count_as_a_whole(errors_for, pupil, password):
    assert errors_for(pupil, password) == [OWN_NAME]


def test_short_words_of_a_name_may_occur(errors_for, teacher):
    assert errors_for(teacher, "rajma-with-rice-71") == []


def test_name_in_another_script_is_found(errors_for, pupil):
    User.objects.filter(pk=pupil.pk).update(full_name="प्रियंका दास")
    pupil.refresh_from_db()

    assert errors_for(pupil, "xx-प्रियंका-71hfq") == [OWN_NAME]
    assert errors_for(pupil, "दाल चावल 71hfq") == []


@pytest.mark.parametrize("password", ["sunrise-71hfqz", "xx71 SUNRISE hfqz", "sun.rise.iit.71x"])
def test_password_with_the_name_of_the_institute_is_refused(errors_for, teacher, password):
    Institute.objects.update(name="Sunrise IIT")

    assert errors_for(teacher, password) == [INSTITUTE]


def test_password_with_the_name_of_the_program_is_refused(errors_for, teacher):
    assert errors_for(teacher, "CoachMaster-71") == [
        "“CoachMaster” is in this password. Leave it out."
    ]


@pytest.mark.parametrize("password", ["1qaz2wsx3edc", "Unbelievable", "chickenwing101"])
def test_common_password_is_refused_to_staff(errors_for, teacher, password):
    assert errors_for(teacher, password) == [COMMON]


@pytest.mark.parametrize("password", ["sunshine1", "krishna1", "Ganesh123"])
def test_common_password_is_refused_to_students(errors_for, pupil, password):
    assert errors_for(pupil, password) == [COMMON]


def test_list_has_a_hundred_thousand_common_passwords_that_fit_the_length():
    path = settings.BASE_DIR / "accounts/data/common_passwords.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        passwords = set(file.read().split("\n")) - {""}

    assert len(passwords) == 100_000
    assert min(len(password) for password in passwords) == 8
    assert sum(len(password) >= 12 for password in passwords) > 20_000


def test_registration_asks_for_eight_characters(client, settings):
    settings.REGISTRATION_OPEN = True
    person = {"full_name": "Ria Das", "email": "rd@example.com", "phone": ""}

    def send(text):
        data = {**person, "password": text, "password_again": text}
        return client.post(reverse("accounts:register"), data)

    assert "At least 8 characters." in client.get(reverse("accounts:register")).content.decode()
    assert send("wxq-71h").context["form"].errors["password"] == [TOO_SHORT.format(8)]
    assert send("riadas71").context["form"].errors["password"] == [OWN_NAME]
    assert send("wxq-71hf").status_code == 302


def test_password_of_the_owner_needs_twelve_characters(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("wxq-71-hfpz\n"))
    with pytest.raises(CommandError, match="at least 12 characters"):
        call_command("create_owner", email="o@example.com", name="Ria", password_stdin=True)


def test_shorter_password_from_before_still_signs_in(client):
    UserFactory(email="old@example.com", password="short7")

    response = client.post(
        reverse("accounts:login"), {"name": "old@example.com", "password": "short7"}
    )

    assert response.url == reverse("dashboards:dashboard")
