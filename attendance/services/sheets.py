import datetime
from dataclasses import dataclass, field

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from academics.timetable import Timetable
from accounts.models import student_or_404
from attendance.models import Mark, MarkChange, Sheet
from attendance.percentages import STATUS_BY_VALUE, MarkStatus, Tally
from attendance.statistics import update_last_marked_on, update_presences
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import format_date
from coachmaster.core.querysets import restricted_id

_NOTE, _REASON = Mark._meta.get_field("note"), MarkChange._meta.get_field("reason")


class StaleSheet(ValidationError):
    """Another person saved the sheet after this page was opened."""


class StudentsChanged(ValidationError):
    """The batch has other students than the page; ``strangers`` are not in it."""

    strangers: frozenset[int] = frozenset()


class NoClassPlanned(ValidationError):
    """There is no class on this weekday; the user may confirm one."""


@dataclass(frozen=True)
class SheetContent:
    #: By student id; other students keep their mark.
    statuses: dict[int, MarkStatus]
    #: By student id; other students keep their note.
    notes: dict[int, str] = field(default_factory=dict)
    #: None keeps the topic.
    topic: str | None = None
    #: Why an old sheet is corrected; None does not require a reason.
    reason: str | None = None
    #: Version that the page showed, 0 for a new sheet; None skips the check.
    version: int | None = None
    #: Every student of the batch must have a status.
    is_complete: bool = False


@dataclass
class SaveResult:
    sheet: Sheet
    created: list[Mark] = field(default_factory=list)
    changed: list[Mark] = field(default_factory=list)


def attendance_batches(user):
    return Batch.objects.recorded_by(restricted_id(user))


def attendance_batch_or_404(user, pk):
    return get_object_or_404(attendance_batches(user).select_related("course", "instructor"), pk=pk)


def attendance_student_or_404(user, pk):
    """Return a student. Raise PermissionDenied without the permission to see attendance."""
    student = student_or_404(user, pk)
    if student.pk != user.pk and not user.has_perm("attendance.view_sheet"):
        raise PermissionDenied
    return student


def day_schedule(batch, held_on):
    return Timetable([batch], held_on, held_on).schedule(batch, held_on)


def reason_not_allowed(batch, held_on, *, today, schedule=None, user=None):
    """Return why there can be no sheet for this day, or "". ``user`` is None for imports."""
    if held_on > today:
        return f"{format_date(held_on)} is in the future. Mark attendance on the day of the class."
    if held_on < batch.starts_on:
        return f"{batch} starts on {format_date(batch.starts_on)}."
    if batch.is_over(held_on):
        return f"{batch} ended on {format_date(batch.ends_on)}."
    schedule = schedule or day_schedule(batch, held_on)
    if schedule.holiday:
        return f"{format_date(held_on)} is a holiday: {schedule.holiday}."
    if schedule.called_off and not schedule.is_planned:
        moved_to = schedule.called_off.to_day
        change = f"moved to {format_date(moved_to)}" if moved_to else "cancelled"
        return f"The class of {format_date(held_on)} is {change}: {schedule.called_off.reason}."
    if user is not None and held_on < (first := first_editable_day(user, today) or held_on):
        days = (today - first).days
        limit = f"for {days} day{'s' if days != 1 else ''}" if days else "on the same day only"
        return (
            f"Attendance can be marked and corrected {limit}. Ask the office to correct this sheet."
        )
    return ""


def _edit_period():
    return datetime.timedelta(
        days=Institute.objects.values_list("attendance_edit_days", flat=True).get()
    )


def first_editable_day(user, today):
    """Return the earliest day that ``user`` may save, or None for no limit."""
    return None if user.has_perm("attendance.correct_any_day") else today - _edit_period()


def needs_reason(user, held_on):
    return user is not None and held_on < timezone.localdate() - _edit_period()


