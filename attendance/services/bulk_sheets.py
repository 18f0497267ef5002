"""Save many new sheets at once, for imports."""

from collections import defaultdict

from academics.models import Batch, Enrollment
from academics.timetable import Timetable
from attendance.models import Mark, Sheet
from attendance.percentages import Tally
from attendance.statistics import update_last_marked_on, update_presences
from coachmaster.core.chunks import in_chunks


class EnrollmentsByDay:
    """Enrollments and marks of some batches; locks the enrollments."""

    def __init__(self, batch_ids, first_day, last_day):
        between = {"held_on__range": (first_day, last_day)}
        sheets = Sheet.objects.filter(batch__in=batch_ids, **between).order_by()
        #: Ids of existing sheets, by batch and day.
        self.sheet_ids = {
            (batch, day): pk for pk, batch, day in sheets.values_list("pk", "batch", "held_on")
        }
        self._enrollments = _locked_by_batch(batch_ids)
        self._statuses = _statuses_by_day(sheets) if self.sheet_ids else {}
        self.batches = Batch.objects.in_bulk(batch_ids)
        self._timetable = Timetable(self.batches.values(), first_day, last_day)

    def schedule(self, batch_id, held_on):
        return self._timetable.schedule(self.batches[batch_id], held_on)

    def of(self, batch_id, held_on):
        """Return ``{student: (enrollment id, status)}``, with None for what does not apply."""
        statuses = self._statuses.get((batch_id, held_on), {})
        students = {student: (None, status) for student, status in statuses.items()}
        for enrollment in self._enrollments[batch_id]:
            if enrollment.student_id not in statuses and enrollment.covers(held_on):
                students[enrollment.student_id] = enrollment.pk, None
        return students


def _locked_by_batch(batch_ids):
    by_batch = defaultdict(list)
    enrollments = Enrollment.objects.filter(batch__in=batch_ids).order_by("pk")
    enrollments = enrollments.select_for_update(of=("self",), no_key=True)
    for enrollment in enrollments.only("batch", "student", "enrolled_on", "ended_on"):
        by_batch[enrollment.batch_id].append(enrollment)
    return by_batch


def _statuses_by_day(sheets):
    """Return ``{(batch, day): {student: status}}``."""
    by_day = defaultdict(dict)
    marks = Mark.objects.filter(sheet__in=sheets.values("pk")).order_by()
    rows = marks.values_list("sheet__batch", "sheet__held_on", "student", "status")
    for batch, held_on, student, status in rows:
        by_day[batch, held_on][student] = status
    return by_day


def create_sheets(sheets, *, by, is_open=False):
    """Create new sheets and return their ids.

    ``sheets`` are ``(batch id, day, {student id: (enrollment id, status)})``, validated and with
    locked enrollments.
    """
    if not sheets:
        return []
    new, last_day = [], {}
    for batch_id, held_on, marks in sheets:
        sheet = Sheet(batch_id=batch_id, held_on=held_on, taken_by=by, is_open=is_open)
        sheet.tally = Tally.of(status for _, status in marks.values())
        new.append(sheet)
        for enrollment_id, _ in marks.values():
            last_day[enrollment_id] = max(held_on, last_day.get(enrollment_id, held_on))
    Sheet.objects.bulk_create(new)
    rows = (
        Mark(sheet=sheet, student_id=student_id, enrollment_id=enrollment_id, status=status)
        for sheet, (_, _, marks) in zip(new, sheets, strict=True)
        for student_id, (enrollment_id, status) in marks.items()
    )
    for chunk in in_chunks(rows):
        Mark.objects.bulk_create(chunk)
    for chunk in in_chunks(sorted(last_day)):
        update_presences(chunk)
    update_last_marked_on(last_day)
    return [sheet.pk for sheet in new]
