import datetime

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import SignInRules
from accounts.roles import INSTRUCTOR
from accounts.services import second_factors
from coachmaster.tests.api import Caller

from .factories import PASSWORD, UserFactory
from .second_factors import app_of, code_of, signed_in

pytestmark = pytest.mark.django_db

ADDRESS = reverse("accounts:sign-in-rules")
SET_UP = reverse("accounts:second-factor")


def require(whom):
    rules = SignInRules.objects.current()
    rules.second_factor_required = whom
    rules.save()


def led_to_set_up(client, address="/accounts/me/"):
    response = client.get(address)
    return response.status_code == 302 and response.url == SET_UP


@pytest.mark.parametrize(
    ("whom", "led"),
    [
        ("nobody", {"admin": False, "instructor": False, "student": False}),
        ("admins", {"admin": True, "instructor": False, "student": False}),
        ("staff", {"admin": True, "instructor": True, "student": False}),
    ],
)
def test_rule_decides_who_must_set_up_a_second_factor(
    client_of, admin, instructor, student, whom, led
):
    require(whom)
    people = {"admin": admin, "instructor": instructor, "student": student}

    assert {name: led_to_set_up(client_of(person)) for name, person in people.items()} == led


def test_required_person_opens_nothing_else(client_of, admin, settings):
    require("staff")
    client = client_of(admin)

    pages = ["/", "/people/", "/accounts/me/", "/accounts/password/", f"/{settings.ADMIN_PATH}"]
    assert all(led_to_set_up(client, page) for page in pages)
    assert client.post("/people/add/", {"full_name": "X"}).url == SET_UP
    page = client.get(SET_UP)
    assert "Your institute requires a second factor." in page.content.decode()
    for name in ("app-add", "passkey-add"):
        assert client.get(reverse(f"accounts:{name}")).status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.post(reverse("accounts:logout")).status_code == 302


def test_required_person_with_a_factor_works_as_before(client_of, admin, queries_of):
    client = client_of(admin)
    client.get("/accounts/me/")
    before = queries_of(lambda: client.get("/accounts/me/"))
    app_of(admin)
    require("staff")
    client.get("/accounts/me/")

    assert queries_of(lambda: client.get("/accounts/me/")) == before


def test_removing_the_last_factor_leads_back_to_the_set_up(client, admin):
    app, _ = app_of(admin)
    require("admins")
    signed_in(client, admin, app)
    assert not led_to_set_up(client)

    client.post(reverse("accounts:app-remove"), {"password": PASSWORD})

    assert led_to_set_up(client)


def test_api_answers_403_until_the_factor_is_set_up(admin):
    caller = Caller(admin)
    require("admins")
    message = "Your institute requires a second factor. Sign in on the site, and set one up."
    refused = (403, {"message": message})

    assert caller("GET", "/auth/me") == refused
    assert caller("GET", "/users") == refused
    app_of(admin)
    assert caller("GET", "/auth/me")[0] == 200


def test_program_can_sign_out_without_the_required_factor(admin):
    caller = Caller(admin)
    require("admins")

    assert caller("POST", "/auth/logout")[0] == 200


def test_admin_changes_the_rule_and_its_history_shows_who(client_of, admin):
    client = client_of(admin)
    assert ADDRESS in client.get(reverse("academics:institute")).content.decode()

    app, _ = app_of(admin)
    sent = {"second_factor_required": "staff", "own_code": code_of(app)}
    assert client.post(ADDRESS, sent).url == ADDRESS

    page = client.get(ADDRESS).content.decode()
    assert "Nobody: everybody may choose" in page
    assert "All staff: everybody except students" in page
    newest = SignInRules.history.first()
    assert (newest.second_factor_required, newest.history_user) == ("staff", admin)


def test_changing_the_rule_asks_for_a_confirmation(client_of, admin):
    client = client_of(admin)

    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=11)):
        page = client.post(ADDRESS, {"second_factor_required": "staff"})

    assert list(page.context["form"].errors) == ["own_password"]
    assert SignInRules.objects.current().second_factor_required == "nobody"


def test_unknown_rule_is_refused(client_of, admin):
    page = client_of(admin).post(ADDRESS, {"second_factor_required": "everybody"})

    assert list(page.context["form"].errors) == ["second_factor_required"]


def test_person_without_the_permission_sees_no_rules(client_of, instructor):
    assert client_of(instructor).get(ADDRESS).status_code == 403


def test_superuser_counts_as_admin(client_of):
    owner = UserFactory(role=INSTRUCTOR, is_superuser=True)
    require("admins")

    assert second_factors.must_set_up(owner)
    assert led_to_set_up(client_of(owner))