def sheet_enrollments(batch, held_on, sheet, *, lock=False):
    """Return the enrollments of that day and those with a mark, by name.

    Each has ``name``, ``admission_number``, ``tally``, ``mark_id``, ``mark_status`` and
    ``mark_note``. ``lock`` makes the sheets of a batch wait for each other.
    """
    query = _locked_enrollments if lock else _enrollments
    enrollments = query(batch=batch.pk, held_on=held_on, marked=None)
    marks = _marks_of(sheet) if sheet else {}
    if marks.keys() - {enrollment.pk for enrollment in enrollments}:
        # A student with a mark left the batch later.
        enrollments = query(batch=batch.pk, held_on=held_on, marked=list(marks))
    # A student who left and returned on one day has two enrollments: use the one with the mark.
    rows = {}
    for enrollment in enrollments:
        mark = marks.get(enrollment.pk, (None, None, None))
        enrollment.mark_id, enrollment.mark_status, enrollment.mark_note = mark
        enrollment.tally = Tally(*(getattr(enrollment, status) or 0 for status in STATUS_BY_VALUE))
        other = rows.get(enrollment.student_id)
        if other is None or other.mark_id is None:
            rows[enrollment.student_id] = enrollment
    return list(rows.values())


def _enrollments_on(batch, held_on, marked):
    also = None if marked is None else Q(pk__in=marked)
    enrollments = Enrollment.objects.filter(batch=batch).on_roll(held_on, including=also)
    enrollments = enrollments.annotate(
        name=F("student__user__full_name"),
        admission_number=F("student__admission_number"),
        **{status: F(f"presence__{status}") for status in MarkStatus.values},
    )
    return enrollments.order_by("name", "pk").only("student")


@compiled  # 1.4 to 0.4 ms, with each page of a sheet
def _enrollments(*, batch, held_on, marked):
    return _enrollments_on(batch, held_on, marked)


@compiled  # 1.3 to 0.4 ms, while the sheet is locked
def _locked_enrollments(*, batch, held_on, marked):
    return _enrollments_on(batch, held_on, marked).select_for_update(of=("self",), no_key=True)


def _marks_of(sheet):
    """Return ``{enrollment id: (mark id, status, note)}``."""
    marks = Mark.objects.filter(sheet=sheet).order_by()
    rows = marks.values_list("enrollment", "pk", "status", "note")
    return {enrollment: mark for enrollment, *mark in rows}


def enrolled_count(batch, held_on):
    return Enrollment.objects.filter(batch=batch).on_roll(held_on).count()


def save_sheet(*, batch, held_on, content, by, allow_unplanned=False, keep_open=False):
    """Create a sheet or correct the marks that differ.

    ``keep_open`` is for check-ins: a new or open sheet stays open. Without a difference nothing is
    written, whatever the version. Raise StaleSheet, StudentsChanged, NoClassPlanned or
    ValidationError. The caller checks ``reason_not_allowed()``.
    """
    arguments = batch, held_on, content, by, allow_unplanned, keep_open
    try:
        return _save(*arguments)
    except IntegrityError:
        # Another request created the sheet or ended an enrollment. Read both again.
        return _save(*arguments)


@transaction.atomic
def _save(batch, held_on, content, by, allow_unplanned, keep_open):
    locked = Sheet.objects.select_for_update(of=("self",)).select_related("taken_by")
    sheet = locked.filter(batch=batch, held_on=held_on).first()
    if sheet is None and not allow_unplanned and not day_schedule(batch, held_on).is_planned:
        raise NoClassPlanned(
            f"{batch} has no class planned on a {held_on:%A}. Tick the box if there was one."
        )
    rows = sheet_enrollments(batch, held_on, sheet, lock=True)
    enrollments = {enrollment.student_id: enrollment for enrollment in rows}
    _check_students(batch, held_on, content, enrollments)
    differing = _differing_marks(content, enrollments)
    statuses = {pk: enrollment.mark_status for pk, enrollment in enrollments.items()}
    statuses |= {pk: status for pk, (status, _) in differing.items()}
    is_saved = not keep_open and all(statuses.values())
    closes = sheet is not None and sheet.is_open and is_saved
    if sheet and not differing and not closes and not _topic_differs(content, sheet):
        return SaveResult(sheet)
    if content.version is not None and content.version != (sheet.version if sheet else 0):
        raise StaleSheet(_stale_message(sheet))
    if not differing and not sheet:
        raise ValidationError(
            f"No student was enrolled in {batch} on {format_date(held_on)}: "
            "there is nothing to save."
        )
    corrects = any(enrollments[pk].mark_id for pk in differing)
    if corrects and content.reason == "" and needs_reason(by, held_on):
        raise ValidationError({"reason": "Enter a reason for correcting this old sheet."})
    sheet = sheet or Sheet(batch=batch, held_on=held_on, is_open=keep_open)
    _write_sheet(sheet, content.topic, Tally.of(statuses.values()), by, is_saved=is_saved)
    return _write_marks(sheet, differing, enrollments, by, content.reason)


