import datetime
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.tests.factories import PASSWORD, StudentFactory, UserFactory, user_with
from coachmaster.core.dates import format_date
from finance.models import Account, Payment, ReceiptSeries
from finance.services.cancellations import cancel_receipt
from finance.services.payments import ReceivedMoney, record_payment

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
ADD = reverse("finance:payment-create")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def owing(student):
    """Asha Verma with dues of ₹12,000 since 1 June 2026."""
    enrolled(student=student, fee="12000.00")
    return student


def post(client, student, **changes):
    form = client.get(ADD, {"student": student.pk}).context["form"]
    typed = {
        "token": form["token"].value(),
        "amount": "5,000",
        "mode": "cash",
        "paid_on": timezone.localdate().isoformat(),
        **changes,
    }
    return client.post(f"{ADD}?student={student.pk}", typed)


# Picking ---


def test_only_an_exact_match_is_picked_at_once(client_of, admin, owing):
    StudentFactory(user__full_name="Ravi Iyer")
    client = client_of(admin)

    assert client.get(ADD, {"q": "asha verma"}).url == f"{ADD}?student={owing.pk}"
    assertContains(client.get(ADD, {"q": "asha"}), f'href="{ADD}?student={owing.pk}"')


def test_an_admission_number_that_matches_exactly_is_picked_among_others(client_of, admin):
    StudentFactory(admission_number="26-001")
    exact = StudentFactory(admission_number="26-00")

    assert client_of(admin).get(ADD, {"q": "26-00"}).url == f"{ADD}?student={exact.pk}"


def test_several_matches_are_links_with_balances(client_of, admin, owing):
    StudentFactory(user__full_name="Asha Rao")

    page = client_of(admin).get(ADD, {"q": "asha"}).content.decode()

    assert f'href="{ADD}?student={owing.pk}"' in page
    assert "₹12,000 overdue since 1 Jun" in page


def test_suggestions_are_links_to_the_form(client_of, admin, owing):
    page = (
        client_of(admin)
        .get(reverse("finance:payment-suggestions"), {"q": "verma"})
        .content.decode()
    )

    assert f'<a href="{ADD}?student={owing.pk}">' in page


@pytest.mark.parametrize("key", ["abc", "0", "-1", "99999999999999999999999", "1e3", ""])
def test_a_student_who_does_not_exist_is_not_found(client_of, admin, key):
    assert client_of(admin).get(ADD, {"student": key}).status_code == 404


# The form ---


def test_the_form_offers_what_is_due_now(client_of, admin):
    enrollment = enrolled(fee="12000.00")
    enrolled_later = enrolled(fee="900.00", due_on=timezone.localdate() + 5 * DAY)

    client = client_of(admin)

    assert (
        client.get(ADD, {"student": enrollment.student_id}).context["form"]["amount"].value()
        == "12000.00"
    )
    assert (
        client.get(ADD, {"student": enrolled_later.student_id}).context["form"]["amount"].value()
        == "900.00"
    )


def test_form_offers_the_next_installment_if_nothing_is_due_yet(client_of, admin):
    today = timezone.localdate()
    rows = [(today + days * datetime.timedelta(days=1), Decimal("450.00")) for days in (5, 35)]
    student = enrolled(fee="900.00", installments=rows).student

    assert (
        client_of(admin).get(ADD, {"student": student.pk}).context["form"]["amount"].value()
        == "450.00"
    )


def test_a_payment_leads_to_its_receipt(client_of, admin, owing):
    response = post(
        client_of(admin), owing, mode="upi", reference="UTR 4432-1", notes="by her father"
    )

    payment = Payment.objects.get()
    assert response.url == payment.get_absolute_url()
    assert (payment.amount, payment.mode, payment.notes) == (
        Decimal("5000.00"),
        "upi",
        "by her father",
    )
    assert (payment.received_by, payment.balance_after) == (admin, Decimal("7000.00"))
    assert payment.settled == [[f"Tuition fee, {payment.enrollment.batch}", "5000.00"]]
    page = client_of(admin).get(response.url).content.decode()
    assert f"Payment of ₹5,000.00 from Asha Verma recorded. Receipt {payment}." in page
    assert "Rupees five thousand only" in page
    assert "₹7,000.00" in page


def test_the_same_form_sent_again_leads_to_the_same_receipt(client_of, admin, owing):
    client = client_of(admin)
    first = post(client, owing, token="a" * 32)
    again = post(client, owing, token="a" * 32)

    assert again.url == first.url
    assert Payment.objects.count() == 1


