import datetime
import hashlib
import json

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import throttling, tokens
from accounts.models import ApiToken, User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from accounts.services import invitations
from accounts.services.passwords import set_password
from accounts.services.people import activate, change_role, deactivate
from coachmaster.tests.api import Caller

from .factories import PASSWORD, StudentFactory, UserFactory

pytestmark = pytest.mark.django_db

DEAD = (401, {"message": "Sign in: send a valid token, as “Authorization: Bearer …”."})
TAKEN = {
    "message": "Check email.",
    "errors": {"email": ["Somebody has this email address already."]},
}
nobody = Caller()


def as_json(person, **changes):
    return {
        "id": person.pk,
        "admission_number": person.student_profile.admission_number if person.is_student else None,
        "email": person.email,
        "full_name": person.full_name,
        "role": person.role.lower(),
        "phone": person.phone,
        "created_at": timezone.localtime(person.created_at).isoformat(),
        **changes,
    }


# Tokens ----------------------------------------------------------------------------------------


def test_sign_in_returns_a_token(student):
    status, data = nobody(
        "POST", "/auth/login", {"email": "Asha@Example.com", "password": PASSWORD}
    )

    assert (status, data["user"]) == (200, as_json(student.user))
    assert Caller(token=data["token"])("GET", "/auth/me") == (200, as_json(student.user))
    student.user.refresh_from_db()
    assert student.user.last_login is not None


def test_sign_in_by_admission_number(student):
    status, data = nobody(
        "POST", "/auth/login", {"email": student.admission_number, "password": PASSWORD}
    )

    assert (status, data["user"]["id"]) == (200, student.pk)


def test_sign_in_to_the_api_creates_no_session(student):
    answer = nobody.send("POST", "/auth/login", {"email": "asha@example.com", "password": PASSWORD})

    assert "sessionid" not in answer.cookies
    assert answer["Cache-Control"] == "no-store"


def test_only_the_digest_of_a_token_is_stored(student):
    token = tokens.issue(student.user)

    row = ApiToken.objects.get()
    assert row.digest == hashlib.sha256(token.encode()).hexdigest()
    assert token not in json.dumps(list(ApiToken.objects.values()), default=str)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"email": ["This field is required."], "password": ["This field is required."]}),
        ({"email": "asha@example.com"}, {"password": ["This field is required."]}),
        ({"email": "asha@example.com", "password": ""}, {"password": ["This field is required."]}),
        ({"email": " ", "password": "x"}, {"email": ["This field is required."]}),
        ({"email": 5, "password": "x"}, {"email": ["Send text."]}),
    ],
)
def test_sign_in_requires_name_and_password(student, body, errors):
    assert nobody("POST", "/auth/login", body) == (
        400,
        {"message": f"Check {', '.join(errors)}.", "errors": errors},
    )


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("asha@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("asha@example.com", PASSWORD + " "),
        ("asha@example.com\0", PASSWORD),
        ("a" * 300, PASSWORD),
        ("asha@example.com", "x" * 1001),
    ],
)
def test_wrong_name_and_wrong_password_have_the_same_message(student, email, password):
    wrong = {"message": "Wrong name or password. Check both and try again."}

    assert nobody("POST", "/auth/login", {"email": email, "password": password}) == (401, wrong)
    assert not ApiToken.objects.exists()


def test_inactive_person_cannot_sign_in(admin, instructor):
    deactivate(instructor, by=admin)

    assert (
        nobody("POST", "/auth/login", {"email": instructor.email, "password": PASSWORD})[0] == 401
    )


def test_wrong_passwords_are_limited_together_with_the_sign_in_page(student):
    for _ in range(5):
        nobody("POST", "/auth/login", {"email": "asha@example.com", "password": "wrong"})
        Client().post(reverse("accounts:login"), {"name": "asha@example.com", "password": "wrong"})

    answer = nobody.send("POST", "/auth/login", {"email": "asha@example.com", "password": PASSWORD})

    assert answer.status_code == 429
    assert answer.json() == {"message": "Too many tries. Wait 15 minutes, then try again."}
    assert 14 * 60 < int(answer["Retry-After"]) <= 15 * 60
    assert (
        Client()
        .post(reverse("accounts:login"), {"name": "asha@example.com", "password": PASSWORD})
        .status_code
        == 429
    )


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Token x", "Bearer \xff", "Bearer  "],
)
def test_invalid_token_is_refused_with_a_message(header):
    answer = nobody.send("GET", "/auth/me", headers={"authorization": header})

    assert (answer.status_code, answer.json()) == DEAD
    assert answer["WWW-Authenticate"] == "Bearer"


