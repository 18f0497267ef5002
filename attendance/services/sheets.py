"""Taking attendance: the rules of a sheet and the one write."""

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
    """The sheet was saved by somebody after this page was opened."""


class StudentsChanged(ValidationError):
    """The page showed other students than stand on the roll now; ``strangers`` are the ids of those who do not."""

    strangers: frozenset[int] = frozenset()


class NoClassPlanned(ValidationError):
    """The batch has no class on this weekday: to be confirmed."""


@dataclass
class SaveResult:
    """What a save did."""

    sheet: Sheet
    created: list[Mark] = field(default_factory=list)
    changed: list[Mark] = field(default_factory=list)


def attendance_batches(user):
    """The batches whose sheets ``user`` may open: all for staff, those they teach for others."""
    return Batch.objects.recorded_by(restricted_id(user))


def attendance_student_or_404(user, pk):
    """The student whose attendance ``user`` may see: one's own, and with the right those within one's scope.

    Raises Http404 for one who is not there or out of scope, PermissionDenied without the right.
    """
    student = student_or_404(user, pk)
    if student.pk != user.pk and not user.has_perm("attendance.view_sheet"):
        raise PermissionDenied
    return student


def attendance_batch_or_404(user, pk):
    """The batch of that ``pk``; raises Http404 for one whose register is not ``user``'s to keep."""
    return get_object_or_404(attendance_batches(user).select_related("course", "instructor"), pk=pk)


def day_schedule(batch, held_on):
    """What the timetable says of that day of ``batch``, a `DaySchedule`."""
    return Timetable([batch], held_on, held_on).schedule(batch, held_on)


def reason_not_allowed(batch, held_on, *, today, schedule=None, user=None):
    """The sentence that says why ``batch`` can have no sheet of that day, or "".

    ``plan`` is that of `plan_of`, where the caller has it. ``user`` None stands for an import, which may reach back as far
    as it likes; instructors may reach back as many days as the institute's settings say.
    """
    if held_on > today:
        return f"{format_date(held_on)} lies in the future. Attendance is taken on the day."
    if held_on < batch.starts_on:
        return f"{batch} starts on {format_date(batch.starts_on)}."
    if batch.is_over(held_on):
        return f"{batch} ended on {format_date(batch.ends_on)}."
    schedule = schedule or day_schedule(batch, held_on)
    if schedule.holiday:
        return f"{format_date(held_on)} is a holiday: {schedule.holiday}."
    if schedule.called_off and not schedule.is_planned:
        moved_to = schedule.called_off.to_day
        what = f"moved to {format_date(moved_to)}" if moved_to else "cancelled"
        return f"The class of {format_date(held_on)} is {what}: {schedule.called_off.reason}."
    if user is not None and held_on < (first := first_editable_day(user, today) or held_on):
        days = (today - first).days
        reach = f"for {days} day{'s' if days != 1 else ''}" if days else "on the day itself only"
        return f"Sheets can be taken and corrected {reach}. Ask the office to correct this one."
    return ""


def _correction_days():
    return datetime.timedelta(
        days=Institute.objects.values_list("attendance_edit_days", flat=True).get()
    )


def first_editable_day(user, today):
    """The earliest day whose sheet ``user`` may still take or correct; None when there is no such limit."""
    return None if user.has_perm("attendance.correct_any_day") else today - _correction_days()


def needs_reason(user, held_on):
    """Whether ``user`` must say why when correcting marks of that day: it lies beyond the days of correction."""
    return user is not None and held_on < timezone.localdate() - _correction_days()


def sheet_enrollments(batch, held_on, sheet, *, lock=False):
    """The enrollments that stand on a sheet, by name: who was in the batch that day, and who has a mark on ``sheet``.

    ``sheet`` is None before it is taken. Each comes with the ``name`` and ``number`` of the student, the ``tally`` of the
    enrollment, and ``mark_id``, ``marked`` (its status) and ``noted`` (its note), None where there is no mark yet. With
    ``lock`` they are locked until the transaction ends: of two sheets of a batch, one is written after the other.
    """
    read = _locked_roll if lock else _roll
    enrollments = read(batch=batch.pk, held_on=held_on, marked=None)
    marks = _marks_of(sheet) if sheet else {}
    if marks.keys() - {
        enrollment.pk for enrollment in enrollments
    }:  # somebody has left the batch since
        enrollments = read(batch=batch.pk, held_on=held_on, marked=list(marks))
    # Who left and came back the same day has two enrollments that day, and one row: the one with the mark.
    rows = {}
    for enrollment in enrollments:
        enrollment.mark_id, enrollment.marked, enrollment.noted = marks.get(
            enrollment.pk, (None, None, None)
        )
        enrollment.tally = Tally(*(getattr(enrollment, status) or 0 for status in STATUS_BY_VALUE))
        known = rows.get(enrollment.student_id)
        if known is None or known.mark_id is None:
            rows[enrollment.student_id] = enrollment
    return list(rows.values())


