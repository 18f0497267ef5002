from accounts.models import User
from accounts.roles import INSTRUCTOR
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportColumn, set_changes

from .people import (
    EMAIL,
    FULL_NAME,
    MORE_PERMISSIONS,
    NAME_PARTS,
    PHONE,
    ChangedRecords,
    PeopleImporter,
    new_user,
)


class InstructorImporter(PeopleImporter):
    """Instructors are identified by email."""

    noun = ("instructor", "instructors")
    role = INSTRUCTOR
    columns = [
        ImportColumn.of(User, "full_name", *FULL_NAME, parts=NAME_PARTS),
        ImportColumn.of(User, "email", *EMAIL, required=True),
        ImportColumn.of(User, "phone", *PHONE, is_code=True),
    ]

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        owners, lines = self._email_owners(rows), {}
        for chunk in in_chunks(rows):
            self._write_chunk(chunk, owners, lines, result)
            advance(len(chunk))

    def _write_chunk(self, rows, owners, lines, result):
        users = User.objects.in_bulk(
            [owners[row["email"]].pk for row in rows if row["email"] in owners]
        )
        not_manageable = self._not_manageable(users)
        new, changed = [], ChangedRecords(User)
        for row in rows:
            email = row["email"]
            if first := lines.get(email):
                sentence = f"Row {first} has this email too. Keep one of them."
                result.add_error(row, "email", sentence)
                continue
            lines[email] = row.line
            if email not in owners:
                new.append(new_user(row))
                result.add_created(row)
                continue
            owner = owners[email]
            if owner.role != INSTRUCTOR or not owner.is_visible:
                result.add_error(row, "email", f"{owner} has this email. Skip this row.")
                continue
            if owner.pk in not_manageable:
                result.add_error(row, "email", MORE_PERMISSIONS)
                continue
            changes = set_changes(users[owner.pk], row)
            changed.add(users[owner.pk], changes and [*changes, "search_text"])
            result.add_existing(row, changes, owner.pk)
        if result.is_valid:
            self._create(new)
            self._save_changed(changed)
            result.created_ids += [user.pk for user in new]