def test_token_is_valid_for_a_day(student):
    now = timezone.now()
    caller = Caller(student)

    with time_machine.travel(now + datetime.timedelta(hours=23, minutes=59)):
        assert caller("GET", "/auth/me")[0] == 200
    with time_machine.travel(now + datetime.timedelta(hours=24, minutes=1)):
        assert caller("GET", "/auth/me") == DEAD
        tokens.issue(student.user)
        assert ApiToken.objects.count() == 1  # the one that is over is gone


def test_invalid_token_is_refused_even_if_optional():
    body = {"full_name": "New", "email": "new@example.com", "role": "student", "password": PASSWORD}

    assert Caller(token="dead")("POST", "/auth/register", body) == DEAD
    assert not User.objects.exists()


def test_sign_out_ends_only_its_token(student):
    phone, tablet = Caller(student), Caller(student)

    assert phone("POST", "/auth/logout") == (200, {"message": "You are signed out."})

    assert phone("GET", "/auth/me") == DEAD
    assert tablet("GET", "/auth/me")[0] == 200


def by_a_new_password(person, admin):
    set_password(person, "seven green parrots")


def by_a_new_password_from_the_shell(person, admin):
    person.set_password("seven green parrots")
    person.save()


def by_another_role(person, admin):
    change_role(person, Group.objects.get(name=ADMIN), by=admin)


def by_closing_the_account(person, admin):
    deactivate(person, by=admin)


def by_the_account_being_closed_and_opened_again(person, admin):
    deactivate(person, by=admin)
    activate(person)


@pytest.mark.parametrize(
    "end",
    [
        by_a_new_password,
        by_a_new_password_from_the_shell,
        by_another_role,
        by_closing_the_account,
        by_the_account_being_closed_and_opened_again,
    ],
)
def test_tokens_end_at_once(admin, instructor, end):
    callers = [Caller(instructor), Caller(instructor)]
    other = Caller(admin)

    end(instructor, admin)

    assert [caller("GET", "/auth/me") for caller in callers] == [DEAD, DEAD]
    assert other("GET", "/auth/me")[0] == 200


def test_token_of_an_inactive_person_is_refused(instructor):
    caller = Caller(instructor)
    User.objects.filter(pk=instructor.pk).update(is_active=False)

    assert caller("GET", "/auth/me") == DEAD


def test_sign_in_during_a_password_change_returns_no_token(student):
    early = User.objects.get(pk=student.pk)  # the password was looked at, and is the old one
    set_password(student.user, "seven green parrots")

    assert tokens.issue(early) is None
    assert not ApiToken.objects.exists()
    assert tokens.issue(student.user)


def test_sign_in_during_a_deactivation_returns_no_token(student):
    early = User.objects.get(pk=student.pk)
    User.objects.filter(pk=student.pk).update(is_active=False)

    assert tokens.issue(early) is None
    assert not ApiToken.objects.exists()


def test_unchanged_role_ends_no_token(admin, instructor):
    caller = Caller(instructor)

    change_role(instructor, Group.objects.get(name=INSTRUCTOR), by=admin)

    assert caller("GET", "/auth/me")[0] == 200


def test_admin_can_revoke_a_token_in_django_admin(client_of, admin, student):
    caller = Caller(student)
    row = ApiToken.objects.get()

    client_of(admin).post(reverse("admin:accounts_apitoken_delete", args=[row.pk]), {"post": "yes"})

    assert caller("GET", "/auth/me") == DEAD


# Registering -----------------------------------------------------------------------------------

ASHA = {
    "full_name": "Asha Verma",
    "email": "Asha@Example.com",
    "role": "student",
    "password": PASSWORD,
}


