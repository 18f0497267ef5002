"""Who may call which operation of the JSON API."""

import datetime

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from academics.models import Batch
from academics.tests.factories import DailyBatchFactory
from accounts.models import StudentProfile
from accounts.roles import INSTRUCTOR
from accounts.services.sign_in import WRONG_CREDENTIALS
from accounts.tests.factories import PASSWORD, UserFactory
from attendance.tests.factories import save_marks
from coachmaster.api import api
from coachmaster.core.api import STATUS_MESSAGES
from finance.tests.factories import enrolled, paid

from .api import Caller
from .test_permissions import PEOPLE

pytestmark = pytest.mark.django_db

#: `nobody` has no token; the objects are the teacher's batch and the student in it.
TABLE = """
#                                    nobody admin teacher other-t. student other-s. no-role
POST /auth/register                     201   201   201   201   201   201   201
POST /auth/login                        401   401   401   401   401   401   401
GET  /auth/me                           401   200   200   200   200   200   200
POST /auth/logout                       401   200   200   200   200   200   200
GET  /users                             401   200   403   403   403   403   403
GET  /users/{user_id}                   401   200   200   404   200   404   404
PUT  /users/{user_id}                   401   200   403   404   200   404   404
GET  /courses                           401   200   200   200   200   200   403
POST /courses                           401   201   403   403   403   403   403
GET  /courses/{course_id}               401   200   200   200   200   200   403
PUT  /courses/{course_id}               401   200   403   403   403   403   403
GET  /batches                           401   200   200   200   200   200   403
POST /batches                           401   201   403   403   403   403   403
GET  /batches/{batch_id}                401   200   200   404   200   404   403
PUT  /batches/{batch_id}                401   200   403   403   403   403   403
GET  /batches/{batch_id}/students       401   200   200   404   403   403   403
POST /enrollments                       401   409   403   403   403   403   403
GET  /students/{student_id}/enrollment  401   200   200   404   200   404   404
POST /payments                          401   201   403   403   403   403   403
GET  /students/{student_id}/payments    401   200   403   403   200   404   403
GET  /students/{student_id}/fee-status  401   200   403   403   200   404   403
POST /attendance                        401   201   201   404   403   403   403
GET  /batches/{batch_id}/attendance     401   200   200   404   403   403   403
GET  /students/{student_id}/attendance  401   200   200   404   200   404   404
GET  /dashboard/admin                   401   200   403   403   403   403   403
GET  /dashboard/instructor              401   403   200   200   403   403   403
GET  /dashboard/student                 401   403   403   403   200   200   403
"""
ROWS = [line.split() for line in TABLE.strip().splitlines() if not line.startswith("#")]


def bodies(objects):
    """Return a valid body for each operation that takes one."""
    return {
        "/auth/register": {
            "full_name": "New",
            "email": "new@example.com",
            "role": "student",
            "password": PASSWORD,
        },
        "/auth/login": {"email": "nobody@example.com", "password": "not it"},
        "/users/{user_id}": {"phone": "98765 43210"},
        "/courses": {"name": "New", "total_fee": 100},
        "/courses/{course_id}": {"description": "Changed"},
        "/batches": {
            "course_id": objects["courses"],
            "instructor_id": None,
            "batch_name": "New",
            "start_date": "2026-06-01",
        },
        "/batches/{batch_id}": {"batch_name": "Changed"},
        "/enrollments": {"student_id": objects["students"], "batch_id": objects["batches"]},
        "/payments": {"student_id": objects["students"], "amount": 700},
        "/attendance": {
            "batch_id": objects["batches"],
            "date": timezone.localdate().isoformat(),
            "records": [{"student_id": objects["students"], "status": "absent"}],
        },
    }


def keys_of(objects):
    """Return the ids for paths and bodies."""
    return {
        "user_id": objects["people"],
        "student_id": objects["students"],
        "course_id": objects["courses"],
        "batch_id": objects["batches"],
    }


def answer(method, path, people, person, **changes):
    """Return ``(status, data)`` and roll back all changes."""
    objects = people["objects"]
    body = {**bodies(objects).get(path, {}), **changes} if method in ("POST", "PUT") else None
    before = transaction.savepoint()
    got, data = Caller(people[person])(method, path.format(**keys_of(objects)), body)
    transaction.savepoint_rollback(before)
    return str(got), data


def status(method, path, people, person, **changes):
    return answer(method, path, people, person, **changes)[0]


def operations():
    return {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in api.document["paths"].items()
        for method in methods
    }


def test_table_contains_every_operation():
    assert {(method, path) for method, path, *_ in ROWS} == operations()
    assert len(ROWS) == 27


