from accounts.exports import PERSON_COLUMNS
from coachmaster.core.exports import CellType, ExportColumn

ABSENT_COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda row: row.student.user.full_name),
    ExportColumn("Admission number", CellType.TEXT, lambda row: row.student.admission_number),
    ExportColumn("Guardian", CellType.TEXT, lambda row: row.student.guardian_name),
    ExportColumn("Phone", CellType.TEXT, lambda row: row.student.contact_phone),
    ExportColumn("Absent from", CellType.TEXT, lambda row: row.missed_label),
    ExportColumn("Attendance", CellType.TEXT, lambda row: row.shortage_label),
]
ABSENT_FEES_COLUMN = ExportColumn("Fees overdue", CellType.AMOUNT, lambda row: row.overdue or None)


def _of_person(column):
    return ExportColumn(column.heading, column.type, lambda row: column.value(row.person))


def _of_dues(name):
    return lambda row: getattr(row.dues, name) if row.dues else None


BATCHES_COLUMN = ExportColumn("Batches", CellType.TEXT, lambda row: row.batches_label)
DUES_COLUMNS = [
    ExportColumn("Dues", CellType.AMOUNT, _of_dues("total")),
    ExportColumn("Overdue", CellType.AMOUNT, _of_dues("overdue")),
]


def people_columns(shown):
    """Return the columns of the list of people that ``shown``, a PeopleColumns, includes."""
    columns = list(map(_of_person, PERSON_COLUMNS))
    if shown.shows_batches:
        columns.append(BATCHES_COLUMN)
    return columns + DUES_COLUMNS if shown.shows_dues else columns
