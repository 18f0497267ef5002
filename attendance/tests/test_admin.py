import datetime

import pytest
from django.contrib.admin import site
from django.urls import reverse

from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance.models import Mark
from coachmaster.core.admin import CappedPaginator

from .factories import save_marks

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 6, 15)
MODELS = ["sheet", "mark", "markchange"]


@pytest.fixture
def corrected(admin):
    """`corrected(3)`: three sheets more, each with a mark and a correction."""
    batch = DailyBatchFactory()
    student = EnrollmentFactory(batch=batch).student

    def write(number):
        for _ in range(number):
            day = DAY - datetime.timedelta(days=batch.sheets.count())
            save_marks(batch, day, by=admin)
            save_marks(batch, day, by=admin, **{f"s{student.pk}": "late"})

    return write


@pytest.mark.parametrize("model", MODELS)
def test_lists_are_searchable_with_constant_queries(client_of, admin, corrected, model, queries_of):
    client, page = client_of(admin), reverse(f"admin:attendance_{model}_changelist")
    corrected(1)
    client.get(page)
    few = queries_of(lambda: client.get(page))
    corrected(3)

    assert queries_of(lambda: client.get(page)) == few
    assert client.get(page).context["cl"].result_count == 4
    assert client.get(page, {"q": "nobody"}).status_code == 200


def test_marks_are_found_by_student_name(client_of, admin):
    asha, ravi = (
        EnrollmentFactory(student__user__full_name=name).student
        for name in ("Asha Verma", "Ravi Kumar")
    )
    for student in (asha, ravi):
        save_marks(student.enrollments.get().batch, DAY, by=admin)

    found = (
        client_of(admin)
        .get(reverse("admin:attendance_mark_changelist"), {"q": "verma ASHA"})
        .context["cl"]
    )

    assert [mark.student for mark in found.result_list] == [asha]


def test_count_of_large_table_is_capped(admin):
    class ShortPaginator(CappedPaginator):
        MAX_COUNT = 2

    batch = DailyBatchFactory()
    for _ in range(3):
        EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)

    assert site.get_model_admin(Mark).paginator is CappedPaginator
    assert (ShortPaginator(Mark.objects.all(), 50).count, Mark.objects.count()) == (2, 3)


@pytest.mark.parametrize("model", MODELS)
def test_admin_is_read_only(client_of, admin, corrected, model):
    corrected(1)
    client = client_of(admin)
    key = Mark.objects.first().changes.get().pk if model == "markchange" else 1
    if model != "markchange":
        key = Mark.objects.values_list("pk" if model == "mark" else "sheet", flat=True).first()
    page = reverse(f"admin:attendance_{model}_change", args=[key])

    assert client.get(page).status_code == 200
    assert client.post(page, {"status": "absent"}).status_code == 403
    assert (
        client.post(
            reverse(f"admin:attendance_{model}_delete", args=[key]), {"post": "yes"}
        ).status_code
        == 403
    )
    assert client.get(reverse(f"admin:attendance_{model}_add")).status_code == 403
