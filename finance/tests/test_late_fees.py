"""Late fees: calculated by rules, shown, confirmed; per day they grow until the maximum."""

import datetime
import io
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory, user_with
from coachmaster.core.exceptions import Conflict
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance import checks
from finance.ledger import fee_status
from finance.models import BulkAction, Charge, LateFeeRule, PreparedLateFees
from finance.services import bulk_actions, cancellations, charges, concessions
from finance.services.installments import change_installments
from finance.services.late_fees import calculate_late_fees, charge_late_fees, digest_of_fees
from finance.services.transfers import transfer

from .factories import enrolled, paid, post_late_fees

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
POST = "/late-fees/post/"


def today():
    return timezone.localdate()


def late_fees():
    return Charge.objects.filter(kind="late_fee").order_by("pk")


def amounts():
    return [str(fee.amount) for fee in late_fees().active()]


def rule(**changes):
    return LateFeeRule.objects.create(
        **{
            "name": "Late fee",
            "grace_days": 7,
            "kind": "fixed",
            "amount": Decimal("100.00"),
            **changes,
        }
    )


def rule_typed(**changes):
    return {
        "name": "Late fee",
        "grace_days": "7",
        "kind": "fixed",
        "amount": "100",
        "is_active": "on",
        **changes,
    }


def test_rules_are_added_listed_and_edited(client_of, admin):
    client = client_of(admin)
    client.post(reverse("finance:late-fee-rule-create"), rule_typed())
    client.post(
        reverse("finance:late-fee-rule-create"),
        rule_typed(name="Slow", kind="percent", percent="2.5", amount="9", cap="500"),
    )
    first = LateFeeRule.objects.get(name="Late fee")
    client.post(
        reverse("finance:late-fee-rule-update", args=[first.pk]),
        rule_typed(kind="per_day", amount="20", is_active=""),
    )

    page = client.get(reverse("finance:late-fee-rules")).content.decode()
    for words in ("₹20.00 per day", "Inactive", "2.5 % of the unpaid amount", "₹500.00"):
        assert words in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": ""}, "amount"),
        ({"kind": "percent"}, "percent"),
        ({"kind": "percent", "percent": "101"}, "percent"),
        ({"grace_days": "-1"}, "grace_days"),
        ({"grace_days": "366"}, "grace_days"),
        ({"cap": "0"}, "cap"),
        ({"kind": "weekly"}, "kind"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_rule_without_amount_or_percentage_is_refused(client_of, admin, changes, field):
    response = client_of(admin).post(reverse("finance:late-fee-rule-create"), rule_typed(**changes))

    assert response.context["form"].errors[field]
    assert not LateFeeRule.objects.exists()


# Fees per day -------------------------------------------------------------------------------------


@pytest.fixture
def june():
    """`june(12)`: it is noon of 12 June. Fees were due on the first; 8 days later they are late."""
    with time_machine.travel(datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC)) as clock:
        yield lambda day: clock.move_to(
            datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC) + (day - 1) * DAY
        )


@pytest.fixture
def late(june):
    """A student with ₹4,000 due on 1 June, and a rule of ₹20 a day after 7 days, at most ₹200."""
    batch = BatchFactory(starts_on=datetime.date(2026, 6, 1), course__total_fee=Decimal("4000"))
    student = StudentFactory(user__full_name="Asha Verma")
    enrollment = enrolled(student=student, batch=batch, due_on=datetime.date(2026, 6, 1))
    rule(kind="per_day", amount=Decimal("20.00"), cap=Decimal("200.00"))
    yield enrollment
    assert list(checks.find_problems()) == []


def balance(enrollment):
    return fee_status(enrollment.student, today()).balance


def test_fee_per_day_grows_by_the_difference_until_its_maximum(late, june):
    june(8)
    assert post_late_fees() == []
    june(9)
    assert [str(fee.amount) for fee in post_late_fees()] == ["20.00"]
    june(12)
    assert [str(fee.amount) for fee in post_late_fees()] == ["60.00"]
    assert post_late_fees() == []
    june(30)
    assert [str(fee.amount) for fee in post_late_fees()] == ["120.00"]
    june(35)
    assert post_late_fees() == []

    assert [fee.due_on.day for fee in late_fees()] == [9, 12, 30]
    assert balance(late) == Decimal("4200.00")


