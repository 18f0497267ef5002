import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.services.people import change_role, deactivate
from accounts.tests.factories import StudentFactory, UserFactory
from conftest import ADMIN, INSTRUCTOR
from finance.ledger import fee_status
from finance.models import Charge, Concession, LateFeeRule
from finance.services import concessions
from finance.services.installments import change_installments
from finance.services.transfers import transfer

from .factories import enrolled, paid, post_late_fees

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
LIST = reverse("finance:concession-list")


def today():
    return timezone.localdate()


def balance(student):
    return fee_status(student, today()).balance


def ask(client, student, on=None, **changes):
    charge = Charge.objects.active().filter(student=student).first()
    typed = {
        "token": "a-token",
        "on": on or f"charge-{charge.pk}",
        "amount": "1000",
        "percent": "",
        "kind": "merit",
        "reason": "Topper of the class",
        **changes,
    }
    return client.post(reverse("finance:concession-ask", args=[student.pk]), typed)


def waiting(student, admin, amount="6000.00"):
    row, *_ = concessions.request_concession(
        student=student,
        charges=list(Charge.objects.active().filter(student=student)),
        kind="hardship",
        reason="Flood",
        by=admin,
        amount=Decimal(amount),
    )
    return row


def messages_after(client, response):
    return [str(message) for message in client.get(response.url).context["messages"]]


# Asking ---


def test_concession_within_the_limit_applies_at_once(client_of, admin):
    student = enrolled(fee="12000.00").student
    client = client_of(admin)

    response = ask(client, student)

    assert response.url == reverse("finance:student-fees", args=[student.pk])
    assert balance(student) == Decimal("11000.00")
    assert messages_after(client, response) == [f"Concession of ₹1,000.00 added for {student}."]


def test_percentage_is_split_across_unpaid_installments(client_of, admin):
    rows = [
        (today() + number * DAY, Decimal(amount))
        for number, amount in enumerate(["1000", "2000", "4000"])
    ]
    enrollment = enrolled(fee="7000.00", installments=rows)

    ask(
        client_of(admin),
        enrollment.student,
        on=f"enrollment-{enrollment.pk}",
        amount="",
        percent="12.5",
    )

    assert sorted(Concession.objects.values_list("amount", flat=True)) == [
        Decimal("125.00"),
        Decimal("250.00"),
        Decimal("500.00"),
    ]


def test_sending_the_form_twice_adds_one_concession(client_of, admin):
    student = enrolled(fee="12000.00").student
    client = client_of(admin)

    ask(client, student)
    ask(client, student)
    other = ask(client, student, reason="Something else")

    assert "already used for another concession" in other.content.decode()
    assert balance(student) == Decimal("11000.00")


def test_several_small_concessions_do_not_avoid_the_limit(client_of, admin):
    student = enrolled(fee="12000.00").student
    client = client_of(admin)

    ask(client, student, amount="5000", token="one")
    ask(client, student, amount="0.01", token="two")

    assert balance(student) == Decimal("7000.00")
    assert Concession.objects.waiting().get().amount == Decimal("0.01")


def test_concessions_on_several_installments_do_not_avoid_the_limit(client_of, admin):
    rows = [(today() + number * DAY, Decimal("5000.00")) for number in (1, 2, 3)]
    student = enrolled(fee="15000.00", installments=rows).student
    first, second, third = Charge.objects.active().filter(student=student).order_by("due_on")
    client = client_of(admin)

    ask(client, student, on=f"charge-{first.pk}", amount="3000", token="one")
    ask(client, student, on=f"charge-{second.pk}", amount="2000", token="two")
    ask(client, student, on=f"charge-{third.pk}", amount="0.01", token="three")

    assert balance(student) == Decimal("10000.00")
    assert Concession.objects.waiting().get().charge == third


def test_concession_on_a_paid_installment_counts_for_the_limit(client_of, admin):
    rows = [(today() + number * DAY, Decimal("6000.00")) for number in (1, 2)]
    student = enrolled(fee="12000.00", installments=rows).student
    first, second = Charge.objects.active().filter(student=student).order_by("due_on")
    client = client_of(admin)
    ask(client, student, on=f"charge-{first.pk}", amount="5000", token="one")
    paid(student=student, amount="1000.00")

    ask(client, student, on=f"charge-{second.pk}", amount="1", token="two")

    assert balance(student) == Decimal("6000.00")
    assert Concession.objects.waiting().get().charge == second


