import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from academics.models import Enrollment, EnrollmentStatus
from academics.services.enrollments import end_enrollment
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance import checks
from attendance.models import Mark, Presence, Sheet
from attendance.percentages import Tally
from attendance.services.bulk_sheets import EnrollmentsByDay, create_sheets
from attendance.services.sheets import SheetContent, StaleSheet, save_sheet
from coachmaster.core.tests.imports import run_import
from finance.tests.test_races import at_once, meeting, refused

from .factories import save_marks

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 6, 15)
ONE = datetime.timedelta(days=1)


@pytest.fixture
def asha(instructor, student):
    """Asha's enrollment in a batch with a class each day."""
    batch = DailyBatchFactory(instructor=instructor, course__total_fee=0)
    return EnrollmentFactory(batch=batch, student=student)


def came(enrollment, statuses, first=DAY):
    """Save a sheet a day with these marks: `PAL` is present, absent, late."""
    words = {"P": "present", "A": "absent", "L": "late", "E": "excused"}
    for number, letter in enumerate(statuses):
        day = first + number * ONE
        save_marks(enrollment.batch, day, **{f"s{enrollment.student_id}": words[letter]})


def kept(enrollment):
    presence = Presence.objects.get(pk=enrollment.pk)
    return presence.tally, presence.absences_in_a_row


def problems():
    return [sentence for check in checks.CHECKS for sentence in check()]


def test_sheet_and_enrollment_have_counts_of_marks(asha):
    other = EnrollmentFactory(batch=asha.batch)
    came(asha, "PALE")

    assert kept(asha) == (Tally(present=1, absent=1, late=1, excused=1), 0)
    assert kept(other) == (Tally(present=4), 0)
    assert [sheet.tally for sheet in Sheet.objects.order_by("held_on")] == [
        Tally(present=2),
        Tally(present=1, absent=1),
        Tally(present=1, late=1),
        Tally(present=1, excused=1),
    ]  # fmt: skip
    assert problems() == []


def test_correction_updates_counts(asha):
    came(asha, "AA")
    came(asha, "P")

    assert kept(asha) == (Tally(present=1, absent=1), 1)
    assert Sheet.objects.get(held_on=DAY).tally == Tally(present=1)
    assert problems() == []


def test_deleted_mark_or_sheet_is_not_counted(asha):
    EnrollmentFactory(batch=asha.batch)
    came(asha, "PAA")

    Mark.objects.get(sheet__held_on=DAY, student=asha.student).delete()
    assert kept(asha) == (Tally(absent=2), 2)
    assert Sheet.objects.get(held_on=DAY).tally == Tally(present=1)
    Sheet.objects.get(held_on=DAY + ONE).delete()
    assert kept(asha) == (Tally(absent=1), 1)
    assert problems() == []


@pytest.mark.parametrize(
    ("statuses", "in_a_row"),
    [
        ("", None),
        ("P", 0),
        ("A", 1),
        ("PAA", 2),
        ("AAP", 0),
        ("PAEA", 2),
        ("PAAE", 2),
        ("AAL", 0),
        ("E", 0),
        ("AAA", 3),
    ],
)
def test_absences_in_a_row_skip_excused_classes(asha, statuses, in_a_row):
    came(asha, statuses)

    found = Presence.objects.filter(pk=asha.pk).first()
    assert (found and found.absences_in_a_row) == in_a_row
    assert problems() == []


def test_older_sheet_saved_later_counts_on_its_day(asha):
    came(asha, "AA", first=DAY + ONE)
    came(asha, "P")
    assert kept(asha)[1] == 2

    came(asha, "A", first=DAY - ONE)
    assert kept(asha) == (Tally(present=1, absent=3), 2)