def test_the_same_form_with_another_amount_is_refused(client_of, admin, owing):
    client = client_of(admin)
    post(client, owing, token="a" * 32)

    response = post(client, owing, token="a" * 32, amount="1")

    assert response.context["form"].non_field_errors() == [
        f"This form was already used for receipt {Payment.objects.get()}. "
        "Nothing more was saved. Open a new payment form for another payment."
    ]


def test_used_token_does_not_name_a_receipt_that_the_clerk_may_not_see(client_of, admin, owing):
    post(client_of(admin), owing, token="a" * 32)
    clerk = user_with("academics.teach_batch", "finance.add_payment", "finance.view_payment")
    own = enrolled(batch=BatchFactory(instructor=clerk)).student

    response = post(client_of(clerk), own, token="a" * 32)

    assert response.context["form"].non_field_errors() == [
        "This form was already used for another receipt. "
        "Nothing more was saved. Open a new payment form for another payment."
    ]


def test_a_token_of_another_student_is_refused(client_of, admin, owing):
    other = enrolled().student
    client = client_of(admin)
    post(client, owing, token="a" * 32)

    assert (
        "already used" in post(client, other, token="a" * 32).context["form"].non_field_errors()[0]
    )
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("token", ["", "opening:1:2:1", "import:2026:41", "import#1f", "a\n"])
def test_a_form_without_its_token_is_refused(client_of, admin, owing, token):
    response = post(client_of(admin), owing, token=token)

    assert response.context["form"].non_field_errors() == ["This form has expired. Open it again."]
    assert not Payment.objects.exists()


def test_amount_above_the_dues_must_be_confirmed_as_an_advance(client_of, admin, owing):
    client = client_of(admin)
    asked = post(client, owing, amount="12,500.50", token="b" * 32)

    form = asked.context["form"]
    assert form.errors["amount"] == [
        "The dues are ₹12,000.00. Tick “Keep the rest as an advance” to accept more."
    ]
    assert form["token"].value() == "b" * 32
    assert form["amount"].value() == "12,500.50"
    assert 'name="as_advance"' in asked.content.decode()
    assert not Payment.objects.exists()

    post(client, owing, amount="12,500.50", token="b" * 32, as_advance="on")
    assert Payment.objects.get().settled[-1] == ["Advance", "500.50"]
    assert Account.objects.get().balance == Decimal("-500.50")


def test_same_amount_within_minutes_must_be_confirmed(client_of, admin, owing):
    client = client_of(admin)
    post(client, owing)

    asked = post(client, owing, as_advance="on")
    assert "Tick “Record it again”" in asked.context["form"].non_field_errors()[0]
    page = asked.content.decode()
    assert 'name="confirm_duplicate"' in page
    assert 'name="as_advance"' in page  # what was ticked before stays

    post(client, owing, confirm_duplicate="on")
    assert Payment.objects.count() == 2


def test_confirmation_boxes_are_hidden_until_needed(client_of, admin, owing):
    page = client_of(admin).get(ADD, {"student": owing.pk}).content.decode()

    assert "as_advance" not in page
    assert "confirm_duplicate" not in page


@pytest.mark.parametrize("mode", ["upi", "bank_transfer"])
@pytest.mark.parametrize("reference", ["", " - "])
def test_a_bank_payment_needs_its_reference(client_of, admin, owing, mode, reference):
    response = post(client_of(admin), owing, mode=mode, reference=reference)

    assert "Enter the reference" in response.context["form"].errors["reference"][0]


def test_reference_is_unique_and_free_again_after_cancellation(client_of, admin, owing):
    other = enrolled(fee="9000.00").student
    client = client_of(admin)
    post(client, owing, mode="upi", reference="UTR-4432 1")
    first = Payment.objects.get()

    refused = post(client, other, mode="bank_transfer", reference="utr44321")
    assert refused.context["form"].errors["reference"] == [
        f"This reference is already on receipt {first}. Check the number."
    ]

    cancel_receipt(payment=first, reason="wrong student", by=admin)
    assert post(client, other, mode="bank_transfer", reference="utr44321").status_code == 302


