"""Taking many sheets at once: the rules are those of `services`, the looks and the writes go by the thousand."""

import collections

from academics.models import Batch, Enrollment
from academics.timetable import Timetable
from attendance.models import Mark, Sheet
from attendance.percentages import Tally
from attendance.statistics import update_last_marked_on, update_presences
from coachmaster.core.chunks import in_chunks


class EnrollmentsByDay:
    """Who stood on the sheets of some batches on some days, and what is marked there already.

    The enrollments are locked until the transaction ends, as by `services.roll`.
    """

    def __init__(self, batch_ids, first_day, last_day):
        between = {"held_on__range": (first_day, last_day)}
        sheets = Sheet.objects.filter(batch__in=batch_ids, **between).order_by()
        #: The keys of the sheets that are there, by batch and day.
        self.taken = {
            (batch, day): pk for pk, batch, day in sheets.values_list("pk", "batch", "held_on")
        }
        self._enrollments, self._marked = (
            collections.defaultdict(list),
            collections.defaultdict(dict),
        )
        enrollments = Enrollment.objects.filter(batch__in=batch_ids).select_for_update(
            of=("self",), no_key=True
        )
        for enrollment in enrollments.order_by("pk").only(
            "batch", "student", "enrolled_on", "ended_on"
        ):
            self._enrollments[enrollment.batch_id].append(enrollment)
        if self.taken:
            marks = Mark.objects.filter(sheet__in=sheets.values("pk")).order_by()
            for batch, held_on, student, status in marks.values_list(
                "sheet__batch", "sheet__held_on", "student", "status"
            ):
                self._marked[batch, held_on][student] = status
        self.batches = Batch.objects.in_bulk(batch_ids)
        self._timetable = Timetable(self.batches.values(), first_day, last_day)

    def schedule(self, batch_id, held_on):
        """What the timetable says of that day of the batch."""
        return self._timetable.schedule(self.batches[batch_id], held_on)

    def of(self, batch_id, held_on):
        """``{student: (key of the enrollment, what is marked or None)}`` of a sheet."""
        marked = self._marked.get((batch_id, held_on), {})
        found = {student: (None, status) for student, status in marked.items()}
        for enrollment in self._enrollments[batch_id]:
            if enrollment.student_id not in marked and enrollment.covers(held_on):
                found[enrollment.student_id] = enrollment.pk, None
        return found


def create_sheets(sheets, *, by, is_open=False):
    """Write sheets that are not there yet: ``sheets`` are ``(batch, day, {student: (enrollment, status)})``, checked by
    the caller, who holds the enrollments. With ``is_open`` somebody is still to save them. Returns their keys."""
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
