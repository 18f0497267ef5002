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