def test_anybody_can_register_as_a_student(db):
    status, data = nobody("POST", "/auth/register", {**ASHA, "phone": "+91 98765-43210"})

    person = User.objects.get()
    number = person.student_profile.admission_number
    assert (person.role, person.email, person.phone) == (STUDENT, "asha@example.com", "9876543210")
    assert (status, data) == (
        201,
        {
            "message": f"Welcome, Asha Verma. Your admission number is {number}.",
            "user": as_json(person),
        },
    )
    assert (
        nobody("POST", "/auth/login", {"email": "asha@example.com", "password": PASSWORD})[0] == 200
    )


@pytest.mark.parametrize("role", ["admin", "instructor"])
def test_nobody_can_register_with_another_role(db, student, role):
    refused = (403, {"message": "Only an Admin can add people with that role."})

    assert (
        nobody("POST", "/auth/register", {**ASHA, "email": "new@example.com", "role": role})
        == refused
    )
    assert (
        Caller(student)(
            "POST", "/auth/register", {**ASHA, "email": "new@example.com", "role": role}
        )
        == refused
    )
    assert User.objects.count() == 1


@pytest.mark.parametrize("field", ["full_name", "email", "role", "password"])
def test_missing_field_is_named(db, field):
    body = {name: value for name, value in ASHA.items() if name != field}
    errors = {field: ["This field is required."]}

    assert nobody("POST", "/auth/register", body) == (
        400,
        {"message": f"Check {field}.", "errors": errors},
    )
    assert not User.objects.exists()


def test_all_missing_fields_are_named_together(db, admin):
    def named(answer):
        return answer[0], set(answer[1]["errors"])

    assert named(nobody("POST", "/auth/register", {})) == (
        400,
        {"full_name", "email", "role", "password"},
    )
    assert named(Caller(admin)("POST", "/auth/register", {})) == (
        400,
        {"full_name", "role"},
    )


def test_unknown_role_is_refused_with_the_choices(admin):
    Group.objects.create(name="Front desk")

    def refused(choices):
        return 400, {"message": "Check role.", "errors": {"role": [choices]}}

    assert nobody("POST", "/auth/register", {**ASHA, "role": "owner"}) == refused(
        "Choose “student”."
    )
    assert Caller(admin)("POST", "/auth/register", {**ASHA, "role": "owner"}) == refused(
        "No role has this name. Choose one of: admin, instructor, student, front desk."
    )


def test_admin_adds_people_of_a_custom_role(admin):
    desk = Group.objects.create(name="Front desk")
    desk.permissions.add(Permission.objects.get(codename="view_course"))

    status, data = Caller(admin)("POST", "/auth/register", {**ASHA, "role": "front desk"})

    assert (status, data["user"]["role"]) == (201, "front desk")


def test_only_an_admin_may_leave_out_the_email_of_a_student(admin):
    body = {"full_name": "Ravi Kumar", "role": "student"}
    missing = (
        400,
        {
            "message": "Check email, password.",
            "errors": {
                "email": ["This field is required."],
                "password": ["This field is required."],
            },
        },
    )

    assert nobody("POST", "/auth/register", body) == missing
    status, data = Caller(admin)("POST", "/auth/register", body)
    assert (status, data["user"]["email"]) == (201, "")
    assert (
        data["user"]["admission_number"]
        == User.objects.get(full_name="Ravi Kumar").student_profile.admission_number
    )
    assert Caller(admin)("POST", "/auth/register", {**body, "role": "instructor"}) == (
        400,
        {"message": "Check email.", "errors": {"email": ["This field is required."]}},
    )


def test_used_email_is_refused_in_any_case(student, admin):
    assert nobody("POST", "/auth/register", ASHA) == (400, TAKEN)
    assert Caller(admin)("POST", "/auth/register", ASHA) == (400, TAKEN)


def test_weak_password_is_refused(db):
    errors = {"password": ["This password is too short. It must contain at least 8 characters."]}

    assert nobody("POST", "/auth/register", {**ASHA, "password": "x1y2"}) == (
        400,
        {"message": "Check password.", "errors": errors},
    )


def test_password_that_an_admin_sets_has_the_length_of_the_role(admin):
    caller = Caller(admin)
    errors = {"password": ["This password is too short. It must contain at least 12 characters."]}

    def add(**changes):
        return caller("POST", "/auth/register", {**ASHA, "password": "wxq-71hf", **changes})

    assert add(role="instructor") == (400, {"message": "Check password.", "errors": errors})
    assert add(role="student")[0] == 201