def test_concession_of_another_enrollment_does_not_count_for_the_limit(client_of, admin):
    Institute.objects.update(several_batches_at_once=True)
    first = enrolled(fee="5000.00")
    second = enrolled(student=first.student, fee="5000.00")
    client = client_of(admin)

    for enrollment in (first, second):
        on = f"charge-{Charge.objects.get(enrollment=enrollment).pk}"
        ask(client, first.student, on=on, amount="5000", token=on)

    assert balance(first.student) == Decimal("0.00")


def test_concession_before_a_transfer_counts_for_the_limit(client_of, admin):
    rows = [(today() + number * DAY, Decimal("6000.00")) for number in (0, 40)]
    enrollment = enrolled(fee="12000.00", enrolled_on=today(), installments=rows)
    student, client = enrollment.student, client_of(admin)
    first = Charge.objects.get(due_on=today())
    ask(client, student, on=f"charge-{first.pk}", amount="3000", token="one")
    new = transfer(enrollment=enrollment, batch=BatchFactory(), on=today() + DAY, by=admin)
    carried = Charge.objects.active().get(enrollment=new)

    ask(client, student, on=f"charge-{carried.pk}", amount="2000", token="two")
    ask(client, student, on=f"charge-{first.pk}", amount="0.01", token="three")
    ask(client, student, on=f"charge-{carried.pk}", amount="0.01", token="four")

    assert balance(student) == Decimal("7000.00")
    assert {row.charge for row in Concession.objects.waiting()} == {first, carried}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"amount": "12000.01"}, "At most ₹12,000.00, the unpaid amount."),
        ({"amount": "", "percent": ""}, "Enter either an amount or a percentage."),
        ({"amount": "10", "percent": "10"}, "Enter either an amount or a percentage."),
        ({"amount": "", "percent": "100.01"}, "Enter per cent above 0 and up to 100"),
        ({"amount": "", "percent": "NaN"}, "Enter per cent above 0 and up to 100"),
        ({"amount": "1e3"}, "Enter an amount in rupees"),
        ({"amount": "0"}, "Enter an amount above zero."),
        ({"amount": "-5"}, "An amount cannot be negative."),
        ({"reason": "   "}, "This field is required."),
        ({"reason": "x" * 201}, "at most 200 characters"),
        ({"on": "charge-999999"}, "Select a valid choice"),
        ({"on": "enrollment-x"}, "Select a valid choice"),
        ({"kind": "late_fee"}, "Select a valid choice"),
        ({"kind": ""}, "This field is required."),
        ({"token": ""}, "This form has expired"),
        ({"token": "opening:1"}, "This form has expired"),
    ],
)
def test_invalid_concession_gets_a_message(client_of, admin, typed, sentence):
    student = enrolled(fee="12000.00").student

    response = ask(client_of(admin), student, **typed)

    assert sentence in response.content.decode()
    assert not Concession.objects.exists()


def test_a_sibling_is_suggested_when_the_guardians_phone_matches(client_of, admin):
    asha = StudentFactory(user__full_name="Asha Verma", guardian_phone="9876543210")
    ravi = StudentFactory(user__full_name="Ravi Verma", guardian_phone="9876543210")
    stranger = StudentFactory(user__full_name="Meena Iyer", guardian_phone="9876543211")
    for student in (asha, ravi, stranger):
        enrolled(student=student)

    response = client_of(admin).get(reverse("finance:concession-ask", args=[asha.pk]))

    page = response.content.decode()
    assert "Ravi Verma" in page and "Meena Iyer" not in page


def test_the_kind_of_a_concession_is_chosen_by_the_user(client_of, admin):
    student = enrolled(fee="12000.00").student

    form = (
        client_of(admin).get(reverse("finance:concession-ask", args=[student.pk])).context["form"]
    )

    assert (form["kind"].value(), form.fields["kind"].choices[0]) == (None, ("", "Choose a kind"))


def test_paid_fee_gets_no_concession(client_of, admin):
    student = enrolled(fee="100.00").student
    paid(student=student, amount="100.00")

    assert ask(client_of(admin), student).url == reverse("finance:student-fees", args=[student.pk])
    assert not Concession.objects.exists()


# Approving ---


def test_concession_above_the_limit_applies_after_approval(client_of, admin):
    student = enrolled(fee="12000.00").student
    client = client_of(admin)
    response = ask(client, student, amount="6000")
    assert (
        "is pending approval. The dues have not changed yet" in messages_after(client, response)[0]
    )
    assert balance(student) == Decimal("12000.00")
    row = Concession.objects.get()
    assert student.user.full_name in client.get(LIST).content.decode()
    assert (
        "1 concession pending approval"
        in client.get(reverse("dashboards:admin-dashboard")).content.decode()
    )

    client.post(reverse("finance:concession-approve", args=[row.pk]))

    row.refresh_from_db()
    assert (balance(student), row.approved_by) == (Decimal("6000.00"), admin)
    again = client.post(reverse("finance:concession-approve", args=[row.pk]))
    assert "already approved or declined" in messages_after(client, again)[-1]