def test_waived_part_is_not_charged_again_while_later_days_are(late, june, admin):
    june(12)
    (fee,) = post_late_fees()
    concessions.request_concession(
        student=late.student, charges=[fee], kind="late_fee", reason="Ill", by=admin, amount=50
    )

    assert post_late_fees() == []
    june(15)
    post_late_fees()

    assert amounts() == ["80.00", "60.00"]
    assert balance(late) == Decimal("4090.00")


def test_fee_that_is_waived_at_its_maximum_is_never_charged_again(late, june, admin):
    june(25)
    (fee,) = post_late_fees()
    concessions.request_concession(
        student=late.student, charges=[fee], kind="late_fee", reason="Ill", by=admin, amount=200
    )

    june(60)
    assert post_late_fees() == []
    assert balance(late) == Decimal("4000.00")


def test_cancelled_fee_is_not_charged_again_while_later_days_are(late, june, admin):
    june(12)
    (fee,) = post_late_fees()
    charges.cancel_charge(charge=fee, reason="Bank holiday", by=admin)

    assert post_late_fees() == []
    june(15)
    post_late_fees()

    assert amounts() == ["60.00"]


def test_fee_per_day_grows_until_the_installment_is_paid_in_full(late, june, admin):
    june(12)
    paid(student=late.student, amount="3999.00")
    assert [str(fee.amount) for fee in post_late_fees()] == ["80.00"]
    june(14)
    paid(student=late.student, amount="1.00")
    june(20)

    assert post_late_fees() == []
    assert balance(late) == Decimal("80.00")


def test_cancelled_payment_makes_the_installment_late_from_its_due_date(late, june, admin):
    june(2)
    payment = paid(student=late.student, amount="4000.00")
    june(12)
    assert post_late_fees() == []
    cancellations.cancel_receipt(payment=payment, reason="Wrong student", by=admin)

    assert [str(fee.amount) for fee in post_late_fees()] == ["80.00"]


def test_moved_due_date_counts_anew(late, june, admin):
    june(12)
    post_late_fees()
    rows = [(datetime.date(2026, 7, 1), Decimal("4000.00"))]
    change_installments(enrollment=late, rows=rows, reason="Salary", by=admin)

    june(38)  # 8 July
    assert post_late_fees() == []
    june(40)
    assert [str(fee.amount) for fee in post_late_fees()] == ["40.00"]
    assert amounts() == ["80.00", "40.00"]


def test_installment_posted_anew_for_the_same_day_continues_its_fee(late, june, admin):
    june(12)
    post_late_fees()
    rows = [
        (datetime.date(2026, 6, 1), Decimal("3000.00")),
        (datetime.date(2026, 7, 1), Decimal("1000.00")),
    ]
    change_installments(enrollment=late, rows=rows, reason="Two parts", by=admin)

    assert post_late_fees() == []
    june(13)
    assert [str(fee.amount) for fee in post_late_fees()] == ["20.00"]


@pytest.mark.parametrize("kind", ["per_day", "fixed"])
def test_transfer_to_a_cheaper_course_does_not_charge_the_same_days_again(late, june, admin, kind):
    LateFeeRule.objects.update(kind=kind)
    june(12)
    assert len(post_late_fees()) == 1
    cheaper = BatchFactory(
        starts_on=datetime.date(2026, 6, 1), course__total_fee=Decimal("3000.00")
    )
    enrollment = transfer(enrollment=late, batch=cheaper, on=today(), reason="Cheaper", by=admin)

    assert enrollment.charges.get().due_on == datetime.date(2026, 6, 1)
    assert post_late_fees() == []
    june(13)
    more = ["20.00"] if kind == "per_day" else []
    assert [str(fee.amount) for fee in post_late_fees()] == more


def test_lower_rate_charges_nothing_until_it_exceeds_what_was_charged(late, june):
    june(12)
    post_late_fees()
    LateFeeRule.objects.update(amount=Decimal("10.00"))
    june(16)
    assert post_late_fees() == []
    june(17)
    assert [str(fee.amount) for fee in post_late_fees()] == ["10.00"]


def test_two_rules_charge_separately(late, june):
    rule(name="Flat", amount=Decimal("100.00"))
    june(12)
    assert sorted(str(fee.amount) for fee in post_late_fees()) == ["100.00", "80.00"]
    june(13)
    assert [str(fee.amount) for fee in post_late_fees()] == ["20.00"]


