from coachmaster.core.exports import Column, Kind

ABSENT_COLUMNS = [
    Column("Student", Kind.TEXT, lambda child: child.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda child: child.student.admission_number),
    Column("Guardian", Kind.TEXT, lambda child: child.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda child: child.student.phone_to_call),
    Column("Absent from", Kind.TEXT, lambda child: child.missed_words),
    Column("Attendance", Kind.TEXT, lambda child: child.watched_words),
]


ABSENT_FEES_COLUMN = Column("Fees overdue", Kind.AMOUNT, lambda child: child.overdue or None)