def _on_roll(batch, held_on, marked):
    """Who was in the batch that day, and the enrollments ``marked`` (ids, or None)."""
    also = None if marked is None else Q(pk__in=marked)
    found = Enrollment.objects.filter(batch=batch).on_roll(held_on, including=also)
    found = found.annotate(
        name=F("student__user__full_name"),
        number=F("student__admission_number"),
        **{status: F(f"presence__{status}") for status in MarkStatus.values},
    )
    return found.order_by("name", "pk").only("student")


@compiled  # 1.4 to 0.4 ms, with each page of a sheet
def _roll(*, batch, held_on, marked):
    return _on_roll(batch, held_on, marked)


@compiled  # 1.3 to 0.4 ms, while the sheet is locked
def _locked_roll(*, batch, held_on, marked):
    return _on_roll(batch, held_on, marked).select_for_update(of=("self",), no_key=True)


def _marks_of(sheet):
    """Return ``{enrollment id: (mark id, status, note)}``."""
    marks = (
        Mark.objects.filter(sheet=sheet)
        .order_by()
        .values_list("enrollment", "pk", "status", "note")
    )
    return {enrollment: mark for enrollment, *mark in marks}


def enrolled_count(batch, held_on):
    """How many students are in the batch on that day."""
    return Enrollment.objects.filter(batch=batch).on_roll(held_on).count()


def save_sheet(
    *,
    batch,
    held_on,
    statuses,
    by,
    notes=None,
    version=None,
    topic=None,
    confirmed_unplanned=False,
    whole_roll=False,
    reason=None,
    leaves_open=False,
):
    """Write the sheet of ``batch`` on one day; on a sheet that exists, correct what differs.

    ``statuses`` maps student ids to statuses; students left out stay as they are, unless ``whole_roll`` says that
    nobody may be left out. ``notes`` maps some of them to a note. ``version`` is the save that the page had seen (0:
    none), None when the caller does not keep count. ``reason`` says why an Admin corrects a sheet older than the days
    of correction, None when the caller does not ask. ``leaves_open``: these are check-ins, and somebody is still to save
    the sheet; a sheet that was saved stays so, and an open one is closed by a save after which everybody has a mark.
    ``confirmed_unplanned``: the timetable is not asked whether there is a class. Returns what was written; a save without a difference writes nothing, whatever its version. Raises `Stale`, `RollChanged`,
    `NotPlanned` and ValidationError; whether the day can have a sheet at all is `why_not`'s to say.
    """
    arguments = (
        batch, held_on, statuses, notes or {}, by, version, topic, confirmed_unplanned, whole_roll, reason, leaves_open,
    )  # fmt: skip
    try:
        return _write(*arguments)
    except IntegrityError:
        # Somebody made the sheet, or ended an enrollment, between our look and our write: look again.
        return _write(*arguments)