def test_statuses_match_the_table(people):
    got = [
        [method, path, *(status(method, path, people, person) for person in PEOPLE)]
        for method, path, *_ in ROWS
    ]

    assert [row for row in got if row not in ROWS] == []


def test_refusals_contain_only_a_message(people):
    told = {}
    for method, path, *codes in ROWS:
        for person, code in zip(PEOPLE, codes, strict=True):
            if code in ("401", "403", "404"):
                got, data = answer(method, path, people, person)
                told.setdefault((got, *data, data["message"]), set()).add(path)

    others = {
        key: paths
        for key, paths in told.items()
        if key[1:] != ("message", STATUS_MESSAGES[int(key[0])])
    }
    assert others == {("401", "message", WRONG_CREDENTIALS): {"/auth/login"}}


@pytest.mark.parametrize(
    ("path", "person"),
    [
        (path, next(who for who, code in zip(PEOPLE[1:], codes[1:], strict=True) if code == "200"))
        for method, path, *codes in ROWS
        if method == "GET"
    ],
)
def test_query_count_of_every_get_is_constant(people, path, person, queries_of):
    objects, caller = people["objects"], Caller(people[person])
    address = path.format(**keys_of(objects))
    batch, today = Batch.objects.get(pk=objects["batches"]), timezone.localdate()
    student = StudentProfile.objects.get(pk=objects["students"])

    def add_rows(number):
        for _ in range(number):
            newcomer = enrolled(batch=batch).student
            for one in (newcomer, student):
                paid(student=one, amount="10.00", by=people["admin"])
            UserFactory(role=INSTRUCTOR)
            DailyBatchFactory(instructor=people["teacher"])
        save_marks(batch, today, by=people["teacher"])

    add_rows(2)
    caller.get(address)
    few = queries_of(lambda: caller.get(address))
    add_rows(4)

    assert queries_of(lambda: caller.get(address)) == few


def test_permission_is_checked_before_the_body(people):
    for method, path, *codes in ROWS:
        for person, code in zip(PEOPLE, codes, strict=True):
            # Whose object it is, is asked of a call in order.
            if (
                method != "GET"
                and code in ("401", "403")
                and path not in ("/auth/login", "/users/{user_id}")
            ):
                sent = Caller(people[person])(
                    method, path.replace("{course_id}", "1").replace("{batch_id}", "1"), {}
                )
                assert str(sent[0]) == code, (method, path, person)


def test_session_is_not_valid_for_the_api(people):
    client = Client()
    client.force_login(people["admin"])

    got = {
        (method, path): Caller(client=client)(method, path, None if method == "GET" else {})[0]
        for method, path in operations()
        if "{" not in path
    }

    open_ones = {("POST", "/auth/register"): 400, ("POST", "/auth/login"): 400}
    assert {call: code for call, code in got.items() if code != 401} == open_ones


def test_session_gives_no_permissions_without_a_token(people):
    client = Client()
    client.force_login(people["admin"])
    body = {"full_name": "New", "email": "new@example.com", "role": "admin", "password": PASSWORD}

    assert Caller(client=client)("POST", "/auth/register", body)[0] == 403


def test_token_is_not_valid_for_pages(people):
    caller = Caller(people["admin"])

    answer = caller.client.get("/accounts/me/", headers={"authorization": f"Bearer {caller.token}"})

    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/accounts/me/"


def test_student_cannot_read_another_student(people):
    other = Caller(people["other student"])
    pk = people["objects"]["students"]

    refusal = (404, {"message": "Not found, or not visible to you."})
    for path in ("enrollment", "payments", "fee-status", "attendance"):
        assert other("GET", f"/students/{pk}/{path}") == refusal
        assert other("GET", f"/students/{2**63 - 1}/{path}") == refusal
        assert other("GET", f"/students/{2**80}/{path}") == refusal


def test_only_admins_correct_after_the_limit(people):
    day = (timezone.localdate() - datetime.timedelta(days=60)).isoformat()

    assert status("POST", "/attendance", people, "teacher", date=day) == "400"
    assert status("POST", "/attendance", people, "admin", date=day) == "201"


def test_visible_students_are_the_same_in_lists_and_details(people):
    students = StudentProfile.objects
    keys = [*students.values_list("pk", flat=True), people["teacher"].pk, 2**62]

    for person in filter(None, (people[name] for name in PEOPLE)):
        seen = set(students.visible_to(person).values_list("pk", flat=True))
        assert {
            key for key in keys if students.visible_to(person).filter(pk=key).exists()
        } == seen, person