def test_nobody_approves_an_own_concession_if_somebody_else_can(client_of, admin):
    other = UserFactory(role=ADMIN)
    student = enrolled(fee="12000.00").student
    row = waiting(student, admin)
    page = reverse("finance:concession-approve", args=[row.pk])
    client = client_of(admin)

    for ask_page in (client.get, client.post):
        assert messages_after(client, ask_page(page)) == [
            "You requested this concession yourself. Ask another person to approve it."
        ]
    with pytest.raises(ValidationError, match="You requested this concession yourself"):
        concessions.approve_concession(token=row.token, by=admin)
    assert balance(student) == Decimal("12000.00")

    client_of(other).post(page)
    assert balance(student) == Decimal("6000.00")


def test_own_concession_is_approved_if_the_others_are_inactive(client_of, admin):
    UserFactory(role=ADMIN, is_active=False)
    student = enrolled(fee="12000.00").student
    row = waiting(student, admin)

    client_of(admin).post(reverse("finance:concession-approve", args=[row.pk]))

    assert balance(student) == Decimal("6000.00")


def test_deactivating_the_others_for_a_moment_does_not_allow_an_own_approval(
    client_of, admin, time_machine
):
    other = UserFactory(role=ADMIN)
    student = enrolled(fee="12000.00").student
    start = timezone.now()
    deactivate(other, by=admin)
    row = waiting(student, admin)
    page = reverse("finance:concession-approve", args=[row.pk])

    time_machine.move_to(start + 29 * DAY)
    response = client_of(admin).post(page)
    assert "got another role in the last 30 days" in messages_after(client_of(admin), response)[0]
    assert balance(student) == Decimal("12000.00")

    time_machine.move_to(start + 31 * DAY)
    client_of(admin).post(page)
    assert balance(student) == Decimal("6000.00")


def test_giving_the_others_another_role_does_not_allow_an_own_approval(admin):
    other = UserFactory(role=ADMIN)
    row = waiting(enrolled(fee="12000.00").student, admin)
    change_role(other, Group.objects.get(name=INSTRUCTOR), by=admin)

    with pytest.raises(ValidationError, match="got another role"):
        concessions.approve_concession(token=row.token, by=admin)


def test_approving_asks_for_the_password_again_after_ten_minutes(client_of, admin, time_machine):
    row = waiting(enrolled(fee="12000.00").student, admin)
    client = client_of(admin)
    time_machine.move_to(timezone.now() + datetime.timedelta(minutes=11))

    response = client.post(reverse("finance:concession-approve", args=[row.pk]))

    assert "own_password" in response.context["form"].errors
    row.refresh_from_db()
    assert row.is_waiting


def test_approval_is_hidden_without_the_permission(client_of, admin):
    clerk = UserFactory(role=ADMIN)
    row = waiting(enrolled(fee="12000.00").student, admin)
    Group.objects.get(name=ADMIN).permissions.remove(
        Permission.objects.get(codename="approve_concession")
    )

    assert (
        client_of(clerk).post(reverse("finance:concession-approve", args=[row.pk])).status_code
        == 403
    )
    assert "Approve" not in client_of(clerk).get(LIST).content.decode()


def test_concession_above_the_unpaid_amount_is_not_approved(client_of, admin):
    student = enrolled(fee="12000.00").student
    row = waiting(student, admin)
    paid(student=student, amount="7000.00")

    response = client_of(admin).post(reverse("finance:concession-approve", args=[row.pk]))

    assert "Only ₹5,000.00 of" in response.content.decode()
    assert balance(student) == Decimal("5000.00")


def test_declining_and_cancelling_need_a_reason_and_stay_in_the_history(client_of, admin):
    student = enrolled(fee="12000.00").student
    client = client_of(admin)
    declined = waiting(student, admin)
    address = reverse("finance:concession-cancel", args=[declined.pk])
    assert client.post(address, {"reason": " "}).context["form"].errors["reason"]
    client.post(address, {"reason": "Not hard enough"})
    ask(client, student, token="second")
    counts = Concession.objects.active().get()
    client.post(reverse("finance:concession-cancel", args=[counts.pk]), {"reason": "Wrong student"})

    assert balance(student) == Decimal("12000.00")
    page = client.get(reverse("finance:student-fees", args=[student.pk])).content.decode()
    for words in (
        "Declined",
        "Not hard enough",
        "Cancelled",
        "Wrong student",
        "Anita Rao",
        "₹12,000.00 → ₹11,000.00",
    ):
        assert words in page


