"""People without the permission to see the whole institute get own rows only.

A walk opens every URL of the site, of the API and of Django admin, with rows of ours and of others,
and looks for texts and amounts of rows that `visible_to` does not give.
"""

import csv
import datetime
import io
import logging
import re
from decimal import Decimal

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, ClassChange, Course, Enrollment, Holiday
from accounts import tokens
from accounts.models import Membership, StudentProfile, User
from accounts.roles import INSTRUCTOR, STUDENT
from accounts.services import calendar_links
from accounts.tests.factories import UserFactory
from coachmaster.api import api
from coachmaster.imports.models import Import
from finance.ledger import fee_status
from finance.models import (
    BulkAction,
    Charge,
    Concession,
    DayClose,
    FeePlan,
    LateFeeRule,
    Payment,
    Refund,
)
from finance.services.bulk_actions import digest_of

from . import scope
from .api import Caller
from .test_api_permissions import bodies
from .test_permissions import OPEN, routes

pytestmark = pytest.mark.django_db

#: The tables that the ids in addresses are from, by the start of the address.
TABLES = {
    "batches": Batch,
    "bulk-actions": BulkAction,
    "charges": Charge,
    "class-changes": ClassChange,
    "concessions": Concession,
    "courses": Course,
    "day-book": DayClose,
    "enrollments": Enrollment,
    "holidays": Holiday,
    "imports": Import,
    "late-fees": LateFeeRule,
    "payments": Payment,
    "people": User,
    "plans": FeePlan,
    "refunds": Refund,
    "students": StudentProfile,
}
WALKERS = [
    "instructor",
    "student",
    "teaching clerk",
    pytest.param("studying clerk", marks=pytest.mark.size),
    pytest.param("clerk without a batch", marks=pytest.mark.size),
    pytest.param("former instructor", marks=pytest.mark.size),
]


@pytest.fixture
def halves():
    logging.disable()  # Thousands of refusals, each with its trace.
    yield scope.build()
    logging.disable(logging.NOTSET)


def with_role(person, name):
    Membership.objects.filter(user=person).update(group=Group.objects.get(name=name))
    return User.objects.get(pk=person.pk)


def clerk_role(name="Branch clerk", *, without=()):
    """Every permission but that for the whole institute."""
    role, _ = Group.objects.get_or_create(name=name)
    role.permissions.set(Permission.objects.exclude(codename__in=["see_whole_institute", *without]))
    return role.name


def walker(name, ours):
    clerk = clerk_role()
    return {
        "instructor": lambda: with_role(ours.teacher, INSTRUCTOR),
        "student": lambda: with_role(ours.student.user, STUDENT),
        "teaching clerk": lambda: with_role(ours.teacher, clerk),
        "studying clerk": lambda: with_role(ours.student.user, clerk),
        "clerk without a batch": lambda: UserFactory(role=clerk),
        "former instructor": lambda: with_role(
            ours.teacher, clerk_role("Former instructor", without=["teach_batch"])
        ),
    }[name]()


def walk_of(name, halves):
    ours, _ = halves
    return scope.Walk(walker(name, ours))


# Pages -----------------------------------------------------------------------------------------


def page_routes():
    return [
        (name, path)
        for name, path, _ in routes()
        if not name.startswith(("admin", "api:")) and name not in OPEN
    ]


def addresses(name, path, person):
    """Yield each address of a route, and whether it is of a row that the person may not see."""
    names = re.findall(r"<(?:\w+:)?(\w+)>", path)
    today = timezone.localdate()
    given = {
        "held_on": today,
        "day": today,
        "starts_at": datetime.time(17),
        "kind": "students",
        "digest": "0" * 64,
    }
    values = {name: given[name] for name in names if name != "pk"}
    if "pk" not in names:
        yield reverse(name, kwargs=values), False
    elif path.startswith("accounts/"):  # what one has oneself, such as tokens
        for pk in range(1, 6):
            yield reverse(name, kwargs={**values, "pk": pk}), False
    else:
        model = TABLES[path.split("/")[0]]
        for is_hidden, rows in [
            (False, scope.visible_rows(model, person)),
            (True, scope.hidden_rows(model, person)),
        ]:
            for row in rows.order_by("pk"):
                yield reverse(name, kwargs={**values, "pk": row.pk}), is_hidden


