from attendance.percentages import MarkStatus
from attendance.services.sheets import SheetContent, save_sheet, sheet_enrollments


def save_marks(batch, held_on, by=None, **statuses):
    """Save a sheet with everybody present, except ``statuses`` like `s<student id>="absent"`."""
    sheet = batch.sheets.filter(held_on=held_on).first()
    marks = {
        enrollment.student_id: MarkStatus.PRESENT
        for enrollment in sheet_enrollments(batch, held_on, sheet)
    }
    marks.update({int(key.removeprefix("s")): MarkStatus(value) for key, value in statuses.items()})
    return save_sheet(
        batch=batch,
        held_on=held_on,
        content=SheetContent(marks),
        by=by,
        allow_unplanned=True,
    ).sheet


def text_of(response):
    """Return the HTML of a page with each run of white space as one space."""
    return " ".join(response.content.decode().split())
