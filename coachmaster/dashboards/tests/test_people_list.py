import csv
import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory, user_with
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db
PEOPLE = reverse("dashboards:person-list")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def students(admin):
    """Asha owes from tomorrow, Bela since yesterday, Charu since last week; Dev has paid."""
    today = timezone.localdate()
    batch = BatchFactory(name="JEE Morning", course__total_fee=Decimal("900.00"))
    found = []
    for name, days in (("Asha", 1), ("Bela", -1), ("Charu", -7), ("Dev", -7)):
        student = StudentFactory(user__full_name=name)
        enrolled(student=student, batch=batch, due_on=today + days * DAY)
        found.append(student)
    paid(student=found[3], amount="1000.00")
    return found


def rows(client, **query):
    return [
        (row.person.full_name, row.batches_label, str(row.dues) if row.dues else "")
        for row in client.get(PEOPLE, query).context["page"]
    ]


def test_list_shows_batch_and_dues_of_each_student(client_of, admin, students):
    today = timezone.localdate()
    listed = rows(client_of(admin), role="Student", sort="name")

    due = [f"{day.day} {day:%b}" for day in (today + DAY, today - DAY, today - 7 * DAY)]
    assert [(name, batch) for name, batch, _ in listed] == [
        (name, "JEE Morning") for name in ("Asha", "Bela", "Charu", "Dev")
    ]
    for (_, _, dues), words in zip(
        listed,
        [
            f"₹900 due on {due[0]}",
            f"₹900 overdue since {due[1]}",
            f"₹900 overdue since {due[2]}",
            "₹100 in advance",
        ],
        strict=True,
    ):
        assert dues.startswith(words)


def test_overdue_people_come_first_then_by_date_then_by_name(client_of, admin, students):
    names = [name for name, _, _ in rows(client_of(admin))]

    assert names[:3] == ["Charu", "Bela", "Asha"]
    assert names[3:] == sorted(names[3:]) and "Dev" in names


def test_who_does_not_see_dues_gets_people_by_name(client_of, students):
    clerk = user_with("accounts.see_whole_institute", "accounts.view_user", full_name="Clara")
    names = [name for name, _, _ in rows(client_of(clerk), sort="due")]

    assert names == sorted(names)


def test_students_with_dues_are_listed_oldest_first(client_of, admin, students):
    client = client_of(admin)

    def names(**query):
        return " ".join(name for name, _, _ in rows(client, **query))

    assert names(show="dues") == "Charu Bela Asha"
    assert names(show="dues", sort="-due") == "Asha Bela Charu"
    assert names(show="dues", sort="name", q="a") == "Asha Bela Charu"
    assert names(show="overdue") == "Charu Bela"
    assert names(show="overdue", role="Instructor") == ""


def test_several_batches_are_all_named(client_of, admin, students):
    institute = Institute.objects.current()
    institute.several_batches_at_once = True
    institute.save()
    enrolled(student=students[3], batch=BatchFactory(name="Chemistry"))
    enrolled(student=students[0], batch=None)

    listed = {name: batch for name, batch, _ in rows(client_of(admin), role="Student")}

    assert listed["Dev"] == "Chemistry, JEE Morning"


def test_role_without_dues_sees_none(client_of, students):
    clerk = user_with("accounts.view_user", "accounts.see_whole_institute")
    client = client_of(clerk)
    page = client.get(PEOPLE, {"show": "dues"})

    for label in ("JEE Morning", "₹", "overdue", ">Batch<", ">Dues<"):
        assertNotContains(page, label)
    assert rows(client, show="overdue") == rows(client)  # filters nothing
    answer = client.get(PEOPLE, {"as": "csv"})
    assert "Dues" not in b"".join(answer.streaming_content).decode()


def test_role_sees_the_dues_and_batches_of_its_own_students_only(client_of, students):
    own = BatchFactory(name="Own")
    teacher = user_with(
        "academics.teach_batch",
        "accounts.view_user",
        "finance.view_account",
        "academics.view_enrollment",
    )
    own.instructor = teacher
    own.save()
    mine = enrolled(batch=own, student=StudentFactory(user__full_name="Mine"), fee=None).student
    client = client_of(teacher)

    assert [name for name, _, _ in rows(client, show="dues")] == ["Mine"]
    assert [batch for name, batch, _ in rows(client) if name == str(mine)] == ["Own"]


def test_list_is_exported_with_batches_and_dues(client_of, admin, students):
    answer = client_of(admin).get(PEOPLE, {"as": "csv", "show": "overdue"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")

    assert [
        (row["Name"], row["Batches"], row["Dues"], row["Overdue"])
        for row in csv.DictReader(text.splitlines())
    ] == [
        ("Charu", "JEE Morning", "900.00", "900.00"),
        ("Bela", "JEE Morning", "900.00", "900.00"),
    ]


def test_query_count_of_the_list_is_constant(client_of, admin, students, queries_of):
    client = client_of(admin)
    asked = [{"role": "Student"}, {"show": "dues"}]
    client.get(PEOPLE)
    few = [queries_of(lambda query=query: client.get(PEOPLE, query)) for query in asked]
    for _ in range(8):
        enrolled(fee="50.00")

    assert [queries_of(lambda query=query: client.get(PEOPLE, query)) for query in asked] == few


def test_list_offers_the_students_with_dues(client_of, admin):
    assertContains(client_of(admin).get(PEOPLE), "Students with overdue dues")