def walk_pages(walk, halves):
    _, theirs = halves
    others = {
        "student": theirs.student.pk,
        "students": [theirs.student.pk],
        "enrollments": [theirs.enrollment.pk],
        "batch": theirs.batch.pk,
        "instructor": theirs.teacher.pk,
    }
    words = {
        "q": ["kestrel", theirs.student.user.phone[2:9], "/0000"],
        "student": [theirs.student.pk],
        "batch": [theirs.batch.pk],
        "course": [theirs.batch.course_id],
        "instructor": [theirs.teacher.pk],
        "person": [theirs.clerk.pk],
        "as_of": [timezone.localdate() - scope.DAY],
        "on": [timezone.localdate() - scope.DAY],
    }
    for name, path in page_routes():
        for url, is_hidden in addresses(name, path, walk.person):
            text = walk.send("GET", url, is_hidden=is_hidden)
            walk.follow(url, text)
            if text and "<int:pk>" not in path:
                walk.choose(url, text)
                for parameter, values in words.items():
                    for value in values:
                        walk.send("GET", f"{url}?{parameter}={value}")
                        if parameter == "q":
                            walk.send("GET", f"{url}?q={value}&as=csv")
            if name != "accounts:logout":
                walk.send("POST", url, is_hidden=is_hidden, data=others)
    link = calendar_links.renew_link(walk.person)
    token = calendar_links.link_token(link)
    walk.send("GET", reverse("academics:calendar-feed", args=[walk.person.pk, token]))


@pytest.mark.parametrize("name", WALKERS)
def test_pages_show_own_rows_only(name, halves):
    walk = walk_of(name, halves)

    walk_pages(walk, halves)

    assert walk.findings == []


# The API ---------------------------------------------------------------------------------------

PARAMETERS = {
    "user_id": User,
    "student_id": StudentProfile,
    "course_id": Course,
    "batch_id": Batch,
}


def operations():
    """Yield (method, path, operation) of the JSON API."""
    for path, methods in api.document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def choices(operation):
    """Yield query strings with each choice of each parameter."""
    yield ""
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        for part in schema.get("anyOf", [schema]):
            if parameter["in"] == "query":
                yield from (f"?{parameter['name']}={value}" for value in part.get("enum", []))


def call_addresses(path, person):
    """Yield each address, and whether it is of a row that the person may not see."""
    names = re.findall(r"{(\w+)}", path)
    if not names:
        yield path, False
    for name in names:  # no path has two
        model = PARAMETERS[name]
        for row in scope.visible_rows(model, person):
            yield path.format(**{name: row.pk}), False
        for row in scope.hidden_rows(model, person):
            yield path.format(**{name: row.pk}), True


def walk_api(walk, halves):
    _, theirs = halves
    token = tokens.issue(walk.person)
    walk.headers = {"authorization": f"Bearer {token}"}
    foreign = {
        "people": theirs.student.pk,
        "students": theirs.student.pk,
        "courses": theirs.batch.course_id,
        "batches": theirs.batch.pk,
    }
    for method, path, operation in operations():
        if path.endswith(("/auth/login", "/auth/register", "/auth/logout")):
            continue
        body = bodies(foreign).get(path.removeprefix("/api/v1"))
        names_others = body is not None and {"student_id", "batch_id"} & set(body)
        for url, is_hidden in call_addresses(path, walk.person):
            if method == "GET":
                for query in choices(operation):
                    walk.send("GET", url + query, is_hidden=is_hidden)
            else:
                walk.send(
                    method,
                    url,
                    is_hidden=is_hidden or bool(names_others),
                    data=body,
                    content_type="application/json",
                )