@pytest.mark.parametrize(
    "amount",
    [
        "0", "-0", "-5", "NaN", "sNaN", "Infinity", "1e309", "1e5", "1_000", "0.001", "+7",
        "0x10", "", " ",
        "12.345", "१२३", "٣٤", "１２", "9" * 5000, "\u22125", "1,00", "1 000", "5\0", "100000000",
    ],
)  # fmt: skip
def test_invalid_amount_is_refused_at_the_field(client_of, admin, owing, amount):
    response = post(client_of(admin), owing, amount=amount)

    assert response.status_code == 200
    assert response.context["form"].errors["amount"]
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("5,000", "5000"), ("₹ 1,250.5", "1250.50"), ("500/-", "500"), ("0.01", "0.01"), ("007", "7")],
)
def test_amount_is_accepted_in_common_notations(client_of, admin, owing, typed, amount):
    post(client_of(admin), owing, amount=typed)

    assert Payment.objects.get().amount == Decimal(amount)


@pytest.mark.parametrize(
    "paid_on",
    [
        "2026-02-30",
        "31/02/2026",
        "0001-01-01",
        "9999-12-31",
        "1999-12-31",
        "",
        "yesterday",
        "2026-13-01",
        "\0",
    ],
)
def test_invalid_date_is_refused_at_the_field(client_of, admin, owing, paid_on):
    response = post(client_of(admin), owing, paid_on=paid_on)

    assert response.status_code == 200
    assert response.context["form"].errors["paid_on"]
    assert not Payment.objects.exists()


def test_a_payment_cannot_be_dated_in_the_future(client_of, admin, owing):
    tomorrow = timezone.localdate() + DAY

    assert post(client_of(admin), owing, paid_on=tomorrow.isoformat()).context["form"].errors[
        "paid_on"
    ] == ["A payment cannot be dated in the future."]


@pytest.mark.parametrize("mode", ["barter", "", "CASH", "\0"])
def test_invalid_mode_is_refused(client_of, admin, owing, mode):
    assert post(client_of(admin), owing, mode=mode).context["form"].errors["mode"]


def test_form_cannot_set_what_the_server_decides(client_of, admin, owing):
    other = enrolled().student
    post(
        client_of(admin),
        owing,
        id="77",
        number="9",
        receipt_number="X",
        series="1999",
        received_by=str(owing.pk),
        enrollment=str(other.enrollments.get().pk),
        balance_after="0",
        settled="[]",
    )

    payment = Payment.objects.get()
    assert (payment.student, payment.received_by, payment.number) == (owing, admin, 1)
    assert payment.enrollment.student == owing


@pytest.mark.parametrize("name", ["O'Brien <b>Null</b>", "अनु\u200dश्री", "🙂", "தமிழ்", "=1+1"])
def test_name_in_any_script_is_shown_as_text_on_the_receipt(client_of, admin, owing, name):
    owing.user.full_name = name
    owing.user.save()
    page = client_of(admin).get(post(client_of(admin), owing).url)

    assert page.context["payment"].student.user.full_name == name
    assert "<b>Null</b>" not in page.content.decode()


def test_recording_a_payment_needs_the_same_queries_after_many_payments(
    client_of, admin, owing, queries_of
):
    client = client_of(admin)

    def take():
        form = client.get(ADD, {"student": owing.pk}).context["form"]
        typed = {
            "token": form["token"].value(),
            "amount": "5",
            "mode": "cash",
            "confirm_duplicate": "on",
        }
        response = client.post(
            f"{ADD}?student={owing.pk}", typed | {"paid_on": timezone.localdate().isoformat()}
        )
        assert response.status_code == 302

    take()  # the year's series is there
    few = queries_of(take)
    for _ in range(12):
        paid(student=owing, amount="1.00")
    assert queries_of(take) == few


# The receipt ---


def test_receipt_does_not_change_afterwards(client_of, admin, owing):
    payment = paid(student=owing, amount="5000.00", by=admin)
    paid(student=owing, amount="7000.00", by=admin)

    page = client_of(admin).get(payment.get_absolute_url()).content.decode()

    assert "Balance after this payment: <strong>₹7,000.00</strong>" in page
    assert "Received by Anita Rao" in page


def test_students_see_their_own_receipts_only(client_of, owing, instructor):
    own = paid(student=owing, amount="1.00")
    foreign = paid(student=enrolled().student, amount="1.00")

    assert client_of(owing).get(own.get_absolute_url()).status_code == 200
    assert client_of(owing).get(foreign.get_absolute_url()).status_code == 404
    assert client_of(instructor).get(own.get_absolute_url()).status_code == 403


