import datetime

import pytest

from academics.models import Batch, ClassTime
from academics.tests.factories import (
    BatchFactory,
    ClassChangeFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from attendance.percentages import Tally
from attendance.queries.days import classes_on
from attendance.queries.student_attendance import batch_tallies, student_tally

from .factories import save_marks

pytestmark = pytest.mark.django_db
MONDAY = datetime.date(2026, 6, 15)
TUESDAY, WEDNESDAY = MONDAY + datetime.timedelta(days=1), MONDAY + datetime.timedelta(days=2)


def batch_on(*weekdays, hour=17, **fields):
    """A batch with a class at ``hour`` on each weekday, and one student."""
    batch = BatchFactory(**fields)
    for weekday in weekdays:
        ClassTime.objects.create(
            batch=batch,
            weekday=weekday,
            starts_at=datetime.time(hour),
            ends_at=datetime.time(hour + 1),
        )
    EnrollmentFactory(batch=batch)
    return batch


def test_classes_of_day_come_by_time_with_sheet(admin):
    evening, morning = batch_on(0, hour=17), batch_on(0, 1, hour=8)
    batch_on(1)
    absent = evening.enrollments.get().student_id
    sheet = save_marks(evening, MONDAY, by=admin, **{f"s{absent}": "absent"})

    first, second = classes_on(MONDAY)

    assert (first.batch, first.sheet, first.tally) == (morning, None, None)
    assert [slot.starts_at.hour for slot in first.slots] == [8]
    assert (second.batch, second.sheet, second.tally) == (evening, sheet, Tally(absent=1))


def test_extra_class_is_a_class_of_its_day(admin):
    batch = batch_on(1)
    save_marks(batch, MONDAY, by=admin)

    (extra,) = classes_on(MONDAY)

    assert (extra.batch, extra.slots, extra.is_marked) == (batch, [], True)


def test_holiday_has_only_saved_sheets(admin):
    with_sheet = batch_on(0)
    batch_on(0)
    save_marks(with_sheet, MONDAY, by=admin)
    HolidayFactory(day=MONDAY)

    assert [one.batch for one in classes_on(MONDAY)] == [with_sheet]


def test_cancelled_class_is_listed_only_with_sheet(admin):
    with_sheet, without = batch_on(0), batch_on(0)
    save_marks(with_sheet, MONDAY, by=admin)
    for batch in (with_sheet, without):
        ClassChangeFactory(batch=batch, class_of=(MONDAY, "17:00-18:00"), reason="Fever")

    (kept,) = classes_on(MONDAY)

    assert (kept.batch, kept.slots, kept.notes) == (with_sheet, [], ["Cancelled: Fever"])


def test_moved_class_is_listed_on_new_day():
    batch = batch_on(0)
    ClassChangeFactory(
        batch=batch,
        class_of=(MONDAY, "17:00-18:00"),
        held=(TUESDAY, "07:00-08:00"),
        reason="Hall is taken",
    )

    (moved,) = classes_on(TUESDAY)

    assert classes_on(MONDAY) == []
    assert [slot.starts_at.hour for slot in moved.slots] == [7]
    assert moved.notes == ["Moved from Mon 15 Jun, 17:00: Hall is taken"]


def test_classes_are_limited_to_instructor(instructor):
    own = batch_on(0, instructor=instructor)
    batch_on(0)

    assert [one.batch for one in classes_on(MONDAY, instructor.pk)] == [own]


def test_batch_tallies_include_batches_without_sheets(admin):
    marked, unmarked = batch_on(0), batch_on(0)
    save_marks(marked, MONDAY, by=admin)
    save_marks(marked, TUESDAY, by=admin, **{f"s{marked.enrollments.get().student_id}": "absent"})

    batches = [marked, unmarked]

    assert batch_tallies(batches) == {marked.pk: Tally(present=1, absent=1), unmarked.pk: Tally()}
    assert batch_tallies(batches, first=TUESDAY)[marked.pk] == Tally(absent=1)
    assert student_tally(marked.enrollments.get().student) == Tally(present=1, absent=1)


def test_classes_of_day_have_constant_queries(admin, queries_of):
    questions = (lambda: classes_on(MONDAY), lambda: batch_tallies(Batch.objects.all()))
    save_marks(batch_on(0, 1), MONDAY, by=admin)
    few = [queries_of(question) for question in questions]
    for _ in range(3):
        save_marks(batch_on(0, 1), MONDAY, by=admin)

    assert [queries_of(question) for question in questions] == few
    assert [len(question()) for question in questions] == [4, 4]
