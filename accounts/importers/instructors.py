from accounts.models import User
from accounts.roles import INSTRUCTOR
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportColumn, set_changes

from .people import (
    EMAIL,
    FULL_NAME,
    NAME_PARTS,
    PHONE,
    Changed,
    PeopleImporter,
    new_user,
    refresh_search_text,
)


class InstructorImporter(PeopleImporter):
    """Instructors, known by their e-mail address."""

    noun = ("instructor", "instructors")
    role = INSTRUCTOR
    columns = [
        ImportColumn.of(User, "full_name", *FULL_NAME, parts=NAME_PARTS),
        ImportColumn.of(User, "email", *EMAIL, required=True),
        ImportColumn.of(User, "phone", *PHONE, is_code=True),
    ]

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        known, lines = self._who_has_the_emails(rows), {}
        for chunk in in_chunks(rows):
            people = User.objects.in_bulk(
                [known[row["email"]][0] for row in chunk if row["email"] in known]
            )
            new, changed = [], Changed(User)
            for row in chunk:
                email = row["email"]
                if first := lines.get(email):
                    result.add_error(
                        row, "email", f"Row {first} has this email too. Keep one of them."
                    )
                    continue
                lines[email] = row.line
                if email not in known:
                    new.append(new_user(row))
                    result.add_created(row)
                    continue
                pk, name, role, _ = known[email]
                if role != INSTRUCTOR:
                    result.add_error(
                        row,
                        "email",
                        f"{name} has this email ({role}). Skip this row.",
                    )
                    continue
                changes = set_changes(people[pk], row)
                changed.add(people[pk], changes and [*changes, "search_text"])
                result.add_existing(row, changes, pk)
            if result.is_valid:
                self._new_people(new)
                refresh_search_text(changed.rows)
                changed.write()
                result.created_ids += [user.pk for user in new]
            advance(len(chunk))
