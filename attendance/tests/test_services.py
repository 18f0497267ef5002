import datetime
from decimal import Decimal

import pytest

from academics.models import Batch, Enrollment
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance.models import Mark, MarkChange
from attendance.percentages import MarkStatus, Tally
from attendance.services.sheets import SheetContent, StaleSheet, save_sheet, sheet_enrollments

from .factories import save_marks

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 6, 15)


def test_late_counts_as_attended_and_excused_is_left_out():
    tally = Tally(present=30, late=4, absent=6, excused=3)

    assert str(tally) == "34 of 40 · 85 %"
    assert tally.percentage == Decimal("85.0")


def test_no_percentage_before_first_counted_class():
    assert str(Tally(excused=2)) == "no classes yet"
    assert Tally().percentage is None


def test_sheet_lists_students_of_that_day():
    batch = DailyBatchFactory()
    there = EnrollmentFactory(batch=batch, enrolled_on=DAY)
    EnrollmentFactory(batch=batch, enrolled_on=DAY + datetime.timedelta(days=1))
    EnrollmentFactory(batch=batch, status="dropped", ended_on=DAY)

    assert sheet_enrollments(batch, DAY, None) == [there]


def test_only_differing_marks_are_written_with_history(instructor):
    batch = DailyBatchFactory(instructor=instructor)
    one, two = EnrollmentFactory.create_batch(2, batch=batch)
    save_marks(batch, DAY, by=instructor)

    save_marks(batch, DAY, by=instructor, **{f"s{one.student_id}": "absent"})

    (change,) = MarkChange.objects.all()
    assert (change.mark.student, change.before, change.after, change.changed_by) == (
        one.student,
        "present",
        "absent",
        instructor,
    )
    assert Mark.objects.get(student=two.student).status == MarkStatus.PRESENT
    assert Enrollment.objects.get(pk=one.pk).last_marked_on == DAY


def test_stale_version_is_refused(instructor, admin):
    batch = DailyBatchFactory(instructor=instructor)
    enrollment = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)

    with pytest.raises(StaleSheet, match="Anita Rao saved this sheet"):
        save_sheet(
            batch=Batch.objects.get(),
            held_on=DAY,
            content=SheetContent({enrollment.student_id: "absent"}, version=0),
            by=instructor,
        )
    assert Mark.objects.get().status == MarkStatus.PRESENT
