"""Three months of sheets: most come, some slip, a few sheets were forgotten."""

from academics.models import Enrollment
from attendance.models import Mark, MarkChange, Sheet
from attendance.percentages import MarkStatus, Tally
from attendance.statistics import update_presences

from .academy import CHUNK, DAY

DAYS = 91
TOPICS = {
    "JEE": [
        "Rotational motion",
        "Electrostatics",
        "Chemical equilibrium",
        "Limits and continuity",
        "Organic: alkenes",
    ],
    "NEET": ["Human physiology", "Genetics", "Optics", "Chemical bonding", "Plant kingdom"],
    "CET": ["Mock test and discussion", "Vectors", "Thermodynamics", "Integration"],
    "FND": ["Quadratic equations", "Light", "Triangles", "Acids and bases", "Statistics"],
}


def take_sheets(academy, progress):
    """Write sheets and marks of the last three months, and of today's morning."""
    habits = {}
    by_batch = {}
    for pupil in academy.pupils:
        for stay in pupil.stays:
            by_batch.setdefault(stay.batch.pk, []).append(stay.enrollment)
    running = [batch for batch in academy.batches if batch.starts_on <= academy.today]
    for batch in progress(running, "Attendance"):
        _of_batch(academy, batch, by_batch[batch.pk], habits)


def _habit(academy, student):
    """How likely a student comes: three months ago, and today."""
    if student == academy.demo_pupil.profile:
        return 0.9, 0.84
    kind = academy.rng.random()
    if kind < 0.62:
        return academy.rng.uniform(0.93, 0.99), academy.rng.uniform(0.92, 0.99)
    if kind < 0.85:
        return academy.rng.uniform(0.82, 0.93), academy.rng.uniform(0.80, 0.92)
    if kind < 0.96:
        return academy.rng.uniform(0.80, 0.92), academy.rng.uniform(0.35, 0.55)
    return academy.rng.uniform(0.55, 0.7), academy.rng.uniform(0.5, 0.7)


def _of_batch(academy, batch, enrollments, habits):
    rng = academy.rng
    ends_at = {}
    for slot in batch.times:
        ends_at[slot.weekday] = slot.ends_at
    first = max(batch.starts_on, academy.today - DAYS * DAY)
    days = [
        first + number * DAY
        for number in range((min(batch.ends_on, academy.today) - first).days + 1)
    ]
    sheets = []
    for day in days:
        if day.weekday() not in ends_at or day in academy.holidays:
            continue
        # The demo's instructor finds one sheet of the last days forgotten, and today's later class still to come.
        is_demo = batch.instructor == academy.teachers[0]
        if day == academy.today:
            is_first = batch == academy.batches[0] or (
                day.weekday() == 6 and batch == academy.batches[1]
            )
            missing = not is_first if is_demo else ends_at[day.weekday()].hour > 12
        else:
            missing = rng.random() < 0.02 or (
                is_demo and batch == academy.batches[5] and day > academy.today - 4 * DAY
            )
        if not missing:
            sheets.append(
                Sheet(
                    batch=batch,
                    held_on=day,
                    topic=rng.choice(TOPICS[batch.course.code]) if rng.random() < 0.6 else "",
                    taken_by=batch.instructor,
                    taken_at=academy.at(
                        day, ends_at[day.weekday()].hour, ends_at[day.weekday()].minute
                    ),
                )
            )
    marks = []
    for sheet in sheets:
        own = []
        for enrollment in enrollments:
            if enrollment.covers(sheet.held_on):
                status = _status(academy, enrollment.student, sheet.held_on, habits)
                own.append(
                    Mark(
                        sheet=sheet,
                        student_id=enrollment.student_id,
                        enrollment=enrollment,
                        status=status,
                    )
                )
                enrollment.last_marked_on = sheet.held_on
        sheet.tally = Tally.of(mark.status for mark in own)
        marks += own
    Sheet.objects.bulk_create(sheets, batch_size=CHUNK)
    Mark.objects.bulk_create(marks, batch_size=CHUNK)
    Enrollment.objects.bulk_update(enrollments, ["last_marked_on"])
    update_presences(enrollment.pk for enrollment in enrollments)
    _corrections(academy, batch, marks)


def _status(academy, student, day, habits):
    if student.pk not in habits:
        habits[student.pk] = _habit(academy, student)
    before, now = habits[student.pk]
    share = 1 - (academy.today - day).days / DAYS
    if academy.rng.random() < before + (now - before) * share:
        return MarkStatus.LATE if academy.rng.random() < 0.04 else MarkStatus.PRESENT
    return MarkStatus.EXCUSED if academy.rng.random() < 0.12 else MarkStatus.ABSENT


def _corrections(academy, batch, marks):
    """Some who came late were absent on the first save."""
    late = [
        mark
        for mark in marks
        if mark.status == MarkStatus.LATE and mark.sheet.held_on < academy.today
    ]
    corrected = {mark.sheet.pk: mark for mark in late[::12]}
    MarkChange.objects.bulk_create(
        MarkChange(
            mark=mark,
            before=MarkStatus.ABSENT,
            after=MarkStatus.LATE,
            changed_by=batch.instructor,
            changed_at=mark.sheet.taken_at,
        )
        for mark in corrected.values()
    )
    Sheet.objects.filter(pk__in=corrected).update(version=2)
