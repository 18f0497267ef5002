"""Record what changed many rows at once, show it, and undo it."""

import datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import StudentFactory, user_with
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance import checks
from finance.ledger import fee_status
from finance.models import BulkAction, Charge
from finance.services import bulk_actions, charges

from .factories import paid

pytestmark = pytest.mark.django_db


def charge_books(students, *, by, amount=200):
    return charges.post_charges(
        students=students,
        kind="material",
        label="Books",
        amount=Decimal(amount),
        due_on=timezone.localdate(),
        token=f"books-{Charge.objects.count()}",
        by=by,
    )


def books_for(count, *, by):
    """An action that charged ``count`` students ₹200 each."""
    students = [StudentFactory(user__full_name=f"Student {n:02}") for n in range(count)]
    rows = charge_books(students, by=by)
    return bulk_actions.record_bulk_action(
        kind="charge", description="Books", rows=rows, by=by, amount=Decimal(200 * count)
    )


def balances():
    today = timezone.localdate()
    return [fee_status(charge.student, today).balance for charge in Charge.objects.order_by("pk")]


def undo_url(action):
    return reverse("finance:bulk-action-undo", args=[action.pk])


def test_action_shows_its_rows_and_total(desk, admin):
    action = books_for(3, by=admin)

    page = desk.get(action.get_absolute_url()).content.decode()

    assert "₹600.00" in page and page.count("₹200.00") == 3
    assert reverse("finance:student-fees", args=[Charge.objects.first().student_id]) in page
    assert undo_url(action) in page


def test_undo_cancels_every_charge_and_says_who(desk, admin):
    action = books_for(3, by=admin)

    page = desk.post(undo_url(action), {"reason": "Wrong batch"}, follow=True).content.decode()

    assert "“Books” undone." in page and "Wrong batch" in page and "Anita Rao" in page
    assert Charge.objects.active().count() == 0 and balances() == [0, 0, 0]
    assert {charge.cancel_reason for charge in Charge.objects.all()} == {"Wrong batch"}
    assert list(checks.find_problems()) == []


def test_undo_asks_for_a_reason(desk, admin):
    action = books_for(1, by=admin)

    page = desk.post(undo_url(action), {"reason": ""})

    assert page.context["form"].errors["reason"]
    assert Charge.objects.active().count() == 1


def test_undo_asks_for_the_password_again(client_of, admin, password_entered):
    action, client = books_for(1, by=admin), client_of(admin)
    password_entered(client, minutes=11)

    page = client.post(undo_url(action), {"reason": "Wrong batch"})

    assert "own_password" in page.context["form"].errors
    assert Charge.objects.active().count() == 1


def test_undo_twice_is_refused(desk, admin):
    action = books_for(2, by=admin)
    desk.post(undo_url(action), {"reason": "Wrong batch"})

    page = desk.post(undo_url(action), {"reason": "Again"}, follow=True)

    assert "is already undone" in page.content.decode()
    assert BulkAction.objects.get().undo_reason == "Wrong batch"
    with pytest.raises(ValidationError, match="already undone"):
        bulk_actions.undo_bulk_action(action=action, by=admin, reason="Again")


def test_undo_leaves_charges_that_were_cancelled_before(desk, admin):
    action = books_for(3, by=admin)
    first = Charge.objects.first()
    charges.cancel_charge(charge=first, reason="Has the books", by=admin)

    desk.post(undo_url(action), {"reason": "Wrong batch"})

    reasons = Charge.objects.order_by("pk").values_list("cancel_reason", flat=True)
    assert list(reasons) == ["Has the books", "Wrong batch", "Wrong batch"]
    assert list(checks.find_problems()) == []


def test_what_was_paid_for_an_undone_charge_is_an_advance(desk, admin):
    action = books_for(1, by=admin)
    student = Charge.objects.get().student
    paid(student=student, amount="150.00", by=admin)

    desk.post(undo_url(action), {"reason": "Wrong batch"})

    assert fee_status(student, timezone.localdate()).advance == 150


@pytest.mark.parametrize(
    "permissions, status",
    [
        (["finance.view_bulkaction"], 403),
        (["finance.change_bulkaction"], 403),
        (["finance.change_charge"], 403),
        (["finance.change_bulkaction", "finance.change_charge"], 200),
    ],
)
def test_undo_needs_the_permission_to_cancel_a_single_charge(permissions, status, admin, client_of):
    action = books_for(1, by=admin)
    client = client_of(user_with(SEE_WHOLE_INSTITUTE, *permissions))

    assert client.get(undo_url(action)).status_code == status


def test_person_of_a_batch_sees_own_actions_only(admin, client_of):
    clerk = user_with("finance.view_bulkaction")
    own, other = books_for(1, by=clerk), books_for(1, by=admin)
    client = client_of(clerk)

    assert client.get(own.get_absolute_url()).status_code == 200
    assert client.get(other.get_absolute_url()).status_code == 404
    page = client.get(reverse("finance:bulk-action-list"))
    assert [action.pk for action in page.context["page"]] == [own.pk]