@transaction.atomic
def _write(
    batch,
    held_on,
    statuses,
    notes,
    by,
    version,
    topic,
    confirmed_unplanned,
    whole_roll,
    reason,
    leaves_open,
):
    locked = Sheet.objects.select_for_update(of=("self",)).select_related("taken_by")
    sheet = locked.filter(batch=batch, held_on=held_on).first()
    if sheet is None and not confirmed_unplanned and not day_schedule(batch, held_on).is_planned:
        raise NoClassPlanned(
            f"{batch} has no class planned on a {held_on:%A}. Tick the box if there was one."
        )
    on_roll = {
        enrollment.student_id: enrollment
        for enrollment in sheet_enrollments(batch, held_on, sheet, lock=True)
    }
    _check_roll(batch, held_on, statuses, on_roll, whole_roll)
    differing = {}
    for pk, status in statuses.items():
        row = on_roll[pk]
        note = notes.get(pk, row.noted or "")
        note = note and _NOTE.clean(note, None)
        if (status, note) != (row.marked, row.noted):
            differing[pk] = status, note
    retitled = topic is not None and topic != (sheet.topic if sheet else "")
    marked = {pk: row.marked for pk, row in on_roll.items()} | {
        pk: status for pk, (status, _) in differing.items()
    }
    closes = sheet and sheet.is_open and not leaves_open and all(marked.values())
    if sheet and not differing and not retitled and not closes:
        return SaveResult(sheet)
    if version is not None and version != (sheet.version if sheet else 0):
        raise StaleSheet(_who_was_faster(sheet))
    if not differing and not sheet:
        raise ValidationError(
            f"Nobody was enrolled in {batch} on {format_date(held_on)}: there is nothing to save."
        )
    corrects = any(on_roll[pk].mark_id for pk in differing)
    if corrects and reason == "" and needs_reason(by, held_on):
        raise ValidationError({"reason": "Say why this sheet is corrected so late."})

    tally = Tally.of(marked.values())
    if sheet is None:
        sheet = Sheet(
            batch=batch, held_on=held_on, taken_by=by, topic=topic or "", is_open=leaves_open
        )
        sheet.tally = tally
        sheet.clean_fields(exclude=["batch", "taken_by"])
        sheet.save(force_insert=True)
    else:
        if not sheet.is_open:  # check-ins are kept one by one
            sheet.earlier_saves.append(sheet.last_save)
        sheet.version += 1
        sheet.taken_by, sheet.taken_at = by, timezone.now()
        sheet.topic = sheet.topic if topic is None else topic
        sheet.is_open = sheet.is_open and not closes
        sheet.tally = tally
        sheet.clean_fields(exclude=["batch", "taken_by"])
        sheet.save(
            update_fields=[
                "version",
                "taken_by",
                "taken_at",
                "topic",
                "is_open",
                "earlier_saves",
                *MarkStatus.values,
            ]
        )
    return _write_marks(sheet, differing, on_roll, by, reason)


def _write_marks(sheet, differing, on_roll, by, reason):
    """Make or change the marks in ``differing``, keep what they were, and note day and counts on the enrollments."""
    saved, changes = SaveResult(sheet), []
    if not differing:
        return saved
    for student_id, (status, note) in differing.items():
        enrollment = on_roll[student_id]
        mark = Mark(
            sheet=sheet, student_id=student_id, enrollment=enrollment, status=status, note=note
        )
        if enrollment.mark_id is None:
            saved.created.append(mark)
        else:
            saved.changed.append(mark)
            changes.append(
                MarkChange(
                    mark_id=enrollment.mark_id,
                    before=enrollment.marked,
                    after=status,
                    note_before=enrollment.noted,
                    note_after=note,
                    reason=_REASON.clean(reason or "", None),
                    changed_by=by,
                )
            )
    Mark.objects.bulk_create(
        saved.created + saved.changed,
        update_conflicts=True,
        unique_fields=["sheet", "student"],
        update_fields=["status", "note"],
    )
    MarkChange.objects.bulk_create(changes)
    update_presences(mark.enrollment_id for mark in saved.created + saved.changed)
    update_last_marked_on({mark.enrollment_id: sheet.held_on for mark in saved.created})
    return saved


def _check_roll(batch, held_on, statuses, on_roll, whole_roll):
    """Raises `RollChanged` when ``statuses`` names students who are not on the roll, or leaves out any of the whole."""
    if strangers := statuses.keys() - on_roll.keys():
        known = Enrollment.objects.filter(batch=batch, student__in=strangers).by_name()
        names = sorted({str(enrollment.student) for enrollment in known})
        if len(names) < len(strangers):
            names.append(
                "somebody who was never enrolled in it" if names else "Somebody on this page"
            )
        refusal = StudentsChanged(
            f"Not in {batch} on {format_date(held_on)}: {', '.join(names)}. The list is as it stands now: check it and save."
        )
        refusal.strangers = frozenset(strangers)
        raise refusal
    if whole_roll and (newcomers := [row for pk, row in on_roll.items() if pk not in statuses]):
        who = ", ".join(row.name for row in newcomers)
        raise StudentsChanged(
            f"In {batch} since you opened this page: {who}. Check the list and save."
        )


def _who_was_faster(sheet):
    """The sentence that refuses a page opened before another save."""
    if sheet is None:
        return "This sheet is not taken yet. Check the list and save."
    taken_at = timezone.localtime(sheet.taken_at)
    day = "" if taken_at.date() == timezone.localdate() else f"on {format_date(taken_at)} "
    return (
        f"{sheet.taken_by or 'Somebody'} saved this sheet {day}at {taken_at:%H:%M}, after you opened it. Yours is not saved "
        "yet: check the rows where the two differ, and save again."
    )