@pytest.mark.parametrize("name", WALKERS)
def test_api_shows_own_rows_only(name, halves):
    walk = walk_of(name, halves)

    walk_api(walk, halves)

    assert walk.findings == []


# Django admin ----------------------------------------------------------------------------------


def test_django_admin_is_closed(halves):
    """It shows the rows of everybody."""
    ours, _ = halves
    person = walker("teaching clerk", ours)
    walk = scope.Walk(person)
    for model, model_admin in django_admin.site._registry.items():
        row = model._default_manager.first()
        for pattern in model_admin.get_urls():
            if pattern.name:
                groups = pattern.pattern.regex.groups
                url = reverse(f"admin:{pattern.name}", args=[row.pk if row else 1, 1][:groups])
                walk.send("GET", url, is_hidden=True)
                walk.send("POST", url, is_hidden=True)
    for name in ["index", "autocomplete"]:
        walk.send("GET", reverse(f"admin:{name}"), is_hidden=True)

    assert walk.findings == []


# The walk itself -------------------------------------------------------------------------------


def test_every_table_has_an_owner_or_is_named_here():
    without_owner = {
        model for model in scope.tables() if not hasattr(model._default_manager.all(), "visible_to")
    }

    assert {model.__name__ for model in without_owner - scope.SHARED} == {
        "AdmissionSeries",
        "Attempts",
        "DayTotal",
        "PreparedLateFees",
        "ReceiptSeries",
    }
    assert without_owner >= scope.SHARED


@pytest.mark.size
def test_admin_finds_on_the_walk_what_is_hidden_from_others(halves, admin):
    ours, _ = halves
    walk = scope.Walk(admin, hidden=scope.hidden_texts(walker("teaching clerk", ours)))

    walk_pages(walk, halves)

    # Besides, the rows have digests, tokens and amounts that no page shows.
    named = {text for text in walk.hidden if text.startswith(("Kestrel ", "kestrel.", "CM/"))}
    assert len(named) > 40
    assert named - walk.found == set()


# People whose role cannot teach any more -------------------------------------------------------


def test_former_instructor_has_no_rows_of_the_batches_that_still_name_them(halves):
    ours, _ = halves
    person = walker("former instructor", ours)

    owned = {
        model.__name__
        for model in scope.tables()
        if model not in scope.SHARED and scope.visible_rows(model, person).exists()
    }

    assert owned == {"User", "Membership", "RegisterReminder"}


# Sums, choices and ids in forms ----------------------------------------------------------------


@pytest.fixture
def clerk(halves, client_of):
    """The client of our teaching clerk."""
    ours, _ = halves
    return client_of(walker("teaching clerk", ours))


def column(response, name):
    return [
        row[name] for row in csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig")))
    ]


def test_people_are_oneself_and_the_students_of_own_batches(clerk, halves):
    ours, _ = halves
    own = ["Sparrow classmate", "Sparrow leaver", "Sparrow student", "Sparrow teacher"]

    assert sorted(column(clerk.get("/people/?as=csv"), "Name")) == own
    status, users = Caller(ours.teacher)("GET", "/users")
    assert (status, [user["full_name"] for user in users["users"]]) == (200, own)
    assert users["total"] == 4


@pytest.mark.parametrize(
    ("days", "students"),
    [
        (0, ["Sparrow classmate", "Sparrow student"]),
        (1, ["Sparrow classmate", "Sparrow leaver", "Sparrow student"]),
    ],
    ids=["today", "yesterday"],
)
def test_dues_and_their_totals_are_those_of_own_students(clerk, halves, days, students):
    ours, _ = halves
    day = ours.today - days * scope.DAY
    own = StudentProfile.objects.filter(user__full_name__in=students)

    totals = clerk.get(f"/dues/?as_of={day}").context["totals"]
    file = clerk.get(f"/dues/?as_of={day}&as=csv")

    balance = sum(fee_status(student, day).balance for student in own)
    assert (totals.students, totals.amount) == (len(students), balance)
    assert sorted(column(file, "Student")) == students