@pytest.mark.parametrize("role", ["Instructor", "Student"])
def test_only_the_fee_desk_records_and_cancels_payments(client_of, owing, role):
    payment = paid(student=owing, amount="1.00")
    client = client_of(UserFactory(role=role) if role == "Instructor" else owing)

    for address in (
        ADD,
        reverse("finance:payment-void", args=[payment.pk]),
        reverse("finance:payment-list"),
    ):
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403
    assert not hasattr(Payment.objects.get(), "reversal")


# Void ---


def test_cancellation_records_person_time_and_reason_and_the_amount_is_due_again(
    desk, admin, owing
):
    payment = paid(student=owing, amount="5000.00", by=admin)

    response = desk.post(
        reverse("finance:payment-void", args=[payment.pk]), {"reason": "wrong student"}
    )

    assert response.url == payment.get_absolute_url()
    reversal = Payment.objects.get().reversal
    assert (reversal.reason, reversal.voided_by, reversal.voided_on) == (
        "wrong student",
        admin,
        timezone.localdate(),
    )
    assert Account.objects.get().balance == Decimal("12000.00")
    page = desk.get(response.url).content.decode()
    assert "is-cancelled" in page and "<strong>Cancelled</strong> on" in page
    assert "by Anita Rao: wrong student" in page
    assert (
        desk.get(reverse("finance:payment-void", args=[payment.pk])).url
        == payment.get_absolute_url()
    )


def test_cancelling_asks_for_the_password_after_a_while(desk, owing, password_entered):
    payment = paid(student=owing, amount="5000.00")
    address = reverse("finance:payment-void", args=[payment.pk])
    password_entered(desk, minutes=11)

    assert desk.post(address, {"reason": "x"}).context["form"].errors["own_password"]
    assert (
        desk.post(address, {"reason": "x", "own_password": "wrong"})
        .context["form"]
        .errors["own_password"]
    )
    assert not hasattr(Payment.objects.get(), "reversal")
    assert desk.post(address, {"reason": "x", "own_password": PASSWORD}).status_code == 302
    assert Payment.objects.get().reversal.reason == "x"


def test_cancelling_needs_a_reason(desk, owing):
    payment = paid(student=owing, amount="5000.00")

    for reason in ("", "  ", "r" * 201):
        response = desk.post(reverse("finance:payment-void", args=[payment.pk]), {"reason": reason})
        assert response.context["form"].errors["reason"]
    assert not hasattr(Payment.objects.get(), "reversal")


# Lists ---


def test_list_of_payments_is_searched_by_bank_reference(client_of, admin, owing):
    found = paid(student=owing, amount="1.00", mode="upi", reference="4123 5678 9012")
    paid(student=owing, amount="2.00", mode="upi", reference="999912345678")
    cheque = paid(
        student=owing,
        amount="3.00",
        mode="cheque",
        reference="771342",
        cheque_on=found.paid_on,
    )
    cancelled = paid(student=owing, amount="4.00", mode="upi", reference="4123cancelled")
    cancel_receipt(payment=cancelled, reason="entered twice", by=admin)
    client = client_of(admin)

    for text, payments in {
        "41235678": {found},
        "4123 5": {found},
        "4123": {found, cancelled},
        "7713": {cheque},
        "cheque1": set(),
        "412": set(),
    }.items():
        page = client.get(reverse("finance:payment-list"), {"q": text}).context["page"]
        assert set(page) == payments, text


def test_list_of_payments_shows_the_total_of_its_filters(client_of, admin, owing):
    today = timezone.localdate()
    paid(student=owing, amount="100.00", paid_on=today - 3 * DAY)
    upi = paid(student=owing, amount="20.00", mode="upi")
    voided = paid(student=owing, amount="3.00")
    cancel_receipt(payment=voided, reason="typed twice", by=admin)
    other = StudentFactory(admission_number="A-9", user__phone="")
    paid(student=enrolled(student=other).student, amount="0.50")
    client = client_of(admin)

    def shown(**filters):
        context = client.get(reverse("finance:payment-list"), filters).context
        return context["page"].total, context["total"]

    assert shown() == (4, Decimal("120.50"))
    assert shown(mode="upi") == (1, Decimal("20.00"))
    assert shown(status="cancelled") == (1, Decimal("3.00"))
    assert shown(status="valid", **{"from": today.isoformat(), "to": today.isoformat()}) == (
        2,
        Decimal("20.50"),
    )
    assert shown(to=(today - DAY).isoformat()) == (1, Decimal("100.00"))
    assert shown(q="asha") == (3, Decimal("120.00"))
    assert shown(q=upi.receipt_number) == (1, Decimal("20.00"))
    assert shown(q=f"{upi.number:05d}") == (1, Decimal("20.00"))
    assert shown(q="nobody") == (0, Decimal("0.00"))
    assert shown(mode="nonsense", **{"from": "2026-02-30"}) == (4, Decimal("120.50"))