def test_rows_that_are_not_ones_own_any_more_are_neither_named_nor_undone(client_of):
    clerk = user_with("finance.view_bulkaction", "finance.view_charge", "finance.view_payment")
    action = books_for(1, by=clerk)

    page = client_of(clerk).get(action.get_absolute_url()).content.decode()

    assert "is not available" in page and "Student 00" not in page
    with pytest.raises(ValidationError, match="not yours any more"):
        bulk_actions.undo_bulk_action(action=action, by=clerk, reason="Wrong batch")
    assert Charge.objects.active().count() == 1 and not BulkAction.objects.get().is_undone


def test_rows_and_amounts_need_the_permissions_of_their_pages(admin, client_of):
    action = books_for(1, by=admin)
    payment = paid(student=Charge.objects.get().student, amount="123.45", by=admin)
    bulk_actions.record_bulk_action(
        kind="charge", description="Payments", rows=[payment], by=admin, amount=payment.amount
    )
    pages = [row.get_absolute_url() for row in BulkAction.objects.all()]
    pages += [reverse("finance:bulk-action-list") + query for query in ("", "?as=csv")]

    def shown(*permissions):
        client = client_of(user_with(SEE_WHOLE_INSTITUTE, "finance.view_bulkaction", *permissions))
        responses = [client.get(page) for page in pages]
        text = b"".join(
            response.getvalue() if response.streaming else response.content
            for response in responses
        ).decode()
        name = action.rows_of(Charge).get().student.user.full_name
        return [
            word for word in (name, payment.receipt_number, "₹200.00", "123.45") if word in text
        ]

    name = Charge.objects.get().student.user.full_name
    assert shown() == []
    assert shown("finance.view_charge") == [name]
    assert shown("finance.view_payment") == [name, payment.receipt_number, "₹200.00", "123.45"]


def test_list_is_filtered(desk, admin):
    books, undone = books_for(1, by=admin), books_for(2, by=admin)
    bulk_actions.undo_bulk_action(action=undone, by=admin, reason="Wrong batch")

    def found(query):
        page = desk.get(f"{reverse('finance:bulk-action-list')}?{query}").context["page"]
        return [action.pk for action in page]

    today = timezone.localdate()
    assert found("") == [undone.pk, books.pk]
    assert found("sort=rows") == [books.pk, undone.pk]
    assert found("status=active") == [books.pk]
    assert found("status=undone&kind=charge&q=books") == [undone.pk]
    assert found("kind=import") == found("q=kestrel") == []
    assert found(f"from={today}&to={today}") == [undone.pk, books.pk]
    assert found(f"from={today + datetime.timedelta(days=1)}") == []
    assert b"Books" in desk.get(f"{reverse('finance:bulk-action-list')}?as=csv").getvalue()


def test_list_offers_to_undo_what_is_not_undone_yet(desk, admin, client_of):
    books, undone = books_for(1, by=admin), books_for(2, by=admin)
    bulk_actions.undo_bulk_action(action=undone, by=admin, reason="Wrong batch")
    url = reverse("finance:bulk-action-list")

    page = desk.get(url).content.decode()
    assert undo_url(books) in page and undo_url(undone) not in page

    reader = client_of(user_with("finance.view_bulkaction", SEE_WHOLE_INSTITUTE))
    page = reader.get(url).content.decode()
    assert books.get_absolute_url() in page and undo_url(books) not in page


def test_list_takes_as_many_queries_for_many_actions(desk, admin, queries_of):
    url = reverse("finance:bulk-action-list")
    books_for(1, by=admin)
    desk.get(url)
    few = queries_of(lambda: desk.get(url))
    for _ in range(5):
        books_for(1, by=admin)

    assert queries_of(lambda: desk.get(url)) == few


def test_pages_take_as_many_queries_for_many_rows(desk, admin, queries_of):
    few, many = books_for(2, by=admin), books_for(20, by=admin)

    def count(action):
        return queries_of(lambda: desk.get(action.get_absolute_url()))

    count(few)
    assert count(few) == count(many)


def test_empty_list_says_so(desk):
    assert b"No bulk actions yet" in desk.get(reverse("finance:bulk-action-list")).content


def test_verify_finds_rows_that_do_not_match(admin):
    action = books_for(2, by=admin)
    BulkAction.objects.filter(pk=action.pk).update(row_count=3, amount=Decimal(500))

    assert list(checks.bulk_actions()) == [
        "Books: 3 rows are counted, 2 are listed.",
        "Books: ₹500.00 is written, its charges add up to ₹400.00.",
    ]


def test_verify_finds_a_charge_of_an_undone_action_that_is_active(admin):
    action = books_for(2, by=admin)
    BulkAction.objects.filter(pk=action.pk).update(
        undone_at=timezone.now(), undone_by=admin, undo_reason="Wrong batch"
    )

    assert list(checks.bulk_actions()) == [
        "Books is undone, but not all of its charges are cancelled."
    ]
