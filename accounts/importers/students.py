from django.core.exceptions import ValidationError

from accounts.models import StudentProfile, User
from accounts.roles import STUDENT
from accounts.services.admission_numbers import next_admission_numbers
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportColumn, set_changes
from coachmaster.core.text import folded

from .people import (
    ADMISSION_NUMBER,
    EMAIL,
    FULL_NAME,
    MORE_PERMISSIONS,
    NAME_PARTS,
    PHONE,
    ChangedRecords,
    PeopleImporter,
    identity,
    new_user,
)
from .student_finder import StudentMatcher

_USER_FIELDS = ("full_name", "email", "phone")
_UNIQUE = {"admission_number": "admission number", "email": "email", "full_name": "student"}


class StudentImporter(PeopleImporter):
    """Students are identified by admission number, else email, else name and phone or birth."""

    noun = ("student", "students")
    role = STUDENT
    columns = [
        ImportColumn.of(User, "full_name", *FULL_NAME, parts=NAME_PARTS),
        ImportColumn.of(User, "email", *EMAIL),
        ImportColumn.of(User, "phone", *PHONE, is_code=True),
        ImportColumn.of(
            StudentProfile, "admission_number", *ADMISSION_NUMBER, required=False, is_code=True
        ),
        ImportColumn.of(
            StudentProfile, "birth_on", "date of birth", "birth date", "birthday", "dob",
            "born on",
        ),
        ImportColumn.of(
            StudentProfile, "guardian_name", "guardian", "parent", "parent name", "father",
            "father name", "fathers name", "mother name",
        ),
        ImportColumn.of(
            StudentProfile, "guardian_phone", "parent phone", "parent mobile", "guardian mobile",
            "father phone", "father mobile", "guardian contact", is_code=True,
        ),
        ImportColumn.of(
            StudentProfile, "guardian_email", "parent email", "father email", "guardian e-mail"
        ),
        ImportColumn.of(
            StudentProfile, "address", "postal address", "residential address", "home address"
        ),
    ]  # fmt: skip
    #: Set to a dict to receive ``{line: (student, changes)}`` of the valid rows.
    saved = None
    #: ``{line: student id}`` for rows that match no student otherwise.
    fallback_ids: dict = {}

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        self._owners = self._email_owners(rows)
        students = self.visible(StudentProfile.objects.all())
        self._matcher = StudentMatcher(rows, self._owners, students)
        self._lines = {name: {} for name in _UNIQUE}
        for chunk in in_chunks(rows):
            self._write_chunk(chunk, result)
            advance(len(chunk))

    def _write_chunk(self, rows, result):
        ids = self._match(rows, result)
        students = StudentProfile.objects.select_related("user").in_bulk(
            [pk for pk in ids.values() if pk]
        )
        not_manageable = self._not_manageable(students)
        users, profiles = [], []
        changed_users, changed_profiles = ChangedRecords(User), ChangedRecords(StudentProfile)
        for row in rows:
            if row.line not in ids or not self._is_unique(row, ids[row.line], result):
                continue
            profile_values = {name: row[name] for name in row if name not in _USER_FIELDS}
            if ids[row.line] in not_manageable:
                result.add_error(row, "full_name", MORE_PERMISSIONS)
                continue
            if pk := ids[row.line]:
                student, changes = students[pk], {}
                user_values = {name: row[name] for name in _USER_FIELDS if name in row}
                profile_changes = set_changes(student, profile_values)
                user_changes = set_changes(student.user, user_values)
                changes = {**user_changes, **profile_changes}
                changed_profiles.add(student, profile_changes)
                if changes:
                    changed_users.add(student.user, [*user_changes, "search_text"])
                result.add_existing(row, changes, pk)
            else:
                users.append(new_user(row))
                student, changes = StudentProfile(user=users[-1], **profile_values), {}
                profiles.append(student)
                result.add_created(row)
            if self.saved is not None:
                self.saved[row.line] = (student, changes)
        if result.is_valid:
            self._draw_numbers(profiles)
            self._create(users, profiles)
            changed_profiles.save()
            self._save_changed(changed_users)
            result.created_ids += [user.pk for user in users]

    def _match(self, rows, result):
        """Return ``{line: student id}``; None for a new student."""
        ids = {}
        for row in rows:
            try:
                ids[row.line] = self._matcher.find(row) or self.fallback_ids.get(row.line)
            except ValidationError as error:
                result.add_error(row, "full_name", error)
        return ids

    def _draw_numbers(self, profiles):
        missing = [profile for profile in profiles if not profile.admission_number]
        if missing:
            numbers = next_admission_numbers(
                self.today.year, len(missing), self._matcher.admission_numbers
            )
            for profile, number in zip(missing, numbers, strict=True):
                profile.admission_number = number

    def _is_unique(self, row, pk, result):
        keys = {name: folded(row[name]) for name in ("admission_number", "email") if name in row}
        if pk or not keys:
            keys["full_name"] = pk or identity(row)
        for name, value in keys.items():
            if first := self._lines[name].get(value):
                sentence = f"Row {first} has this {_UNIQUE[name]} too. Keep one of them."
                result.add_error(row, name, sentence)
                return False
        owner = self._owners.get(row.get("email"))
        if owner and owner.pk != pk:
            result.add_error(row, "email", f"{owner} has this email. Enter another, or none.")
            return False
        if keys.get("admission_number") in self._matcher.hidden_numbers:
            result.add_error(
                row, "admission_number", "Another student has this number. Enter another, or none."
            )
            return False
        for name, value in keys.items():
            self._lines[name][value] = row.line
        return True