WORDS = [
    "/", "CM/", "cm/", "M/26", "CM/26-27", "27/", "/26-27/", "/26-27", "6-27/0",
    "CM/26-27/00042", "cm/26-27/0004", "/00042", "27/00042", "CM/26-27/12345", "CM/26-27/1",
    "CM/26-27/123456", "CM/26-27/012345", "CM/26-27/1234567", "27/00042x", "X/26-27/00042",
    "CM/25", "RV/", "CM/26-27/", "CM/26-27/०", "//", "/CM", "CM/26-27/00042/",
    "CM/26-27/99999999999",
]  # fmt: skip


def test_part_of_a_receipt_number_finds_matching_receipts(owing):
    for year, count in (
        (2026, 42),
        (2026, 43),
        (2026, 12345),
        (2026, 123456),
        (2026, 1234567),
        (2025, 42),
    ):
        ReceiptSeries.objects.update_or_create(
            kind="receipt", year=year, defaults={"prefix": "CM", "last_number": count - 1}
        )
        paid(student=owing, amount="1.00", paid_on=datetime.date(year, 5, 2))
    numbers = set(Payment.objects.values_list("receipt_number", flat=True))

    for words in WORDS:
        found = Payment.objects.with_receipt_number(words).values_list("receipt_number", flat=True)
        assert set(found) == {number for number in numbers if words.upper() in number}, words


@pytest.mark.parametrize("name", ["payment-list", "student-payments", "student-fees", "statement"])
def test_lists_need_the_same_queries_for_many_rows(client_of, admin, owing, name, queries_of):
    client = client_of(admin)
    address = reverse(f"finance:{name}", args=[] if name == "payment-list" else [owing.pk])

    def queries_with(payments):
        for _ in range(payments):
            cancel_receipt(
                payment=paid(student=owing, amount="1.00", by=admin), reason="again", by=admin
            )
            paid(student=owing, amount="1.00", by=admin)
        client.get(address)  # what is remembered for a while is remembered now
        return queries_of(lambda: client.get(address))

    assert queries_with(1) == queries_with(5)


def test_student_sees_payments_and_cancelled_receipts(client_of, owing, admin):
    paid(student=owing, amount="100.00")
    cancel_receipt(payment=paid(student=owing, amount="7.00"), reason="typed twice", by=admin)

    response = client_of(owing).get(reverse("finance:student-payments", args=[owing.pk]))

    assert response.context["total_paid"] == Decimal("100.00")
    assert "typed twice" in response.content.decode()


def test_fee_status_shows_total_paid_balance_and_overdue(client_of, owing):
    paid(student=owing, amount="4500.50")

    response = client_of(owing).get(reverse("finance:student-fees", args=[owing.pk]))

    fees = response.context["fees"]
    assert (fees.total_fee, fees.total_paid, fees.balance, fees.overdue) == (
        Decimal("12000.00"), Decimal("4500.50"), Decimal("7499.50"), Decimal("7499.50"),
    )  # fmt: skip
    page = response.content.decode()
    assert "Overdue" in page
    assert "partly paid" in page


@pytest.mark.parametrize("name", ["student-payments", "student-fees"])
def test_payments_are_visible_to_the_student_and_the_fee_desk_only(
    client_of, owing, admin, instructor, name
):
    enrolled(batch=owing.enrollments.get().batch).batch.instructor = instructor
    address = reverse(f"finance:{name}", args=[owing.pk])

    assert client_of(admin).get(address).status_code == 200
    assert client_of(owing).get(address).status_code == 200
    assert client_of(instructor).get(address).status_code == 403
    assert client_of(StudentFactory()).get(address).status_code == 404


def test_a_cheque_needs_its_number_and_its_date(client_of, admin, owing):
    client = client_of(admin)

    missing = post(client, owing, mode="cheque")
    undated = post(client, owing, mode="cheque", reference="004215")
    week_ago = timezone.localdate() - 7 * DAY
    post(client, owing, mode="cheque", reference="004215", cheque_on=week_ago.isoformat())

    assert missing.context["form"].errors["reference"] == ["Enter the number of the cheque."]
    assert undated.context["form"].errors["cheque_on"] == ["Enter the date on the cheque."]
    assert Payment.objects.values_list("mode", "reference", "cheque_on").get() == (
        "cheque",
        "004215",
        week_ago,
    )


