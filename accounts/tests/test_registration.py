import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User

from .factories import UserFactory

pytestmark = pytest.mark.django_db

GOOD = {
    "full_name": "Asha Verma",
    "email": "Asha@Example.com",
    "phone": "+91 98765 43210",
    "password": "seven green parrots",
    "password_again": "seven green parrots",
}


@pytest.fixture
def register(client):
    def send(**changes):
        return client.post(reverse("accounts:register"), {**GOOD, **changes})

    return send


def test_registered_person_is_a_student_and_signed_in(client, register):
    response = register()

    person = User.objects.get()
    assert response.url == reverse("dashboards:dashboard")
    assert client.session["_auth_user_id"] == str(person.pk)
    assert (person.full_name, person.email, person.phone, person.role) == (
        "Asha Verma",
        "asha@example.com",
        "9876543210",
        "Student",
    )
    assert person.student_profile.admission_number == f"{timezone.localdate():%y}-00001"
    assert person.check_password("seven green parrots")


def test_unknown_fields_change_nothing(register):
    register(
        role="Admin",
        groups=["1"],
        group="1",
        is_staff="on",
        is_superuser="on",
        id="1",
        pk="1",
        admission_number="1",
        user_permissions=["1"],
    )

    person = User.objects.get()
    assert (person.role, person.is_staff, person.is_superuser) == ("Student", False, False)
    assert person.student_profile.admission_number != "1"


def test_used_email_is_refused_in_any_case(register):
    UserFactory(email="asha@example.com")

    response = register(email="ASHA@example.com")

    assert response.context["form"].errors == {
        "email": ["Somebody has this email address already."]
    }
    assert response.context["form"]["full_name"].value() == "Asha Verma"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", "x" * 300),
        ("full_name", "Asha\0"),
        ("email", ""),
        ("email", "asha"),
        ("phone", "12"),
        ("phone", "98765 43210 (father)"),
        ("password", "short"),
        ("password", "1234567890123"),
        ("password", "password123"),
        ("password", "asha verma"),
        ("password_again", "another one entirely"),
    ],
)
def test_invalid_input_gets_a_message_by_field(register, field, value):
    response = register(**{field: value})

    assert response.status_code == 200
    assert response.context["form"].errors[field]
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["क्‍ष शर्मा", "José 😀 O'Brien", '<b>"Null"</b>', "தமிழ்", "x" * 150])
def test_name_is_stored_and_shown_exactly(client, register, name):
    register(full_name=name)

    assert User.objects.get().full_name == name
    assert client.get(reverse("accounts:me")).context["user"].full_name == name


def test_closed_registration_shows_a_message(client, register, settings):
    settings.REGISTRATION_OPEN = False

    for response in (client.get(reverse("accounts:register")), register()):
        assert response.status_code == 404
        assert "Registration is closed" in response.content.decode()
    assert not User.objects.exists()


def test_registrations_are_limited_to_twenty_an_hour(client, register):
    answers = []
    for n in range(21):
        answers.append(register(email=f"asha{n}@example.com").status_code)
        client.logout()

    assert answers == [302] * 20 + [429]
    assert User.objects.count() == 20