def test_percent_is_charged_once_of_what_was_unpaid(late, june):
    LateFeeRule.objects.all().delete()
    rule(kind="percent", amount=None, percent=Decimal("2.50"))
    june(12)
    paid(student=late.student, amount="1000.00")
    assert [str(fee.amount) for fee in post_late_fees()] == ["75.00"]
    june(13)
    assert post_late_fees() == []


def test_database_refuses_two_fees_of_a_rule_on_a_day(late, june):
    june(12)
    (fee,) = post_late_fees()
    fee.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        fee.save(force_insert=True)


# One line -----------------------------------------------------------------------------------------


@pytest.fixture
def grown(late, june, admin):
    """Three late fees of one installment: ₹20, ₹60 and ₹60."""
    for day in (9, 12, 15):
        june(day)
        post_late_fees(by=admin)
    return late


def test_fees_page_shows_one_line_with_its_parts(grown, client_of, admin):
    url = reverse("finance:student-fees", args=[grown.student.pk])
    page = client_of(admin).get(url).content.decode()

    assert page.count("Late fee on tuition") == 5  # with the labels of Waive and of each Cancel
    assert "₹140.00" in page and "3 charges" in page
    for day in ("9 Jun 2026", "12 Jun 2026", "15 Jun 2026"):
        assert day in page
    file = client_of(admin).get(f"{url}?as=csv").getvalue().decode()
    (line,) = [line for line in file.splitlines() if "Late fee" in line]
    assert "140.00" in line


def test_statement_and_dues_show_one_line(grown, client_of, admin):
    url = reverse("finance:statement", args=[grown.student.pk])
    page = client_of(admin).get(url)

    lines = page.context["statement"]["lines"]
    dues = page.context["statement"]["dues"]
    assert [line["charged"] for line in lines] == ["₹4,000.00", "₹140.00"]
    assert lines[-1]["balance"] == "₹4,140.00"
    assert [due["amount"] for due in dues] == ["₹4,000.00", "₹140.00"]
    assert page.context["statement"]["owed"] == (
        "₹4,080 overdue since 1 Jun 2026 · ₹60 due on 15 Jun 2026"
    )


def test_statement_keeps_the_balance_of_each_day(late, june, client_of, admin):
    june(9)
    post_late_fees()
    june(10)
    paid(student=late.student, amount="4020.00")
    june(12)
    assert post_late_fees() == []
    url = reverse("finance:statement", args=[late.student.pk])

    lines = client_of(admin).get(url).context["statement"]["lines"]

    assert [line["balance"] for line in lines] == ["₹4,000.00", "₹4,020.00", "₹0.00"]


def test_payment_between_two_fees_keeps_them_apart_on_the_statement(late, june, client_of, admin):
    june(9)
    post_late_fees()
    june(10)
    paid(student=late.student, amount="100.00")
    june(12)
    post_late_fees()

    url = reverse("finance:statement", args=[late.student.pk])
    lines = client_of(admin).get(url).context["statement"]["lines"]

    balances = ["₹4,000.00", "₹4,020.00", "₹3,920.00", "₹3,980.00"]
    assert [line["balance"] for line in lines] == balances


def test_receipt_shows_the_late_fees_of_an_installment_as_one_line(grown, admin):
    payment = paid(student=grown.student, amount="4100.00", by=admin)

    assert [str(amount) for _, amount in payment.settled_lines] == ["4000.00", "100.00"]


def test_payment_form_shows_one_line_with_the_places_of_its_parts(grown, client_of, admin):
    page = client_of(admin).get(f"/payments/add/?student={grown.student.pk}").content.decode()

    assert 'data-open="0:4000.00"' in page
    assert 'data-open="1:20.00 2:60.00 3:60.00"' in page


def test_waiving_the_line_waives_all_of_its_parts(grown, client_of, admin):
    fee = late_fees().first()
    url = reverse("finance:late-fee-waive", args=[fee.pk])
    client = client_of(admin)

    assert "Waive late fee of ₹140.00" in client.get(url).content.decode()
    client.post(url, {"reason": "Hospital", "token": "t"})

    assert balance(grown) == Decimal("4000.00")
    again = client.post(url, {"reason": "Hospital", "token": "u"}, follow=True)
    assert "already paid or waived" in again.content.decode()


def test_waiving_the_line_waives_only_what_is_unpaid(grown, client_of, admin, june):
    paid(student=grown.student, amount="4030.00", by=admin)
    url = reverse("finance:late-fee-waive", args=[late_fees().last().pk])

    client_of(admin).post(url, {"reason": "Hospital", "token": "t"})

    assert balance(grown) == 0
    june(40)
    assert post_late_fees() == []