def test_each_enrollment_has_its_own_counts(asha):
    came(asha, "PA")
    asha.refresh_from_db()
    asha.status, asha.ended_on = "dropped", DAY + 2 * ONE
    asha.save()
    again = EnrollmentFactory(batch=asha.batch, student=asha.student, enrolled_on=DAY + 2 * ONE)
    came(again, "L", first=DAY + 2 * ONE)

    assert (kept(asha), kept(again)) == ((Tally(present=1, absent=1), 1), (Tally(late=1), 0))
    assert problems() == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda: Sheet.objects.update(late=7),
            "cached counts are 0 / 1 / 7 / 0, its marks give 0 / 1 / 0 / 0.",
        ),
        (
            lambda: Presence.objects.update(absent=3),
            "cached counts are 0 / 3 / 0 / 0 / 1 in a row, its marks give 0 / 1 / 0 / 0 / 1",
        ),
        (
            lambda: Presence.objects.update(absences_in_a_row=0),
            "cached counts are 0 / 1 / 0 / 0 / 0 in a row",
        ),
        (
            lambda: Presence.objects.all().delete(),
            "cached counts are 0 / 0 / 0 / 0 / 0 in a row",
        ),
        (
            lambda: Enrollment.objects.update(last_marked_on=None),
            "has a mark later than its last_marked_on",
        ),
        (
            lambda: Enrollment.objects.update(enrolled_on=DAY + 9 * ONE),
            "the days of its enrollment",
        ),
        (
            lambda: Sheet.objects.update(batch=DailyBatchFactory()),
            "the batch or the days of its enrollment",
        ),
    ],
)
def test_verify_names_wrong_counts(asha, damage, sentence, capsys):
    save_marks(asha.batch, DAY, **{f"s{asha.student_id}": "absent"})
    call_command("verify")
    damage()

    with pytest.raises(CommandError):
        call_command("verify")
    assert sentence in capsys.readouterr().out


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_sheets_of_batch_count_all_marks(instructor):
    batch = DailyBatchFactory(instructor=instructor)
    rows = EnrollmentFactory.create_batch(8, batch=batch)
    days = [DAY + number * ONE for number in range(6)]

    def save(day):
        return save_sheet(
            batch=batch,
            held_on=day,
            content=SheetContent({row.student_id: "absent" for row in rows}),
            by=instructor,
        )

    at_once(*(lambda day=day: save(day) for day in days))
    assert [kept(row) for row in rows] == [(Tally(absent=6), 6)] * 8
    assert problems() == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_second_of_two_saves_of_one_version_is_refused(asha, instructor):
    came(asha, "P")

    def save(status):
        content = SheetContent({asha.student_id: status}, version=1)
        return save_sheet(batch=asha.batch, held_on=DAY, content=content, by=instructor)

    results = meeting(lambda: save("absent"), lambda: save("late"))

    assert [type(refusal) for refusal in refused(results)] == [StaleSheet]
    assert kept(asha) == (Tally(absent=1), 1)
    assert problems() == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_mark_deleted_during_a_save_leaves_the_count_of_the_others(asha):
    came(asha, "P")

    meeting(lambda: came(asha, "A", first=DAY + ONE), lambda: Mark.objects.get().delete())

    assert kept(asha) == (Tally(absent=1), 1)
    assert problems() == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sheet_imported_during_a_save_is_counted_too(asha, instructor):
    @transaction.atomic
    def import_absence():
        EnrollmentsByDay([asha.batch_id], DAY + ONE, DAY + ONE)
        marks = {asha.student_id: (asha.pk, "absent")}
        create_sheets([(asha.batch_id, DAY + ONE, marks)], by=instructor)

    meeting(lambda: came(asha, "P"), import_absence)

    assert kept(asha) == (Tally(present=1, absent=1), 1)
    assert problems() == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_enrollment_does_not_end_before_a_mark_that_is_being_saved(asha):
    end = transaction.atomic(end_enrollment)

    results = meeting(
        lambda: came(asha, "P"),
        lambda: end(asha, EnrollmentStatus.DROPPED, ended_on=DAY - ONE, reason="Left"),
    )

    assert "has an attendance mark" in refused(results)[0].messages[0]
    assert Enrollment.objects.get().is_active


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_totals_imported_during_a_save_are_added_to_its_marks(asha, file):
    number = asha.student.admission_number
    totals = file(f"Student,Batch,Held,Attended\n{number},{asha.batch.name},40,36\n")

    meeting(lambda: came(asha, "P"), lambda: run_import("import_attendance_totals", totals))

    assert kept(asha) == (Tally(present=37, absent=4), 0)
    assert problems() == []
