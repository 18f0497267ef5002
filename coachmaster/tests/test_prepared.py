"""Queries whose SQL is written once."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F, Q
from django.http import Http404
from django.utils import timezone

from academics.models import Batch, Course
from academics.tests.factories import BatchFactory, CourseFactory
from coachmaster.ground.prepared import Prepared, beside

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
    @Prepared
    def courses(key):
        return Course.objects.filter(pk=key).values_list("name")

    course = CourseFactory(name="JEE")

    assert [courses(key=course.pk), courses(key=0), courses(key=course.pk)] == [[("JEE",)], [], [("JEE",)]]
    assert len(courses._written) == 1


def test_each_kind_of_database_has_its_own(monkeypatch):
    prepared = Prepared(lambda key: Course.objects.filter(pk=key).values_list("name"))
    prepared(key=1)
    monkeypatch.setattr(connection, "vendor", "another")
    prepared(key=1)

    assert len(prepared._written) == 2


def test_records_come_with_what_was_loaded_beside_them(instructor, django_assert_num_queries):
    @Prepared
    def batches(kind, *, key, since):
        rows = Batch.objects.select_related("course", "instructor").annotate(twice=F("capacity") + F("capacity"))
        return rows.filter(course=key, starts_on__gte=since).order_by(kind)

    first = BatchFactory(name="B", instructor=instructor, capacity=7)
    second = BatchFactory(name="A", course=first.course, capacity=9, instructor=None)
    values = {"key": first.course_id, "since": first.starts_on}
    batches("name", **values)

    with django_assert_num_queries(2):
        by_name, by_key = batches("name", **values), batches("pk", **values)
        seen = [(one, one.course, one.instructor, one.twice, one.starts_on) for one in by_name]

    assert seen == [
        (second, first.course, None, 18, second.starts_on),
        (first, first.course, instructor, 14, first.starts_on),
    ]
    assert by_key == [first, second]


def test_a_list_of_keys_may_have_any_length(django_assert_num_queries):
    courses = CourseFactory.create_batch(3)
    found = Prepared(lambda keys: Course.objects.filter(pk__in=keys).order_by("pk").values_list("pk", flat=True))

    asked = [found(keys=[one.pk for one in courses[:number]]) for number in (0, 1, 2, 3)]

    assert asked == [[one.pk for one in courses[:number]] for number in (0, 1, 2, 3)]
    with django_assert_num_queries(0):
        assert found(keys=[]) == []


def test_moments_and_text_are_values_too():
    course, now = CourseFactory(code="JEE"), timezone.now()
    found = Prepared(lambda code, before: Course.objects.filter(code=code, created_at__lte=before).values_list("name"))

    asked = [found(code="JEE", before=now), found(code="NEET", before=now)]
    asked.append(found(code="JEE", before=now - datetime.timedelta(1)))

    assert asked == [[(course.name,)], [], []]


def test_what_changes_on_its_way_into_the_sql_is_refused():
    found = Prepared(lambda words: Course.objects.filter(name__icontains=words).values_list("name"))

    with pytest.raises(TypeError, match="words"):
        found(words="jee")


def test_the_first_row_or_the_404_page():
    course = CourseFactory()
    found = Prepared(lambda key: Course.objects.filter(pk=key))

    assert found.first(key=course.pk) == found.or_404(key=course.pk) == course
    assert found.first(key=0) is None
    with pytest.raises(Http404):
        found.or_404(key=0)


def test_of_records_beside_only_the_columns_asked_for_are_loaded(django_assert_num_queries):
    BatchFactory(course__name="JEE", course__description="Two years", instructor=None)
    found = Prepared(lambda: beside(Batch.objects.all(), "course__name", "instructor__full_name"))

    with django_assert_num_queries(1):
        (batch,) = found()
        assert (batch.course.name, batch.instructor) == ("JEE", None)
    with django_assert_num_queries(1):
        assert batch.course.description == "Two years"


@pytest.mark.parametrize("time", ["first", "second"])
def test_per_cents_and_places_of_values_are_told_apart_each_time(time):
    with connection.cursor() as cursor:
        cursor.execute("SELECT '100 %%', %s", [f"{time} %s"])
        assert cursor.fetchall() == [("100 %", f"{time} %s")]