def test_closed_registration_still_lets_admins_add_people(admin, settings):
    settings.REGISTRATION_OPEN = False
    closed = (403, {"message": "Registration is closed. Ask the office for an account."})

    assert nobody("POST", "/auth/register", ASHA) == closed
    assert nobody("POST", "/auth/register", {**ASHA, "email": admin.email}) == closed, (
        "it tells of nobody"
    )
    assert Caller(admin)("POST", "/auth/register", ASHA)[0] == 201


def test_registrations_are_limited(db):
    for _ in range(20):
        throttling.count_tries((throttling.REGISTER, "127.0.0.1"))

    answer = nobody.send("POST", "/auth/register", ASHA)

    assert answer.status_code == 429
    assert 59 * 60 < int(answer["Retry-After"]) <= 60 * 60
    assert answer.json() == {"message": "Too many tries. Wait 60 minutes, then try again."}


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
def test_admin_adds_people_of_any_role_with_a_link(admin, role):
    status, data = Caller(admin)(
        "POST", "/auth/register", {"full_name": "New", "email": "new@example.com", "role": role}
    )

    person = User.objects.get(email="new@example.com")
    assert status == 201
    assert data["message"] == "New added."
    assert data["user"] == as_json(person, role=role)
    assert (
        invitations.invited_person(data["set_password_url"].rstrip("/").rsplit("/", 1)[-1])
        == person
    )
    assert not person.has_usable_password()


def test_person_added_with_a_password_gets_no_link(admin):
    status, data = Caller(admin)("POST", "/auth/register", ASHA)

    assert (status, data) == (
        201,
        {"message": "Asha Verma added.", "user": as_json(User.objects.get(full_name="Asha Verma"))},
    )
    assert (
        nobody("POST", "/auth/login", {"email": "asha@example.com", "password": PASSWORD})[0] == 200
    )


def test_only_an_admin_adds_students_without_email(admin):
    body = {"full_name": "Ravi", "email": "", "role": "student"}

    assert Caller(admin)("POST", "/auth/register", body)[0] == 201
    assert nobody("POST", "/auth/register", {**body, "password": PASSWORD}) == (
        400,
        {"message": "Check email.", "errors": {"email": ["This field is required."]}},
    )
    assert Caller(admin)("POST", "/auth/register", {**body, "role": "instructor"})[0] == 400


def test_nobody_can_give_a_role_with_permissions_they_lack(db):
    desk = Group.objects.create(name="Front desk")
    desk.permissions.set(
        Group.objects.get(name=ADMIN).permissions.filter(
            codename__in=["add_user", "view_user", "see_whole_institute"]
        )
    )
    clerk = UserFactory(role="Front desk")
    body = {"full_name": "New", "email": "new@example.com"}

    assert Caller(clerk)("POST", "/auth/register", {**body, "role": "admin"})[0] == 403
    assert Caller(clerk)("POST", "/auth/register", {**body, "role": "student"})[0] == 201
    assert Caller(clerk).get("/auth/me")["role"] == "front desk"


# People ----------------------------------------------------------------------------------------


def test_people_are_listed_by_name_and_role(admin, instructor, student):
    caller = Caller(admin)
    asha = as_json(student.user)

    assert caller.get("/users") == {
        "users": [as_json(admin), asha, as_json(instructor)],
        "total": 3,
    }
    assert caller.get("/users?role=student") == {"users": [asha], "total": 1}
    assert caller.get("/users?role=Student")["total"] == 1
    assert caller.get("/users?role=owner")["total"] == 3


def test_list_pages_link_to_the_next(admin):
    UserFactory.create_batch(4)
    caller = Caller(admin)

    first = caller.get("/users?role=instructor&per_page=3")
    assert (len(first["users"]), first["total"]) == (3, 4)
    assert first["next"] == "http://testserver/api/v1/users?role=instructor&per_page=3&page=2"
    second = caller.get(first["next"].partition("/api/v1")[2])
    assert (len(second["users"]), second["total"], "next" in second) == (1, 4, False)
    assert caller.get("/users?page=9&per_page=3") == {"users": [], "total": 5}
    everybody = first["users"] + second["users"]
    assert len({person["id"] for person in everybody}) == 4


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("page=0", "page", "At least 1."),
        ("page=x", "page", "Send a whole number."),
        ("per_page=1001", "per_page", "At most 1000."),
        ("per_page=0", "per_page", "At least 1."),
        ("page=99999999999999999999", "page", "At most 1000000000."),
    ],
)
def test_invalid_page_is_refused(admin, query, field, sentence):
    refused = (400, {"message": f"Check {field}.", "errors": {field: [sentence]}})

    assert Caller(admin)("GET", f"/users?{query}") == refused


