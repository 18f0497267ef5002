import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import DailyBatchFactory
from attendance.tests.factories import save_marks
from finance.tests.factories import enrolled, paid

pytestmark = [pytest.mark.size, pytest.mark.django_db]

LIMIT = 100_000


@pytest.fixture
def made(instructor):
    """A batch of 40 with a sheet today, dues and payments."""
    batch = DailyBatchFactory(
        name="JEE Morning", instructor=instructor, starts_on=timezone.localdate().replace(day=1)
    )
    enrollments = [enrolled(batch=batch) for _ in range(40)]
    for enrollment in enrollments:
        paid(student=enrollment.student, amount="1000.00")
    save_marks(
        batch, timezone.localdate(), **{f"s{one.student_id}": "present" for one in enrollments}
    )
    return {"batch": batch.pk, "student": enrollments[0].student_id}


PAGES = [
    ("dashboards:admin-dashboard",),
    ("dashboards:person-list",),
    ("academics:batch-students", "batch"),
    ("academics:institute",),
    ("finance:dues",),
    ("finance:payment-list",),
    ("finance:batch-charge", "batch"),
    ("attendance:sheet", "batch", "day"),
    ("attendance:batch-attendance", "batch"),
    ("dashboards:student-page", "student"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[0])
def test_first_visit_to_a_page_loads_at_most_100_kb(client_of, admin, made, page):
    name, *of = page
    values = {**made, "day": timezone.localdate()}
    response = client_of(admin).get(reverse(name, args=[values[one] for one in of]))
    assert response.status_code == 200
    html = response.content.decode()

    loaded = set(re.findall(r"<(?:link|script|img|use)\b[^>]*?(?:href|src)=\"([^\"#]+)", html))

    assert all(address.startswith("/static/") for address in loaded)
    assert {"/static/vendor/bootstrap.min.css", "/static/icons.svg"} <= loaded
    files = [
        Path(finders.find(address.removeprefix("/static/"))).read_bytes() for address in loaded
    ]
    assert sum(len(gzip.compress(content)) for content in [response.content, *files]) <= LIMIT
