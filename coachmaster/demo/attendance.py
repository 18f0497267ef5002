"""Three months of attendance sheets, with some shortages and some missing sheets."""

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


def create_sheets(academy, progress):
    probabilities = {}
    enrollments = {}
    for student in academy.students:
        for plan in student.enrollments:
            enrollments.setdefault(plan.batch.pk, []).append(plan.enrollment)
    started = [batch for batch in academy.batches if batch.starts_on <= academy.today]
    for batch in progress(started, "Attendance"):
        _create_sheets_of(academy, batch, enrollments[batch.pk], probabilities)


def _create_sheets_of(academy, batch, enrollments, probabilities):
    sheets = _sheets(academy, batch)
    marks = []
    for sheet in sheets:
        own = []
        for enrollment in enrollments:
            if enrollment.covers(sheet.held_on):
                status = _status(academy, enrollment.student, sheet.held_on, probabilities)
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
    _create_corrections(academy, batch, marks)


def _sheets(academy, batch):
    rng = academy.rng
    ends_at = {slot.weekday: slot.ends_at for slot in batch.times}
    first = max(batch.starts_on, academy.today - DAYS * DAY)
    last = min(batch.ends_on, academy.today)
    sheets = []
    for day in (first + number * DAY for number in range((last - first).days + 1)):
        if day.weekday() not in ends_at or day in academy.holidays:
            continue
        end = ends_at[day.weekday()]
        if not _is_missing(academy, batch, day, end):
            topics = TOPICS[batch.course.code]
            sheets.append(
                Sheet(
                    batch=batch,
                    held_on=day,
                    topic=rng.choice(topics) if rng.random() < 0.6 else "",
                    taken_by=batch.instructor,
                    taken_at=academy.at(day, end.hour, end.minute),
                )
            )
    return sheets


def _is_missing(academy, batch, day, ends_at):
    """The demo's instructor has one missing sheet, and today's second class still ahead."""
    is_demo = batch.instructor == academy.instructors[0]
    if day == academy.today:
        if not is_demo:
            return ends_at.hour > 12
        morning, evening = academy.batches[:2]
        return not (batch == morning or (day.weekday() == 6 and batch == evening))
    return academy.rng.random() < 0.02 or (
        is_demo and batch == academy.batches[5] and day > academy.today - 4 * DAY
    )


def _status(academy, student, day, probabilities):
    rng = academy.rng
    if student.pk not in probabilities:
        probabilities[student.pk] = _probability(academy, student)
    before, now = probabilities[student.pk]
    share = 1 - (academy.today - day).days / DAYS
    if rng.random() < before + (now - before) * share:
        return MarkStatus.LATE if rng.random() < 0.04 else MarkStatus.PRESENT
    return MarkStatus.EXCUSED if rng.random() < 0.12 else MarkStatus.ABSENT


def _probability(academy, student):
    """Return the student's probability of attending three months ago, and today."""
    rng = academy.rng
    if student == academy.demo_student.profile:
        return 0.9, 0.84
    kind = rng.random()
    if kind < 0.62:
        return rng.uniform(0.93, 0.99), rng.uniform(0.92, 0.99)
    if kind < 0.85:
        return rng.uniform(0.82, 0.93), rng.uniform(0.80, 0.92)
    if kind < 0.96:
        return rng.uniform(0.80, 0.92), rng.uniform(0.35, 0.55)
    return rng.uniform(0.55, 0.7), rng.uniform(0.5, 0.7)


def _create_corrections(academy, batch, marks):
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
