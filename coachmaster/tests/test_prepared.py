"""Queries whose SQL is written once."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F, Q

from academics.models import Course
from academics.tests.factories import BatchFactory, CourseFactory
from coachmaster.ground.prepared import Prepared

pytestmark = pytest.mark.django_db


def test_it_says_what_the_queryset_says_for_each_value():
    def build(least, day):
        courses = Course.objects.filter(
            Q(pk__gte=least, batches__starts_on__lt=day) | Q(pk=least), name__contains="1987"
        )
        return courses.order_by("pk").values_list("pk", F("total_fee") + F("total_fee"), "created_at", "is_active")

    for name in ("1987-06-05", "1987-06-06", "other"):
        BatchFactory(course=CourseFactory(name=name, total_fee=Decimal("0.29")))
    keys, prepared = list(Course.objects.order_by("pk").values_list("pk", flat=True)), Prepared(build)
    asked = [
        {"least": key, "day": day}
        for key in (*keys, 0, 2**40)
        for day in (datetime.date(2026, 6, 1), datetime.date(2026, 6, 2), datetime.date(1987, 6, 5))
    ]

    got = [prepared(**values) for values in asked]

    assert got == [list(build(**values)) for values in asked]
    assert got[1][0][1:2] == (Decimal("0.58"),)


def test_its_sql_is_written_once():
    asked = []

    @Prepared
    def courses(key):
        asked.append(key)
        return Course.objects.filter(pk=key).values_list("name")

    course = CourseFactory(name="JEE")

    assert [courses(key=course.pk), courses(key=0), courses(key=course.pk)] == [[("JEE",)], [], [("JEE",)]]
    assert len(asked) == 1


def test_each_kind_of_database_has_its_own(monkeypatch):
    prepared = Prepared(lambda key: Course.objects.filter(pk=key).values_list("name"))
    prepared(key=1)
    monkeypatch.setattr(connection, "vendor", "another")
    prepared(key=1)

    assert len(prepared._written) == 2