def test_list_has_a_thousand_rows_by_default(admin):
    User.objects.bulk_create(User(full_name=f"Person {n:04d}") for n in range(1000))

    data = Caller(admin).get("/users")

    assert (len(data["users"]), data["total"]) == (1000, 1001)
    assert data["next"] == "http://testserver/api/v1/users?page=2"


def test_query_count_of_people_is_constant(admin, queries_of):
    caller = Caller(admin)
    UserFactory.create_batch(11)
    few = queries_of(lambda: caller.get("/users?per_page=10"))
    UserFactory.create_batch(30)

    assert queries_of(lambda: caller.get("/users?per_page=10")) == few


def test_people_can_edit_their_own_name_and_phone(student):
    caller = Caller(student)

    status, data = caller(
        "PUT", f"/users/{student.pk}", {"full_name": "Asha Rao", "phone": "98765 43210"}
    )

    student.user.refresh_from_db()
    assert (status, data) == (200, as_json(student.user, full_name="Asha Rao", phone="9876543210"))
    assert caller("PUT", f"/users/{student.pk}", {"phone": None})[1]["phone"] == ""
    assert caller("PUT", f"/users/{student.pk}", {})[1]["full_name"] == "Asha Rao"


def test_only_an_admin_can_change_an_email(student, admin):
    ignored = Caller(student)("PUT", f"/users/{student.pk}", {"email": "new@example.com"})
    assert ignored == (200, as_json(student.user))
    # Who sends back what they were told has changed nothing.
    assert Caller(student)("PUT", f"/users/{student.pk}", Caller(student).get("/auth/me"))[0] == 200
    status, data = Caller(admin)("PUT", f"/users/{student.pk}", {"email": "New@Example.com"})
    assert (status, data["email"]) == (200, "new@example.com")


def test_email_is_unique_and_required_for_instructors(admin, student, instructor):
    caller = Caller(admin)

    assert caller("PUT", f"/users/{student.pk}", {"email": "IMRAN@example.com"}) == (400, TAKEN)
    assert caller("PUT", f"/users/{instructor.pk}", {"email": ""}) == (
        400,
        {"message": "Check email.", "errors": {"email": ["This field is required."]}},
    )


def test_student_record_survives_an_edit(admin, student):
    student.guardian_name, student.guardian_phone = "Meera Verma", "9000000001"
    student.save()

    Caller(admin)("PUT", f"/users/{student.pk}", {"full_name": "Asha Rao"})

    student.refresh_from_db()
    assert (student.guardian_name, student.guardian_phone) == ("Meera Verma", "9000000001")
    assert list(User.objects.search("rao 9000000001")) == [student.user]


@pytest.mark.parametrize("name", ["", " ", "x" * 151, 5, None, "a\0b"])
def test_invalid_name_is_refused(student, name):
    status, data = Caller(student)("PUT", f"/users/{student.pk}", {"full_name": name})

    assert status == 400
    assert list(data["errors"]) == ["full_name"]


@pytest.mark.parametrize(
    "name", ["आशा वर्मा", 'O\'Brien "Bob"', "<script>alert(1)</script>", "😀", "x" * 150]
)
def test_name_is_stored_exactly(student, name):
    assert (
        Caller(student)("PUT", f"/users/{student.pk}", {"full_name": name})[1]["full_name"] == name
    )


def test_history_records_who_changed_a_person(admin, student):
    Caller(admin)("PUT", f"/users/{student.pk}", {"full_name": "Asha Rao"})

    assert student.user.history.latest().history_user == admin


def test_instructor_sees_phone_but_not_email_of_a_student(instructor):
    from academics.tests.factories import BatchFactory, EnrollmentFactory

    student = StudentFactory(user__phone="9876543210")
    EnrollmentFactory(student=student, batch=BatchFactory(instructor=instructor))

    assert Caller(instructor).get(f"/users/{student.pk}") == as_json(
        student.user, email=None, created_at=None
    )
