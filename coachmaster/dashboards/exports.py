"""Columns of the exported list of absent students."""

from coachmaster.core.exports import Column, Kind

ABSENT_COLUMNS = [
    Column("Student", Kind.TEXT, lambda row: row.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda row: row.student.admission_number),
    Column("Guardian", Kind.TEXT, lambda row: row.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda row: row.student.contact_phone),
    Column("Absent from", Kind.TEXT, lambda row: row.missed_label),
    Column("Attendance", Kind.TEXT, lambda row: row.shortage_label),
]
ABSENT_FEES_COLUMN = Column("Fees overdue", Kind.AMOUNT, lambda row: row.overdue or None)
