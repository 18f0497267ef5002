from coachmaster.core.exports import CellType, ExportColumn


def _of_student(name):
    return lambda person: getattr(person.student_profile, name) if person.is_student else None


#: Includes what is needed to import students elsewhere.
PERSON_COLUMNS = [
    ExportColumn("Name", CellType.TEXT, lambda person: person.full_name),
    ExportColumn("Role", CellType.TEXT, lambda person: person.role),
    ExportColumn("Phone", CellType.TEXT, lambda person: person.phone),
    ExportColumn("Email", CellType.TEXT, lambda person: person.email),
    ExportColumn("Admission number", CellType.TEXT, _of_student("admission_number")),
    ExportColumn("Date of birth", CellType.DATE, _of_student("birth_on")),
    ExportColumn("Guardian", CellType.TEXT, _of_student("guardian_name")),
    ExportColumn("Guardian phone", CellType.TEXT, _of_student("guardian_phone")),
    ExportColumn("Guardian email", CellType.TEXT, _of_student("guardian_email")),
    ExportColumn("Address", CellType.TEXT, _of_student("address")),
    ExportColumn("Active", CellType.TEXT, lambda person: "Yes" if person.is_active else "No"),
    ExportColumn("Added", CellType.DATETIME, lambda person: person.created_at),
]

#: Search results.
STUDENT_COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda person: person.full_name),
    ExportColumn("Admission number", CellType.TEXT, _of_student("admission_number")),
    ExportColumn("Phone", CellType.TEXT, lambda person: person.phone),
    ExportColumn("Guardian", CellType.TEXT, _of_student("guardian_name")),
    ExportColumn("Guardian phone", CellType.TEXT, _of_student("guardian_phone")),
]
