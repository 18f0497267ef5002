"""Confirm the completion of a batch, with the dues that stay, and undo it as a whole."""

import datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory, user_with
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance import checks
from finance.models import Account, BulkAction
from finance.services.batch_completions import complete_batch
from finance.services.bulk_actions import undo_bulk_action

from .confirmations import confirm
from .factories import enrolled, paid

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


@pytest.fixture
def batch():
    return BatchFactory(name="JEE", course__total_fee=Decimal("1000.00"))


def named(name, batch):
    return enrolled(student=StudentFactory(user__full_name=name), batch=batch).student


def url(batch):
    return reverse("finance:batch-complete", args=[batch.pk])


def complete(batch, by, last_day=None):
    return complete_batch(batch=batch, last_day=last_day or today(), by=by)


def undo(action, by):
    return undo_bulk_action(action=action, by=by, reason="Not over yet")


def undo_errors(action, by):
    with pytest.raises(ValidationError) as refusal:
        undo(action, by)
    return refusal.value.messages


def statuses(batch):
    rows = batch.enrollments.order_by("pk")
    return list(rows.values_list("status", "ended_on", "end_reason"))


ACTIVE = ("active", None, "")


def test_students_and_dues_are_shown_before_the_batch_is_completed(desk, admin, batch):
    asha, ravi = named("Asha", batch), named("Ravi", batch)
    paid(student=asha, amount="400", by=admin)
    paid(student=ravi, amount="1000", by=admin)

    page = desk.post(url(batch), {"last_day": today().isoformat()})

    text = page.content.decode()
    assert "Complete 2 students" in text and "unpaid fees of this batch, which stay due" in text
    assert [row.amount for row in page.context["rows"]] == [Decimal("600.00"), None]
    assert page.context["total"] == Decimal("600.00")
    assert statuses(batch) == [ACTIVE] * 2

    answer = confirm(desk, page)

    action = BulkAction.objects.get()
    assert answer.url == action.get_absolute_url()
    assert (str(action), action.kind, action.row_count) == ("2 students completed JEE",
                                                            "complete", 2)  # fmt: skip
    assert statuses(batch) == [("completed", today() + DAY, "")] * 2
    assert list(checks.find_problems()) == []


def test_student_who_joined_since_the_list_was_shown_is_shown_first(desk, batch):
    named("Asha", batch)
    page = desk.post(url(batch), {"last_day": today().isoformat()})
    named("Ravi", batch)

    again = confirm(desk, page)

    assert "The list has changed since it was shown" in again.content.decode()
    assert "Complete 2 students" in again.content.decode() and statuses(batch) == [ACTIVE] * 2
    confirm(desk, again)
    assert len(BulkAction.objects.get().rows.all()) == 2


def test_confirmation_sent_twice_leads_to_the_same_action(desk, batch):
    named("Asha", batch)
    page = desk.post(url(batch), {"last_day": today().isoformat()})

    assert confirm(desk, page).url == confirm(desk, page).url
    assert BulkAction.objects.count() == 1


def test_batch_without_students_is_completed_without_asking(desk, batch):
    answer = desk.post(url(batch), {"last_day": today().isoformat()})

    batch.refresh_from_db()
    assert (answer.url, batch.ends_on) == (batch.get_absolute_url(), today())
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize("before", [None, datetime.date(2027, 3, 31)])
def test_undo_makes_the_students_active_and_restores_the_end(admin, batch, before):
    batch.ends_on = before
    batch.save()
    asha, ravi = named("Asha", batch), named("Ravi", batch)
    paid(student=asha, amount="400", by=admin)
    action = complete(batch, admin)
    paid(student=ravi, amount="1000", by=admin)

    undo(action, admin)

    batch.refresh_from_db()
    assert batch.ends_on == before and statuses(batch) == [ACTIVE] * 2
    assert list(Account.objects.order_by("pk").values_list("balance", flat=True)) == [600, 0]
    assert [enrollment.history.count() for enrollment in batch.enrollments.all()] == [3, 3]
    assert list(checks.find_problems()) == []
    complete(batch, admin)
    assert {status for status, *_ in statuses(batch)} == {"completed"}


def test_undo_is_refused_with_names_where_a_student_cannot_be_active(admin, batch):
    elsewhere, inactive, *_ = (named(name, batch) for name in ("Elsewhere", "Inactive", "Free"))
    action = complete(batch, admin)
    enrolled(student=elsewhere, batch=BatchFactory(name="NEET"))
    inactive.user.is_active = False
    inactive.user.save()

    assert undo_errors(action, admin) == [
        "Elsewhere is enrolled in NEET now.",
        "Inactive is inactive now.",
    ]
    assert {status for status, *_ in statuses(batch)} == {"completed"}
    assert list(checks.find_problems()) == []


def test_several_batches_at_once_do_not_refuse_the_undo(admin, batch):
    Institute.objects.update(several_batches_at_once=True)
    student = named("Asha", batch)
    action = complete(batch, admin)
    enrolled(student=student, batch=BatchFactory(name="NEET"))

    undo(action, admin)

    assert statuses(batch) == [ACTIVE]


def test_undo_is_refused_after_the_end_of_the_batch_was_changed(admin, batch):
    named("Asha", batch)
    action = complete(batch, admin)
    batch.refresh_from_db()
    batch.ends_on = datetime.date(2030, 1, 31)
    batch.save()

    (message,) = undo_errors(action, admin)

    assert message.endswith("to 31 Jan 2030 since.")


def test_undo_is_refused_if_the_seats_are_taken(admin, batch):
    batch.capacity = 2
    batch.save()
    for name in ("Asha", "Ravi"):
        named(name, batch)
    action = complete(batch, admin, last_day=today() + 30 * DAY)
    named("Meera", batch)

    assert undo_errors(action, admin) == ["1 seats are left in the batch, for 2 students."]


def test_undo_twice_is_refused(admin, batch):
    named("Asha", batch)
    action = complete(batch, admin)
    undo(action, admin)

    assert undo_errors(action, admin) == ["This is already undone."]


@pytest.mark.parametrize("missing", ["finance.change_bulkaction", "academics.change_enrollment"])
def test_undo_needs_each_permission(client_of, admin, batch, missing):
    named("Asha", batch)
    page = reverse("finance:bulk-action-undo", args=[complete(batch, admin).pk])
    permissions = {"finance.change_bulkaction", "academics.change_enrollment"}

    assert client_of(user_with(SEE_WHOLE_INSTITUTE, *permissions)).get(page).status_code == 200
    lesser = client_of(user_with(SEE_WHOLE_INSTITUTE, *permissions - {missing}))
    assert lesser.post(page, {"reason": "Wrong"}).status_code == 403


def test_confirmation_and_undo_need_the_same_queries_for_many_students(desk, admin, queries_of):
    def count(number):
        batch, shown = BatchFactory(), []
        for _ in range(number):
            enrolled(batch=batch)
        last_day = {"last_day": today().isoformat()}
        showing = queries_of(lambda: shown.append(desk.post(url(batch), last_day)))
        completing = queries_of(lambda: confirm(desk, shown[0]))
        action = BulkAction.objects.latest("pk")
        return showing, completing, queries_of(lambda: undo(action, admin))

    count(2)
    assert count(2) == count(12)
