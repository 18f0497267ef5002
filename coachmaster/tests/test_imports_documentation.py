import re
import shlex

import pytest
from django.conf import settings

from academics.importers.batches import BatchImporter
from academics.importers.courses import CourseImporter
from academics.importers.holidays import HolidayImporter
from accounts.importers.instructors import InstructorImporter
from accounts.importers.students import StudentImporter
from attendance.importers.grid import AttendanceGridImporter
from attendance.importers.punches import PunchImporter
from attendance.importers.sheets import AttendanceImporter
from attendance.importers.totals import AttendanceTotalsImporter
from coachmaster.core.tests.imports import run_import
from finance.importers.enrollments import EnrollmentImporter
from finance.importers.opening_balances import OpeningBalanceImporter
from finance.importers.payments import PaymentImporter

PAGE = (settings.BASE_DIR / "docs" / "imports.md").read_text()
SECTIONS = {
    "Instructors": InstructorImporter,
    "Courses": CourseImporter,
    "Batches": BatchImporter,
    "Holidays": HolidayImporter,
    "Students": StudentImporter,
    "Enrollments": EnrollmentImporter,
    "Payments": PaymentImporter,
    "Attendance": AttendanceImporter,
    "Attendance register": AttendanceGridImporter,
    "Punches of a device": PunchImporter,
    "Attendance totals": AttendanceTotalsImporter,
    "Opening balances": OpeningBalanceImporter,
}


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.django_db
def test_example_files_can_be_imported_in_order_and_twice(file):
    for verb in ("created", "unchanged"):
        for heading in SECTIONS:
            text = section(heading)
            name, content = re.search(r"```csv (\S+)\n(.*?)```", text, re.DOTALL).groups()
            _, _, command, _, *flags = shlex.split(
                re.search(r"^\.venv/bin/python manage\.py .*$", text, re.MULTILINE)[0]
            )

            run = run_import(command, file(content, name), *flags)

            assert run.code == 0, (heading, run.errors)
            assert re.search(rf"\b[23] (\w+ )?{verb}", run.summary), (heading, run.summary)
            assert "not used" not in run.out


@pytest.mark.parametrize("heading", SECTIONS)
def test_imports_page_lists_every_column_and_its_names(heading):
    rows = [line for line in section(heading).splitlines() if line.startswith("| `")]

    assert rows == [
        f"| `{column.name}`{' *' if column.is_required else ''} | {', '.join(column.synonyms)} |"
        for column in SECTIONS[heading].columns
        if not re.match("installment_([2-9]|1[0-2])_", column.name)
    ]
