from django.core.exceptions import ValidationError

from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ReferenceColumn
from coachmaster.core.text import folded

from .people import ADMISSION_NUMBER, EMAIL, identity


class StudentsByKey:
    """The students that a file may mean, found by one pass over all of them."""

    def __init__(self, rows, owners):
        self.owners = owners
        self.numbers = {row["admission_number"] for row in rows if "admission_number" in row}
        identities = {
            identity(row)
            for row in rows
            if "admission_number" not in row and row.get("email") not in owners
        }
        self.by_number, self.by_identity = {}, {}
        students = StudentProfile.objects.order_by().values_list(
            "pk", "admission_number", "user__email", "user__full_name", "user__phone", "birth_on"
        )
        for pk, number, email, full_name, phone, birth_on in students.iterator(chunk_size=2000):
            if number in self.numbers:
                self.by_number[number] = pk
            # A row with nothing but a name means a student of whom neither phone nor date of birth is known.
            name = folded(full_name)
            for key in {(name, known) for known in (phone, birth_on) if known} or {(name, None)}:
                if key in identities:
                    self.by_identity.setdefault(key, []).append((pk, bool(email)))

    def find(self, row):
        """The key of the student that the row means, or None. Raises ValidationError when it could be two."""
        number, email = row.get("admission_number"), row.get("email")
        if number in self.by_number:
            return self.by_number[number]
        if email in self.owners:
            pk, name, _, is_student = self.owners[email]
            if number and folded(name) != folded(row["full_name"]):
                raise ValidationError(
                    f"{name} has the email of this row. Change it in one of them."
                )
            return pk if is_student else None
        key = identity(row)
        if number or (email and key[1] is None):
            return None
        alike = self.by_identity.get(key, [])
        without_email = [pk for pk, has_email in alike if not has_email]
        alike = without_email if email or without_email else [pk for pk, _ in alike]
        if len(alike) > 1:
            raise ValidationError(
                "More than one student is like this one. Add the admission number or the email."
            )
        return alike[0] if alike else None


def student_column():
    """The column by which enrollments, payments and attendance name their student."""
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
    """Finds the students that the cells of a file name by admission number, e-mail address or full name."""

    def __init__(self, words):
        self._found, self._ambiguous = {}, set()
        names = {}
        for chunk in in_chunks(set(words)):
            lowered = {word.lower(): word for word in chunk}
            rows = StudentProfile.objects.order_by()
            for pk, number in rows.filter(admission_number__in=chunk).values_list(
                "pk", "admission_number"
            ):
                self._found[number] = pk
            emails = [word for word in lowered if "@" in word]
            for pk, email in rows.filter(user__email__in=emails).values_list("pk", "user__email"):
                self._found.setdefault(lowered[email], pk)
            for word in chunk:
                if word not in self._found and "@" not in word:
                    names.setdefault(folded(word), []).append(word)
        if names:
            self._find_names(names)

    def _find_names(self, names):
        """One pass over all names: letter case does not count, and SQLite alone would heed it beyond ASCII."""
        everybody = StudentProfile.objects.order_by().values_list("pk", "user__full_name")
        for pk, full_name in everybody.iterator(chunk_size=2000):
            for word in names.get(folded(full_name), ()):
                if self._found.setdefault(word, pk) != pk:
                    self._ambiguous.add(word)

    def __getitem__(self, word):
        """The student's key. Raises ValidationError."""
        if word in self._ambiguous:
            raise ValidationError(
                "More than one student has this name. Write the admission number or the email."
            )
        if word not in self._found:
            raise ValidationError(
                "There is no such student. Write the admission number, email or full name as stored."
            )
        return self._found[word]

    def get(self, row, result):
        """The key of the student that the row names; None when there is none, which is then said."""
        try:
            return self[row["student"]]
        except ValidationError as error:
            result.add_error(row, "student", error)
            return None
