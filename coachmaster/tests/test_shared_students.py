"""A student in batches of two instructors: each of them sees what is of the own batch."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import DailyBatchFactory
from accounts.models import Membership
from attendance.services.sheets import SheetContent, save_sheet
from finance.tests.factories import enrolled

from .api import Caller

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize(("own", "other"), [("Physics", "Maths"), ("Maths", "Physics")]),
]


@pytest.fixture
def shared(student):
    """Put the student in a batch of Physics and one of Maths, with a noted mark in each."""
    Institute.objects.update(several_batches_at_once=True)
    for name in ("Physics", "Maths"):
        batch = DailyBatchFactory(
            name=name, starts_on=timezone.localdate(), instructor__full_name=f"Teacher of {name}"
        )
        enrollment = enrolled(student=student, batch=batch)
        enrollment.fee_reason = f"Topper in {name}"
        enrollment.save()
        content = SheetContent({student.pk: "late"}, {student.pk: f"Note of {name}"})
        save_sheet(
            batch=batch, held_on=batch.starts_on, content=content, by=None, allow_unplanned=True
        )
    return student


@pytest.fixture
def teacher(shared, own):
    return shared.enrollments.get(batch__name=own).batch.instructor


@pytest.fixture
def clerk(teacher):
    """The client of the teacher, in a role with everything but the whole institute."""
    role = Group.objects.create(name="Branch clerk")
    role.permissions.set(Permission.objects.exclude(codename="see_whole_institute"))
    Membership.objects.filter(user=teacher).update(group=role)
    client = Client()
    client.force_login(teacher)
    return client


def test_instructor_sees_the_marks_of_the_own_batch(client_of, teacher, shared, own, other):
    address = reverse("attendance:student-attendance", args=[shared.pk])

    page = client_of(teacher).get(address).content.decode()
    status, answer = Caller(teacher)("GET", f"/students/{shared.pk}/attendance")

    assert (f"Note of {own}" in page, f"Note of {other}" in page) == (True, False)
    batches = [mark["batch_id"] for mark in answer["attendance"]]
    assert (status, batches) == (200, [shared.enrollments.get(batch__name=own).batch_id])


def test_payment_page_names_the_own_batch(clerk, shared, own, other):
    page = clerk.get(f"{reverse('finance:payment-create')}?student={shared.pk}").content.decode()

    assert (f"· {own}" in page, f"· {other}" in page) == (True, False)


def test_enrollment_page_shows_changes_of_the_own_enrollment(clerk, shared, own, other):
    page = clerk.get(reverse("academics:student-enrollment", args=[shared.pk])).content.decode()

    assert (f"Topper in {own}" in page, f"Topper in {other}" in page) == (True, False)