@pytest.mark.parametrize(
    "page",
    [
        "/collections/",
        "/dashboard/admin/",
        "/day-book/",
        "/day-book/close/",
        "/day-book/closes/",
        "/institute/",
        "/late-fees/",
        "/late-fees/add/",
        "/payments/",
        "/payments/start/",
        "/refunds/",
        "/api/v1/dashboard/admin",
    ],
)
def test_pages_about_everybody_need_the_whole_institute(clerk, halves, admin, page, client_of):
    ours, _ = halves
    headers = {"authorization": f"Bearer {tokens.issue(ours.teacher)}"}

    assert clerk.get(page, headers=headers).status_code == 403
    headers = {"authorization": f"Bearer {tokens.issue(admin)}"}
    assert client_of(admin).get(page, headers=headers).status_code in (200, 302)


def test_late_fees_are_not_charged_to_everybody(clerk):
    before = Charge.objects.count()

    assert clerk.get("/late-fees/post/").status_code == 403
    assert clerk.post("/late-fees/post/").status_code == 403
    assert Charge.objects.count() == before


FORMS = [
    ("/dues/remind/", lambda half: {"students": half.student.pk}),
    ("/attendance/shortage/remind/", lambda half: {"enrollments": half.enrollment.pk}),
    ("/batches/{batch}/enroll/", lambda half: {"students": half.leaver.pk}),
    ("/batches/{batch}/enroll/", lambda half: {"numbers": half.leaver.admission_number}),
    ("/batches/{batch}/edit/", lambda half: {"instructor": half.teacher.pk}),
    ("/enrollments/add/?student={leaver}", lambda half: {"batch": half.evening.pk}),
    ("/enrollments/{enrollment}/transfer/", lambda half: {"batch": half.evening.pk}),
    (
        "/batches/{batch}/charge/",
        lambda half: {
            "students": half.student.pk,
            "digest": digest_of([(half.student.pk, Decimal("10.00"))]),
        },
    ),
]


@pytest.mark.parametrize(("page", "values"), FORMS)
def test_form_takes_ids_of_own_rows_only(clerk, halves, settings, page, values):
    ours, _ = halves
    settings.SENDS_MAIL = True
    url = page.format(batch=ours.batch.pk, enrollment=ours.enrollment.pk, leaver=ours.leaver.pk)

    written = [writes_of(clerk, url, {**filled_in(ours), **values(half)}) for half in halves]

    assert [bool(writes) for writes in written] == [True, False]
    assert not any("kestrel" in message.to[0] for message in mail.outbox)


def filled_in(ours):
    """Return values for all of these forms."""
    today = ours.today.isoformat()
    return {
        "enrolled_on": today,
        "despite_clash": "on",
        "recent": "again",
        "name": "New",
        "course": ours.batch.course_id,
        "starts_on": ours.batch.starts_on.isoformat(),
        **class_times(),
        "kind": "exam",
        "amount": 10,
        "due_on": today,
        "token": "t",
    }


def class_times():
    return {
        "times-TOTAL_FORMS": 1,
        "times-INITIAL_FORMS": 1,
        "times-0-days": list(range(7)),
        "times-0-starts_at": "17:00",
        "times-0-ends_at": "18:30",
    }


def writes_of(client, url, data):
    """Return the SQL that writes, and undo it."""
    before = transaction.savepoint()
    with scope.recorded_writes() as writes:
        response = client.post(url, data)
    transaction.savepoint_rollback(before)
    assert response.status_code in (200, 302)
    return writes


def test_clash_with_a_batch_of_others_does_not_name_it(clerk, halves):
    ours, theirs = halves
    form = {
        **filled_in(ours),
        **class_times(),
        "instructor": ours.teacher.pk,
        "room": theirs.batch.room,
        "despite_clash": "",
    }

    page = clerk.post(f"/batches/{ours.batch.pk}/edit/", form).content.decode()

    assert "Kestrel room has another batch on" in page
    assert theirs.batch.name not in page
