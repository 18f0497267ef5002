import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.models import EnrollmentStatus
from accounts.tests.factories import UserFactory, user_with
from finance.services.transfers import transfer
from finance.tests.factories import enrolled

from .factories import BatchFactory, EnrollmentFactory

pytestmark = pytest.mark.django_db

JULY = datetime.date(2026, 7, 1)


def address(student):
    return reverse("academics:student-enrollment", args=[student.pk])


def batches(response):
    return [
        [str(enrollment.batch) for enrollment in response.context[part]]
        for part in ("current", "earlier")
    ]


@pytest.fixture
def moved(student, instructor, admin):
    """Asha moved from Imran's batch to another one, at a lower fee."""
    first = BatchFactory(name="First", instructor=instructor, course__total_fee="12000.00")
    second = BatchFactory(name="Second", course__total_fee="20000.00")
    enrollment = enrolled(student=student, batch=first, by=admin)
    transfer(
        enrollment=enrollment,
        batch=second,
        on=JULY,
        by=admin,
        reason="Moved house",
        agreed_fee=18000,
        fee_reason="Sibling",
    )
    return student


def test_page_shows_current_and_earlier_enrollments(client_of, admin, moved):
    response = client_of(admin).get(address(moved))

    assert batches(response) == [["Second"], ["First"]]
    page = response.content.decode()
    assert "₹18,000.00" in page
    assert "instead of ₹20,000.00: Sibling" in page
    assert "Transferred to Second: Moved house" in page


def test_student_sees_own_enrollment_and_fee_without_buttons(client_of, moved):
    response = client_of(moved).get(address(moved))

    page = response.content.decode()
    assert batches(response) == [["Second"], ["First"]]
    assert "₹18,000.00" in page
    assert reverse("finance:enrollment-drop", args=[response.context["current"][0].pk]) not in page
    assert response.context["changes"] == []


def test_instructor_sees_enrollments_of_own_batches_without_fee(client_of, instructor, moved):
    response = client_of(instructor).get(address(moved))

    assert batches(response) == [[], ["First"]]
    assert "₹" not in response.content.decode()


def test_other_users_get_not_found(client_of, moved):
    others = [UserFactory(), EnrollmentFactory(batch__name="Elsewhere").student]

    assert [client_of(other).get(address(moved)).status_code for other in others] == [404, 404]


def test_admin_sees_actions_and_changes(client_of, admin, moved):
    response = client_of(admin).get(address(moved))

    page, enrollment = response.content.decode(), response.context["current"][0]
    for act in ("transfer", "complete", "drop"):
        assert reverse(f"finance:enrollment-{act}", args=[enrollment.pk]) in page
    assert [change.fields for change in response.context["changes"]] == [
        [],
        [
            ("Status", "Active", "Dropped"),
            ("Ended on", "empty", "1 Jul 2026"),
            ("Reason for ending", "empty", "Transferred to Second: Moved house"),
        ],
        [],
    ]


def test_changes_of_the_fee_are_shown_to_those_who_see_fees_only(client_of, admin, moved):
    enrollment = moved.enrollments.get(status="active")
    enrollment.agreed_fee, enrollment.fee_reason = Decimal("15000.00"), "Hardship"
    enrollment.save()
    clerk = user_with(
        "accounts.see_whole_institute", "academics.view_enrollment", "academics.change_enrollment"
    )

    def labels(user):
        changes = client_of(user).get(address(moved)).context["changes"]
        return {label for change in changes for label, _, _ in change.fields}

    shown = {"Status", "Ended on", "Reason for ending"}
    assert labels(clerk) == shown
    assert labels(admin) == shown | {"Agreed fee", "Reason for a lower fee"}


def test_student_without_batch_can_be_enrolled(client_of, admin, student):
    page = client_of(admin).get(address(student)).content.decode()

    assert f'href="{reverse("finance:enrollment-create")}?student={student.pk}"' in page


def test_person_without_student_profile_is_not_found(client_of, admin, instructor):
    assert (
        client_of(admin)
        .get(reverse("academics:student-enrollment", args=[instructor.pk]))
        .status_code
        == 404
    )


@pytest.mark.parametrize("who", ["admin", "student"])
def test_page_queries_do_not_grow_with_enrollments(client_of, admin, student, who, queries_of):
    client = client_of({"admin": admin, "student": student}[who])
    EnrollmentFactory(student=student)

    def add(earlier):
        for _ in range(earlier):
            EnrollmentFactory(
                student=student,
                status=EnrollmentStatus.COMPLETED,
                ended_on=timezone.localdate(),
                enrolled_on=JULY,
            )
        return len(client.get(address(student)).context["earlier"])

    assert add(1) == 1
    of_few = queries_of(lambda: client.get(address(student)))
    assert add(5) == 6
    assert queries_of(lambda: client.get(address(student))) == of_few
