import datetime
from decimal import Decimal

import factory

from academics.class_times import parse
from academics.models import Batch, ClassChange, ClassTime, Course, Enrollment, Holiday
from academics.services.batches import save_batch
from academics.timetable import Timetable
from accounts.tests.factories import StudentFactory, UserFactory


class CourseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Course

    name = factory.Sequence(lambda n: f"Course {n}")
    total_fee = Decimal("12000.00")


class BatchFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Batch

    course = factory.SubFactory(CourseFactory)
    instructor = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Batch {n}")
    starts_on = datetime.date(2026, 6, 1)


class DailyBatchFactory(BatchFactory):
    """Classes on each day of the week from 17:00 to 18:30."""

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
    """An enrollment at the course fee, without the charge for it."""

    class Meta:
        model = Enrollment

    student = factory.SubFactory(StudentFactory)
    batch = factory.SubFactory(BatchFactory)
    enrolled_on = factory.SelfAttribute("batch.starts_on")
    list_fee = factory.SelfAttribute("batch.course.total_fee")
    agreed_fee = factory.SelfAttribute("list_fee")


class HolidayFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Holiday

    name = "Diwali"


class ClassChangeFactory(factory.django.DjangoModelFactory):
    """`class_of` and `held` are the original and the new class as (day, "17:00-18:30")."""

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


def _time(class_, index):
    return class_ and datetime.time.fromisoformat(class_[1].split("-")[index])


def june(day):
    """Return a day of June 2026. The 1st is a Monday."""
    return datetime.date(2026, 6, day)


def batch_with(class_times, **fields):
    batch = BatchFactory(**fields)
    save_batch(batch, parse(class_times), despite_clash=True)
    return batch


def held_classes(batches, first, last):
    classes = Timetable(batches, first, last).classes()
    return [scheduled for scheduled in classes if not scheduled.not_held_reason]
