"""Rows written by the thousand are what rows written one by one would be."""

import datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from academics.models import Course, Enrollment
from academics.tests.factories import BatchFactory
from accounts.models import User
from accounts.tests.factories import StudentFactory
from coachmaster.ground.bulk import insert, insert_with_history
from finance.models import Account

pytestmark = pytest.mark.django_db

WHEN = datetime.datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=datetime.UTC)


def courses(word):
    return [
        Course(name=f"{word} {n}", code=f"{word}{n}", total_fee=Decimal(f"{n}000.50"), description="=1+1\n")
        for n in range(3)
    ]


def stored(rows, *without):
    return [{key: value for key, value in row.items() if key not in without} for row in rows.order_by("pk").values()]


def test_they_are_what_bulk_create_makes_with_the_same_history():
    bulk_create_with_history(courses("A"), Course)
    first = (
        stored(Course.objects.all(), "id", "created_at"),
        stored(Course.history.all(), "id", "history_id", "history_date", "created_at"),
    )
    Course.objects.all().delete()
    Course.history.all().delete()

    made = courses("A")
    insert_with_history(made)

    assert (
        stored(Course.objects.all(), "id", "created_at"),
        stored(Course.history.all(), "id", "history_id", "history_date", "created_at"),
    ) == first
    assert [course.pk for course in made] == list(Course.objects.order_by("pk").values_list("pk", flat=True))
    assert list(Course.history.order_by("history_id").values_list("id", flat=True)) == [course.pk for course in made]
    assert timezone.now() - Course.history.first().history_date < datetime.timedelta(minutes=5)


def test_moments_empty_fields_and_words_to_search_are_stored_as_by_save():
    insert([user := User(full_name="Asha Verma", email="asha@example.com", phone="9876543210", created_at=WHEN)])
    user.refresh_from_db()

    assert (user.full_name, user.email, user.phone) == ("Asha Verma", "asha@example.com", "9876543210")
    assert user.created_at == WHEN
    assert user.last_login is None
    assert user.search_text == "asha verma\n9876543210\nasha@example.com"


def test_keys_go_on_where_others_left_off():
    insert(courses("A"))
    between = Course.objects.create(name="B", total_fee=1)
    insert(courses("C"))

    keys = list(Course.objects.order_by("name").values_list("pk", flat=True))
    assert keys == sorted(keys)
    assert between.pk == keys[3]


def test_the_database_refuses_what_it_always_refuses():
    student, batch = StudentFactory(), BatchFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        insert(
            Enrollment(student=student, batch=batch, enrolled_on=WHEN.date(), list_fee=1, agreed_fee=1)
            for _ in range(2)
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Course(name=name, code="SAME", total_fee=1) for name in "AB")

    assert not Enrollment.objects.exists()


def test_nothing_is_written_for_nothing():
    insert([])
    insert_with_history([])

    assert not Account.objects.exists()