def test_pending_concession_moves_to_the_new_installments(admin):
    enrollment = enrolled(fee="12000.00")
    waiting(enrollment.student, admin)
    rows = [(today() + DAY, Decimal("6000.00")), (today() + 2 * DAY, Decimal("6000.00"))]

    change_installments(enrollment=enrollment, rows=rows, reason="Two parts", by=admin)

    assert balance(enrollment.student) == Decimal("12000.00")
    carried = list(Concession.objects.waiting())
    assert [row.amount for row in carried] == [Decimal("3000.00"), Decimal("3000.00")]
    concessions.approve_concession(token=carried[0].token, by=admin)
    assert balance(enrollment.student) == Decimal("6000.00")


# History and access ---


def test_history_shows_the_fee_before_and_after(client_of, admin):
    enrollment = enrolled(fee="12000.00")
    client = client_of(admin)
    ask(client, enrollment.student, amount="1000", token="one")
    ask(client, enrollment.student, amount="", percent="10", token="two")

    found = concessions.concession_history(enrollment.student, admin)

    assert [(given.before, given.after) for given in found] == [
        (Decimal("11000.00"), Decimal("9900.00")),
        (Decimal("12000.00"), Decimal("11000.00")),
    ]


def test_student_sees_concessions_without_reasons_and_names(client_of, admin):
    student = enrolled(fee="12000.00").student
    ask(client_of(admin), student, reason="Father lost his job")

    page = (
        client_of(student).get(reverse("finance:student-fees", args=[student.pk])).content.decode()
    )

    assert "− ₹1,000.00" in page and "Father lost" not in page and "Change installments" not in page


def test_fees_page_and_pending_list_need_the_same_queries(client_of, admin, queries_of):
    student = enrolled(
        fee="50000.00", batch=BatchFactory(course__total_fee=Decimal("50000.00"))
    ).student
    pages = [
        LIST,
        *(
            reverse(f"finance:{name}", args=[student.pk])
            for name in ("student-fees", "concession-ask")
        ),
    ]
    client = client_of(admin)

    def queries_with(concessions):
        for _ in range(concessions):
            waiting(student, admin, "1000.01")
            waiting(enrolled(fee="12000.00").student, admin)
        client.get(LIST)  # what is remembered for a while is remembered now
        return [queries_of(lambda page=page: client.get(page)) for page in pages]

    assert queries_with(6) == queries_with(11)


# Late fees waived ---


def late_fee(amount="250.00"):
    enrollment = enrolled(fee="4000.00", due_on=today() - 10 * DAY)
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind="fixed", amount=Decimal(amount))
    (charge,) = post_late_fees(on=today())
    return enrollment.student, charge


def test_a_late_fee_is_waived_with_a_reason(client_of, admin):
    student, charge = late_fee()
    address = reverse("finance:late-fee-waive", args=[charge.pk])
    client = client_of(admin)

    assert client.post(address, {"reason": "", "token": "t"}).context["form"].errors["reason"]
    client.post(address, {"reason": "Hospital", "token": "t"})

    assert balance(student) == Decimal("4000.00")
    assert Concession.objects.get().kind == "late_fee"
    assert (
        "already paid or waived"
        in messages_after(client, client.post(address, {"reason": "Again", "token": "u"}))[-1]
    )


def test_only_a_late_fee_is_waived(client_of, admin):
    charge = Charge.objects.get(enrollment=enrolled())

    assert (
        client_of(admin).get(reverse("finance:late-fee-waive", args=[charge.pk])).status_code == 404
    )


def test_waiving_a_large_late_fee_needs_approval(client_of, admin):
    student, charge = late_fee("6000.00")
    assert Institute.objects.current().concession_limit == Decimal("5000.00")

    client_of(admin).post(
        reverse("finance:late-fee-waive", args=[charge.pk]), {"reason": "Hospital", "token": "t"}
    )

    assert balance(student) == Decimal("10000.00")


def test_late_fees_waived_one_by_one_do_not_avoid_the_limit(client_of, admin):
    enrollment = enrolled(fee="4000.00", due_on=today() - 10 * DAY)
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind="fixed", amount=Decimal("250"))
    (charge,) = post_late_fees(on=today())
    Institute.objects.update(concession_limit=Decimal("500.00"))
    client = client_of(admin)
    ask(client, enrollment.student, amount="250.01")

    client.post(
        reverse("finance:late-fee-waive", args=[charge.pk]), {"reason": "Hospital", "token": "t"}
    )

    assert balance(enrollment.student) == Decimal("3999.99")
    assert Concession.objects.waiting().get().charge == charge
