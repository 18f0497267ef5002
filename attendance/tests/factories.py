"""Sheets in tests are taken by the service that takes them in the product."""

from attendance.percentages import MarkStatus
from attendance.services.sheets import save_sheet, sheet_enrollments


def taken(batch, held_on, by=None, **statuses):
    """The sheet of a batch: everybody on roll present, except ``statuses`` given as `s<student id>="absent"`."""
    sheet = batch.sheets.filter(held_on=held_on).first()
    marks = {
        enrollment.student_id: MarkStatus.PRESENT
        for enrollment in sheet_enrollments(batch, held_on, sheet)
    }
    marks.update({int(key.removeprefix("s")): MarkStatus(value) for key, value in statuses.items()})
    return save_sheet(
        batch=batch,
        held_on=held_on,
        statuses=marks,
        by=by,
        confirmed_unplanned=True,
    ).sheet