def test_one_cheque_number_may_come_from_two_students_and_not_twice_from_one(
    client_of, admin, owing
):
    client = client_of(admin)
    cheque = {
        "mode": "cheque",
        "reference": "004215",
        "cheque_on": timezone.localdate().isoformat(),
    }
    post(client, owing, **cheque)

    again = post(client, owing, amount="1,000", **cheque)
    post(client, enrolled(fee="9000.00").student, **cheque)

    assert "This reference is already on receipt" in again.context["form"].errors["reference"][0]
    assert Payment.objects.count() == 2


@pytest.mark.parametrize(
    ("cheque_on", "sentence"),
    [
        (
            "2026-08-23",
            "Banks pay a cheque for three months from its date, this one until 23 Nov 2026. "
            "Ask for a new one, or correct the date.",
        ),
        ("2026-08-24", None),
        ("2027-11-24", None),
        ("2027-11-25", "A cheque can be dated a year ahead, until 24 Nov 2027. Correct the date."),
    ],
)
def test_cheque_is_accepted_for_three_months_and_up_to_a_year_ahead(
    admin, owing, cheque_on, sentence
):
    cheque = {
        "mode": "cheque",
        "reference": "004215",
        "cheque_on": datetime.date.fromisoformat(cheque_on),
    }

    with time_machine.travel("2026-11-24 06:30", tick=False):
        received = ReceivedMoney(
            amount=Decimal("500.00"), paid_on=timezone.localdate(), token="t", **cheque
        )
        if sentence is None:
            payment = record_payment(student=owing, received=received, by=admin)
            assert payment.cheque_on == cheque["cheque_on"]
        else:
            with pytest.raises(ValidationError) as refusal:
                record_payment(student=owing, received=received, by=admin)
            assert refusal.value.message_dict == {"cheque_on": [sentence]}
            assert not Payment.objects.exists()


# The institute's limits ---


@pytest.fixture
def rich(student):
    """A student with dues of ₹5,00,000."""
    enrolled(student=student, fee="500000.00")
    return student


def test_cash_of_two_lakh_in_a_day_is_refused_naming_the_law(client_of, admin, rich):
    client = client_of(admin)
    post(client, rich, amount="1,00,000.00")

    refused = post(client, rich, amount="1,00,000", confirm_duplicate="on")
    taken = post(client, rich, amount="99,999.99")

    assert "Section 269ST of the Income-tax Act" in refused.context["form"].errors["amount"][0]
    assert taken.status_code == 302
    assert sum(payment.amount for payment in Payment.objects.all()) == Decimal("199999.99")


def test_cash_of_two_lakh_for_one_enrollment_is_refused_on_another_day_too(client_of, admin, rich):
    paid(student=rich, amount="150000.00", paid_on=timezone.localdate() - DAY)
    client = client_of(admin)

    refused = post(client, rich, amount="50,000")
    by_bank = post(client, rich, amount="50,000", mode="upi", reference="UTR1")

    assert "for this enrollment" in refused.context["form"].errors["amount"][0]
    assert by_bank.status_code == 302


def test_cash_before_the_enrollment_counts_for_it(client_of, admin, student):
    paid(student=student, amount="150000.00", paid_on=timezone.localdate() - DAY)
    assert Payment.objects.get().enrollment is None
    enrolled(student=student, fee="500000.00")

    refused = post(client_of(admin), student, amount="50,000")

    assert "for this enrollment" in refused.context["form"].errors["amount"][0]


def test_payment_can_be_back_dated_as_the_institute_allows(client_of, admin, owing):
    client = client_of(admin)
    today = timezone.localdate()

    refused = post(client, owing, paid_on=(today - 31 * DAY).isoformat())
    taken = post(client, owing, paid_on=(today - 30 * DAY).isoformat())

    assert "Payments can be dated back 30 days" in refused.context["form"].errors["paid_on"][0]
    assert taken.status_code == 302


def test_payment_cannot_be_back_dated_if_not_allowed(client_of, admin, owing):
    institute = Institute.objects.current()
    institute.back_dating_days = 0
    institute.save()
    client = client_of(admin)
    today = timezone.localdate()

    refused = post(client, owing, paid_on=(today - DAY).isoformat())

    sentence = f"Payments cannot be dated back. Choose {format_date(today)}."
    assert refused.context["form"].errors["paid_on"] == [sentence]
    assert post(client, owing).status_code == 302
