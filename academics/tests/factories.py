"""The smallest valid course, batch and enrollment."""

import datetime
from decimal import Decimal

import factory

from academics.models import Batch, ClassChange, ClassTime, Course, Enrollment, Holiday
from academics.timetable import Timetable
from accounts.tests.factories import StudentFactory, UserFactory


class CourseFactory(factory.django.DjangoModelFactory):
    """A course for ₹12,000."""

    class Meta:
        model = Course

    name = factory.Sequence(lambda n: f"Course {n}")
    total_fee = Decimal("12000.00")


class BatchFactory(factory.django.DjangoModelFactory):
    """A batch from 1 June 2026 on, open-ended, without class times."""

    class Meta:
        model = Batch

    course = factory.SubFactory(CourseFactory)
    instructor = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Batch {n}")
    starts_on = datetime.date(2026, 6, 1)


class DailyBatchFactory(BatchFactory):
    """A batch with a class on each day of the week, 17:00 to 18:30."""

    @factory.post_generation
    def class_times(batch, create, extracted, **kwargs):
        ClassTime.objects.bulk_create(
            ClassTime(
                batch=batch, weekday=day, starts_at=datetime.time(17), ends_at=datetime.time(18, 30)
            )
            for day in range(7)
        )

    class Meta:
        skip_postgeneration_save = True


class EnrollmentFactory(factory.django.DjangoModelFactory):
    """An active enrollment at the course's fee, without the charge that `finance.services.enrollments.enroll` posts."""

    class Meta:
        model = Enrollment

    student = factory.SubFactory(StudentFactory)
    batch = factory.SubFactory(BatchFactory)
    enrolled_on = factory.SelfAttribute("batch.starts_on")
    list_fee = factory.SelfAttribute("batch.course.total_fee")
    agreed_fee = factory.SelfAttribute("list_fee")


class HolidayFactory(factory.django.DjangoModelFactory):
    """A holiday."""

    class Meta:
        model = Holiday

    name = "Diwali"


class ClassChangeFactory(factory.django.DjangoModelFactory):
    """A change of one class; `class_of` and `held` name what is taken out and put in as (day, "17:00-18:30")."""

    class Meta:
        model = ClassChange

    class Params:
        class_of = None
        held = None

    batch = factory.SubFactory(BatchFactory)
    reason = "Fever"
    day = factory.LazyAttribute(lambda row: row.class_of and row.class_of[0])
    starts_at = factory.LazyAttribute(lambda row: _time(row.class_of, 0))
    ends_at = factory.LazyAttribute(lambda row: _time(row.class_of, 1))
    to_day = factory.LazyAttribute(lambda row: row.held and row.held[0])
    to_starts_at = factory.LazyAttribute(lambda row: _time(row.held, 0))
    to_ends_at = factory.LazyAttribute(lambda row: _time(row.held, 1))


def _time(of, place):
    """Where a class begins (0) or ends (1): `("17:00-18:30", 1)` is 18:30."""
    return of and datetime.time.fromisoformat(of[1].split("-")[place])


def expected(batches, first, last):
    """Every class of ``batches`` that is held from ``first`` to ``last``, by day and time."""
    return [one for one in Timetable(batches, first, last).classes() if not one.not_held_reason]
