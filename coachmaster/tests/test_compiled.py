import datetime
import logging
from decimal import Decimal

import django
import pytest
from django.db.models import F, Q
from django.utils import timezone

from academics.models import Batch, ClassTime, Course
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from coachmaster.core.compiled import compiled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _compiled(settings):
    settings.COMPILED_QUERIES = True


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, "coachmaster.core.compiled")
    return caplog


def test_compiled_query_returns_rows_of_queryset(settings, warnings):
    def courses(*, least, day, code):
        found = Course.objects.filter(
            Q(pk__gte=least, batches__starts_on__lt=day) | Q(pk=least) | Q(code=code)
        )
        return found.order_by("pk").values_list(
            "pk", F("total_fee") + F("total_fee"), "created_at", "is_active"
        )

    for code in ("1987-06-05", "%_\\", "other"):
        BatchFactory(course=CourseFactory(code=code, total_fee=Decimal("0.29")))
    asked = [
        {"least": key, "day": day, "code": code}
        for key in (*Course.objects.values_list("pk", flat=True), 0, 2**40, 2**70)
        for day in (datetime.date(2026, 6, 1), datetime.date(2026, 6, 2), datetime.date(1987, 6, 5))
        for code in ("%_\\", "nothing")
    ]
    rows = compiled(courses)

    assert [rows(**values) for values in asked] == [list(courses(**values)) for values in asked]
    assert rows(least=0, day=datetime.date(1987, 6, 5), code="%_\\")[0][1:2] == (Decimal("0.58"),)
    assert warnings.records == []


def test_compiled_rows_have_related_annotated_and_prefetched_data(
    instructor, warnings, django_assert_num_queries
):
    @compiled
    def batches(*, course, since):
        found = Batch.objects.filter(course=course, starts_on__gte=since).select_related(
            "course", "instructor"
        )
        return (
            found.annotate(twice=F("capacity") + F("capacity"))
            .prefetch_related("class_times")
            .order_by("name")
        )

    first = DailyBatchFactory(name="B", instructor=instructor, capacity=7)
    second = BatchFactory(name="A", course=first.course, capacity=9, instructor=None)

    with django_assert_num_queries(2):
        rows = batches(course=first.course_id, since=datetime.date(2020, 1, 1))
        seen = [
            (one, one.course, one.instructor, one.twice, len(one.class_times.all())) for one in rows
        ]

    assert seen == [
        (second, first.course, None, 18, 0),
        (first, first.course, instructor, 14, ClassTime.objects.filter(batch=first).count()),
    ]
    assert not rows[0]._state.adding
    assert warnings.records == []


def test_deferred_columns_are_loaded_on_access(django_assert_num_queries):
    rows = compiled(lambda: Batch.objects.select_related("course").only("name", "course__name"))
    BatchFactory(course__name="JEE", course__description="Two years")

    with django_assert_num_queries(1):
        (batch,) = rows()
        assert batch.course.name == "JEE"
    with django_assert_num_queries(1):
        assert batch.course.description == "Two years"


def test_list_of_ids_may_have_any_length(django_assert_num_queries):
    courses = CourseFactory.create_batch(10)
    rows = compiled(
        lambda *, ids: Course.objects.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True)
    )
    ids = [course.pk for course in courses]

    assert [rows(ids=ids[:number]) for number in (0, 1, 2, 9, 10)] == [
        ids[:number] for number in (0, 1, 2, 9, 10)
    ]
    assert rows(ids=[*ids, *range(-600, 0)]) == ids


def test_none_and_a_value_are_separate_queries():
    rows = compiled(
        lambda *, code: Course.objects.filter(Q(code=code) if code else Q()).values_list(
            "name", flat=True
        )
    )
    course = CourseFactory(name="JEE", code="J")

    assert [rows(code="J"), rows(code=None), rows(code="K")] == [[course.name], [course.name], []]


def test_datetimes_are_compared_as_datetimes():
    course, now = CourseFactory(name="JEE"), timezone.now()
    rows = compiled(
        lambda *, before: Course.objects.filter(created_at__lte=before).values_list("name")
    )

    assert [rows(before=now), rows(before=now - datetime.timedelta(1))] == [[(course.name,)], []]


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda value: Course.objects.filter(name__icontains=value), id="a pattern"),
        pytest.param(
            lambda value: Course.objects.filter(Q(name=value) | Q(code=value + "E")),
            id="changed beside",
        ),
        pytest.param(
            lambda value: Course.objects.filter(Q(code="JEE") | Q(name=value[:1])), id="changed"
        ),
        pytest.param(
            lambda value: Course.objects.filter(code="JEE") if value else None, id="only looked at"
        ),
    ],
)
def test_function_that_changes_a_value_is_not_compiled(build, warnings):
    rows, course = compiled(build), CourseFactory(name="JE", code="JEE")

    assert [rows(value="JE"), rows(value="JE")] == [[course], [course]]
    assert len(warnings.records) == 1


@pytest.mark.parametrize("reason", ["setting", "version"])
def test_compilation_is_off_by_setting_and_for_newer_django(
    reason, settings, monkeypatch, warnings
):
    builds = []

    def build(*, key):
        builds.append(key)
        return Course.objects.filter(pk=key)

    if reason == "setting":
        settings.COMPILED_QUERIES = False
    else:
        monkeypatch.setattr(django, "VERSION", (6, 1, 0, "final", 0))
    course, rows = CourseFactory(), compiled(build)

    assert [rows(key=course.pk), rows(key=0)] == [[course], []]
    assert builds == [course.pk, 0]