# Undo ---------------------------------------------------------------------------------------------


def undo(admin, action=None):
    action = action or BulkAction.objects.latest("pk")
    return bulk_actions.undo_bulk_action(action=action, by=admin, reason="Wrong rule")


def test_undone_late_fees_can_be_charged_again_on_the_same_day(late, june, admin):
    june(12)
    post_late_fees()
    undo(admin)
    assert balance(late) == Decimal("4000.00")
    LateFeeRule.objects.update(amount=Decimal("5.00"))

    assert [str(fee.amount) for fee in post_late_fees()] == ["20.00"]
    assert balance(late) == Decimal("4020.00")


def test_waived_part_of_an_undone_fee_is_not_charged_again(late, june, admin):
    june(12)
    (fee,) = post_late_fees()
    concessions.request_concession(
        student=late.student, charges=[fee], kind="late_fee", reason="Ill", by=admin, amount=50
    )
    undo(admin)

    assert [str(fee.amount) for fee in post_late_fees()] == ["30.00"]
    assert balance(late) == Decimal("4030.00")


def test_fee_that_was_cancelled_before_an_undo_stays_cancelled(late, june, admin):
    other = enrolled(batch=late.batch, due_on=datetime.date(2026, 6, 1))
    june(12)
    post_late_fees()
    fee = late_fees().get(student=late.student)
    charges.cancel_charge(charge=fee, reason="Bank holiday", by=admin)
    undo(admin)

    assert [fee.student for fee in post_late_fees()] == [other.student]


def test_undo_is_refused_with_names_while_later_fees_depend_on_it(late, june, admin):
    june(12)
    post_late_fees()
    first = BulkAction.objects.get()
    june(13)
    post_late_fees()

    with pytest.raises(ValidationError, match="charged to Asha Verma"):
        undo(admin, first)
    assert amounts() == ["80.00", "20.00"]

    undo(admin)
    undo(admin, first)
    assert amounts() == [] and [str(fee.amount) for fee in post_late_fees()] == ["100.00"]


def test_fixed_fee_is_charged_again_after_an_undo_only(admin):
    enrollment = enrolled(fee="4000.00", due_on=today() - 8 * DAY)
    rule()
    (fee,) = post_late_fees()
    undo(admin)
    (fee,) = post_late_fees()
    charges.cancel_charge(charge=fee, reason="Bank holiday", by=admin)
    assert post_late_fees() == []

    rows = [(today() - 8 * DAY, Decimal("1000.00")), (today() + DAY, Decimal("3000.00"))]
    change_installments(enrollment=enrollment, rows=rows, reason="Two parts", by=admin)
    assert post_late_fees() == []


# The page -----------------------------------------------------------------------------------------


@pytest.fixture
def two_late(db):
    """Two students of ₹4,000, eight days late, and a rule of ₹100."""
    students = [
        enrolled(fee="4000.00", due_on=today() - 8 * DAY, student=StudentFactory(user__full_name=n))
        for n in ("Asha Verma", "Ravi Kumar")
    ]
    rule()
    return [enrollment.student for enrollment in students]


def confirm(client, page):
    form = page.context["form"]
    return client.post(POST, {"token": form["token"].value(), "digest": form["digest"].value()})


def messages_of(client, response):
    return [str(message) for message in client.get(response.url).context["messages"]]


def test_page_shows_who_and_how_much_and_charges_nobody(client_of, admin, two_late):
    page = client_of(admin).get(POST).content.decode()

    for words in ("Asha Verma", "Ravi Kumar", "8 days late", "₹100.00", "₹200.00"):
        assert words in page
    assert "Charge 2 students ₹200<" in page
    assert not late_fees().exists()


def test_confirmed_page_charges_what_it_shows(client_of, admin, two_late):
    client = client_of(admin)

    response = confirm(client, client.get(POST))

    action = BulkAction.objects.get()
    assert response.url == action.get_absolute_url()
    assert (action.row_count, action.amount, action.by) == (2, Decimal("200.00"), admin)
    (said,) = messages_of(client, response)
    assert said.endswith("for 2 students: ₹200.00 charged.")
    assert amounts() == ["100.00", "100.00"]
    assert {fee.posted_by for fee in late_fees()} == {admin}
    assert list(checks.find_problems()) == []


