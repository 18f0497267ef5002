"""What lists of people are as files."""

from coachmaster.core.exports import Column, Kind


def _of_student(name):
    return lambda person: getattr(person.student_profile, name) if person.is_student else None


#: The list of people: what its page shows, and of students what is needed to bring them in elsewhere.
PERSON_COLUMNS = [
    Column("Name", Kind.TEXT, lambda person: person.full_name),
    Column("Role", Kind.TEXT, lambda person: person.role),
    Column("Phone", Kind.TEXT, lambda person: person.phone),
    Column("E-mail", Kind.TEXT, lambda person: person.email),
    Column("Admission number", Kind.TEXT, _of_student("admission_number")),
    Column("Date of birth", Kind.DAY, _of_student("birth_on")),
    Column("Guardian", Kind.TEXT, _of_student("guardian_name")),
    Column("Guardian phone", Kind.TEXT, _of_student("guardian_phone")),
    Column("Guardian e-mail", Kind.TEXT, _of_student("guardian_email")),
    Column("Address", Kind.TEXT, _of_student("address")),
    Column("Active", Kind.TEXT, lambda person: "Yes" if person.is_active else "No"),
    Column("Added", Kind.MOMENT, lambda person: person.created_at),
]

#: Students that were found, as the page of the search shows them.
STUDENT_COLUMNS = [
    Column("Student", Kind.TEXT, lambda person: person.full_name),
    Column("Admission number", Kind.TEXT, _of_student("admission_number")),
    Column("Phone", Kind.TEXT, lambda person: person.phone),
    Column("Guardian", Kind.TEXT, _of_student("guardian_name")),
    Column("Guardian phone", Kind.TEXT, _of_student("guardian_phone")),
]