def _topic_differs(content, sheet):
    return content.topic is not None and content.topic != sheet.topic


def _differing_marks(content, enrollments):
    """Return ``{student id: (status, note)}``."""
    differing = {}
    for pk, status in content.statuses.items():
        enrollment = enrollments[pk]
        note = content.notes.get(pk, enrollment.mark_note or "")
        note = note and _NOTE.clean(note, None)
        if (status, note) != (enrollment.mark_status, enrollment.mark_note):
            differing[pk] = status, note
    return differing


def _write_sheet(sheet, topic, tally, by, *, is_saved):
    is_new = sheet.pk is None
    if not is_new:
        if not sheet.is_open:  # Check-ins are recorded one by one.
            sheet.earlier_saves.append(sheet.last_save)
        sheet.version += 1
        sheet.taken_at = timezone.now()
    sheet.taken_by = by
    sheet.topic = sheet.topic if topic is None else topic
    sheet.is_open = sheet.is_open and not is_saved
    sheet.tally = tally
    sheet.clean_fields(exclude=["batch", "taken_by"])
    if is_new:
        sheet.save(force_insert=True)
    else:
        fields = ["version", "taken_by", "taken_at", "topic", "is_open", "earlier_saves"]
        sheet.save(update_fields=[*fields, *MarkStatus.values])


def _write_marks(sheet, differing, enrollments, by, reason):
    result, changes = SaveResult(sheet), []
    if not differing:
        return result
    for student_id, (status, note) in differing.items():
        enrollment = enrollments[student_id]
        mark = Mark(
            sheet=sheet, student_id=student_id, enrollment=enrollment, status=status, note=note
        )
        if enrollment.mark_id is None:
            result.created.append(mark)
        else:
            result.changed.append(mark)
            changes.append(
                MarkChange(
                    mark_id=enrollment.mark_id,
                    before=enrollment.mark_status,
                    after=status,
                    note_before=enrollment.mark_note,
                    note_after=note,
                    reason=_REASON.clean(reason or "", None),
                    changed_by=by,
                )
            )
    marks = result.created + result.changed
    Mark.objects.bulk_create(
        marks,
        update_conflicts=True,
        unique_fields=["sheet", "student"],
        update_fields=["status", "note"],
    )
    MarkChange.objects.bulk_create(changes)
    update_presences(mark.enrollment_id for mark in marks)
    update_last_marked_on({mark.enrollment_id: sheet.held_on for mark in result.created})
    return result


def _check_students(batch, held_on, content, enrollments):
    if strangers := content.statuses.keys() - enrollments.keys():
        known = Enrollment.objects.filter(batch=batch, student__in=strangers).by_name()
        names = sorted({str(enrollment.student) for enrollment in known})
        if len(names) < len(strangers):
            names.append(
                "a student who was never enrolled in it" if names else "a student on this page"
            )
        error = StudentsChanged(
            f"Not in {batch} on {format_date(held_on)}: {', '.join(names)}. "
            "The list below is up to date: check it and save."
        )
        error.strangers = frozenset(strangers)
        raise error
    added = [row.name for pk, row in enrollments.items() if pk not in content.statuses]
    if content.is_complete and added:
        raise StudentsChanged(
            f"Added to {batch} since you opened this page: {', '.join(added)}. "
            "Check the list and save."
        )


def _stale_message(sheet):
    if sheet is None:
        return "This sheet is not saved yet. Check the list and save."
    taken_at = timezone.localtime(sheet.taken_at)
    day = "" if taken_at.date() == timezone.localdate() else f"on {format_date(taken_at)} "
    return (
        f"{sheet.taken_by or 'Another person'} saved this sheet {day}at {taken_at:%H:%M}, after "
        "you opened it. Your changes are not saved yet: check the rows that differ and save again."
    )