def test_form_sent_twice_charges_once(client_of, admin, two_late):
    client = client_of(admin)
    page = client.get(POST)

    first, second = confirm(client, page), confirm(client, page)

    assert first.url == second.url and amounts() == ["100.00", "100.00"]


def test_second_desk_is_told_that_the_list_has_changed(client_of, admin, two_late):
    client = client_of(admin)
    page, other = client.get(POST), client.get(POST)
    confirm(client, page)

    answer = confirm(client, other)

    assert "nothing was charged" in answer.content.decode()
    assert "already charged or within the grace period" in answer.content.decode()
    assert late_fees().count() == 2


def test_payment_after_the_page_was_opened_shows_the_new_list(client_of, admin, two_late):
    client = client_of(admin)
    page = client.get(POST)
    paid(student=two_late[0], amount="4000.00", by=admin)

    answer = confirm(client, page)

    content = answer.content.decode()
    assert "nothing was charged" in content and not late_fees().exists()
    assert "Asha Verma" not in content and "Charge 1 student ₹100<" in content
    confirm(client, answer)
    assert [fee.student for fee in late_fees()] == [two_late[1]]


def test_changed_rule_shows_the_new_list(client_of, admin, two_late):
    client = client_of(admin)
    page = client.get(POST)
    LateFeeRule.objects.update(amount=Decimal("2000.00"))

    answer = confirm(client, page)

    assert not late_fees().exists()
    assert "Charge 2 students ₹4,000<" in answer.content.decode()


@pytest.mark.parametrize("sent", [{}, {"token": "t"}, {"digest": "d"}, {"token": "t" * 65}])
def test_form_without_its_list_charges_nobody(client_of, admin, two_late, sent):
    client_of(admin).post(POST, sent)

    assert not late_fees().exists()


def test_empty_list_is_not_charged(client_of, admin):
    client = client_of(admin)

    answer = confirm(client, client.get(POST))

    assert "There are no late fees to charge." in answer.content.decode()
    assert "No late fee rule is active." in answer.content.decode()
    with pytest.raises(Conflict):
        charge_late_fees(on=today(), by=admin, token="t", digest=digest_of_fees([]))


def test_result_is_shown_to_those_who_may_not_see_bulk_actions(client_of, two_late):
    client = client_of(user_with(SEE_WHOLE_INSTITUTE, "finance.add_charge"))

    response = confirm(client, client.get(POST))

    assert client.get(response.url, follow=True).status_code == 200
    assert late_fees().count() == 2


def test_page_takes_as_many_queries_for_many_students(client_of, admin, queries_of):
    client = client_of(admin)
    rule()

    def add(count):
        for _ in range(count):
            enrolled(fee="4000.00", due_on=today() - 8 * DAY)

    add(2)
    client.get(POST)
    few = queries_of(lambda: client.get(POST))
    add(20)
    assert queries_of(lambda: client.get(POST)) == few


# Prepared by a schedule ---------------------------------------------------------------------------


def prepare(*arguments):
    out = io.StringIO()
    call_command("prepare_late_fees", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_command_tells_the_desk_and_charges_nobody(client_of, admin, two_late):
    said = prepare("--verbosity", "2")

    assert "2 late fees of ₹200.00 for 2 students can be charged" in said
    assert "Asha Verma" in said and not late_fees().exists()
    client = client_of(admin)
    for address in ("/dues/", "/dashboard/admin/"):
        page = " ".join(client.get(address).content.decode().split())
        assert "Late fees of ₹200 for 2 students are ready to be charged" in page
        assert POST in page


def test_note_ends_when_the_late_fees_are_charged(client_of, admin, two_late):
    client = client_of(admin)
    prepare()
    prepare()
    assert PreparedLateFees.objects.count() == 1

    confirm(client, client.get(POST))

    assert not PreparedLateFees.objects.exists()
    assert "ready to be charged" not in client.get("/dues/").content.decode()
    assert "0 late fees of ₹0.00" in prepare()


def test_note_is_for_those_who_may_charge(client_of, two_late):
    prepare()
    client = client_of(user_with(SEE_WHOLE_INSTITUTE, "finance.view_account"))

    assert "ready to be charged" not in client.get("/dues/").content.decode()


def test_calculation_charges_nothing(two_late):
    fees = calculate_late_fees(today())

    assert [fee.amount for fee in fees] == [100, 100] and not late_fees().exists()
