"""Names, and all other text, without characters that nobody sees."""

import pytest
from django.urls import reverse

from accounts.models import User
from coachmaster.core.tests.imports import run_import
from coachmaster.core.text import clean_text
from coachmaster.tests.api import Caller

from .factories import StudentFactory

INVISIBLE = [
    *"\xad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u202e\u2060",
    *"\u2066\u2800\u3164\ufe0f\ufeff\uffa0\ufff9\U000e0061",
    "\ufe0f\u200d\ufe0f",
    "\u061c\u200d\u061c",
]


@pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("place", ["{}Asha", "As{}ha", "Asha{}", "A{0}s{0}{0}ha"])
def test_invisible_characters_are_removed(character, place):
    assert clean_text(place.format(character)) == "Asha"
    assert clean_text(f"Asha\n{place.format(character)}", lines=True) == "Asha\nAsha"


@pytest.mark.parametrize(
    "text",
    [
        "क्\u200dष",
        "अनु\u200dश्री",
        "र\u200d्य",
        "അവന്\u200d",
        "ශ්\u200dරී",
        "می\u200cخواهم",
        "👩\u200d🏫",
        "❤\ufe0f",
    ],
    ids=ascii,
)
def test_joiners_stay_in_scripts_that_need_them(text):
    assert clean_text(text) == text


def test_joiner_at_the_end_of_a_word_needs_a_virama():
    assert clean_text("राम\u200d") == "राम"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["As\u200bha Ver\u2060ma\ufeff", "\u3164Asha\u200d Verma"])
def test_people_get_visible_names_by_every_way(client_of, admin, file, name):
    person = StudentFactory().user
    client, caller = client_of(admin), Caller(admin)
    in_admin = reverse("admin:accounts_user_change", args=[person.pk])

    client.post(reverse("accounts:person-create"), {"role": "Student", "full_name": name})
    caller("PUT", f"/users/{admin.pk}", {"full_name": name})
    client.post(in_admin, {"full_name": name, "is_active": "on"})
    run_import("import_students", file(f"name,email\n{name},new@example.com\n"))

    assert [user.full_name for user in User.objects.all()] == ["Asha Verma"] * 4


@pytest.mark.django_db
def test_control_characters_are_removed():
    assert clean_text("As\x07ha\x1b[0m\x9b") == "Asha[0m"


@pytest.mark.parametrize("name", ["\u200b", "\u3164", "\u2800\u2060"])
def test_name_cannot_consist_of_invisible_characters(client_of, admin, name):
    person = StudentFactory(user__full_name="Asha Verma").user

    page = client_of(admin).post(
        reverse("accounts:person-update", args=[person.pk]), {"full_name": name}
    )
    status, data = Caller(admin)("PUT", f"/users/{person.pk}", {"full_name": name})

    assert page.context["form"].errors["full_name"] == ["This field is required."]
    assert (status, list(data["errors"])) == (400, ["full_name"])


@pytest.mark.django_db
def test_search_finds_a_name_with_and_without_joiners(admin):
    person = StudentFactory(user__full_name="अनु\u200dश्री").user

    for text in ("अनुश्री", "अनु\u200dश्री"):
        assert list(User.objects.search(text)) == [person]
