from django.core.exceptions import ValidationError

from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ReferenceColumn
from coachmaster.core.text import folded

from .people import ADMISSION_NUMBER, EMAIL, identity


class StudentMatcher:
    """Finds the students that the rows of a students' file describe."""

    def __init__(self, rows, owners, students):
        self._owners = owners
        numbers = {row["admission_number"] for row in rows if "admission_number" in row}
        self.admission_numbers = {folded(number) for number in numbers}
        identities = {
            identity(row)
            for row in rows
            if "admission_number" not in row and row.get("email") not in owners
        }
        self._by_number, self._by_identity = {}, {}
        students = students.order_by().values_list(
            "pk", "admission_number", "user__email", "user__full_name", "user__phone", "birth_on"
        )
        for pk, number, email, full_name, phone, birth_on in students.iterator(chunk_size=2000):
            if (key := folded(number)) in self.admission_numbers:
                self._by_number[key] = pk
            # A row with only a name means a student with neither phone nor date of birth.
            name = folded(full_name)
            for key in {(name, known) for known in (phone, birth_on) if known} or {(name, None)}:
                if key in identities:
                    self._by_identity.setdefault(key, []).append((pk, bool(email)))
        #: Numbers of students that the user may not see.
        self.hidden_numbers = set()
        for chunk in in_chunks(n for n in numbers if folded(n) not in self._by_number):
            hidden = StudentProfile.objects.numbered(chunk)
            found = hidden.values_list("admission_number", flat=True)
            self.hidden_numbers.update(map(folded, found))

    def find(self, row):
        """Return an id, or None. Raise ValidationError if several are possible."""
        number, email = folded(row.get("admission_number", "")), row.get("email")
        if number in self._by_number:
            return self._by_number[number]
        if email in self._owners:
            owner = self._owners[email]
            if number and owner.is_visible and folded(owner.name) != folded(row["full_name"]):
                raise ValidationError(
                    f"{owner.name} has the email of this row. Change it in one of them."
                )
            return owner.pk if owner.is_visible and owner.is_student else None
        key = identity(row)
        if number or (email and key[1] is None):
            return None
        matches = self._by_identity.get(key, [])
        without_email = [pk for pk, has_email in matches if not has_email]
        found = without_email if email or without_email else [pk for pk, _ in matches]
        if len(found) > 1:
            raise ValidationError(
                "Several students match this row. Add the admission number or the email."
            )
        return found[0] if found else None


def student_column():
    return ReferenceColumn(
        "student",
        *ADMISSION_NUMBER,
        "admission number",
        *EMAIL,
        "email",
        "student name",
        "full name",
    )


class StudentFinder:
    """Finds students by admission number, email or full name."""

    def __init__(self, texts, students):
        self._found, self._ambiguous = {}, set()
        texts, students = set(texts), students.order_by()
        for chunk in in_chunks(texts):
            found = students.numbered(chunk).values_list("pk", "admission_number")
            self._found.update((folded(number), pk) for pk, number in found)
            emails = {text.lower() for text in chunk if "@" in text}
            found = students.filter(user__email__in=emails).values_list("pk", "user__email")
            self._found.update((folded(email), pk) for pk, email in found)
        names = {folded(text) for text in texts if "@" not in text} - self._found.keys()
        if names:
            self._find_names(names, students.values_list("pk", "user__full_name"))

    def _find_names(self, names, students):
        # In Python, since SQLite ignores case only of ASCII letters.
        for pk, full_name in students.iterator(chunk_size=2000):
            name = folded(full_name)
            if name in names and self._found.setdefault(name, pk) != pk:
                self._ambiguous.add(name)

    def __getitem__(self, text):
        key = folded(text)
        if key in self._ambiguous:
            raise ValidationError(
                "Several students have this name. Write the admission number or the email."
            )
        if key not in self._found:
            raise ValidationError(
                "There is no such student. Write the admission number, email or full name as "
                "stored."
            )
        return self._found[key]

    def get(self, row, result):
        """Return the id of the row's student, or None with an error in ``result``."""
        try:
            return self[row["student"]]
        except ValidationError as error:
            result.add_error(row, "student", error)
            return None
