import csv
import datetime
import html
import io
import re
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.models import Account
from finance.reports import summaries
from finance.reports.age_groups import AGE_GROUP_BY_KEY, AGE_GROUPS
from finance.reports.current_dues import CurrentDues
from finance.reports.past_dues import PastDues
from finance.services import concessions, refunds
from finance.services.cancellations import cancel_receipt
from finance.services.enrollments import drop

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DUES = reverse("finance:dues")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def institute_with_dues():
    """₹700 overdue, ₹500 upcoming, ₹900 with ₹300 overdue, one in advance, one paid."""
    today = timezone.localdate()
    overdue = enrolled(
        fee="1000.00",
        batch=BatchFactory(name="A", course__name="JEE", course__total_fee=Decimal("1000")),
    )
    paid(student=overdue.student, amount="300.00")
    upcoming = enrolled(fee="500.00", due_on=today + 9 * DAY)
    both = enrolled(fee="400.00", due_on=today - DAY)
    paid(student=both.student, amount="100.00")
    ledger_charge = both.charges.get()
    type(ledger_charge).objects.create(
        student=both.student,
        enrollment=both,
        amount=Decimal("600.00"),
        posted_on=today,
        due_on=today,
    )
    refresh_accounts([both.student_id])
    ahead = enrolled(fee="10.00")
    paid(student=ahead.student, amount="25.00")
    settled = enrolled(fee="10.00")
    paid(student=settled.student, amount="10.00")
    return overdue.student, upcoming.student, both.student


def listed(client, **filters):
    context = client.get(DUES, filters).context
    return (
        [debtor.account.student for debtor in context["debtors"]],
        context["totals"].amount,
        context["totals"].overdue,
    )


def test_oldest_dues_come_first_and_add_up_to_the_total(client_of, admin, institute_with_dues):
    overdue, upcoming, both = institute_with_dues
    client = client_of(admin)

    assert listed(client) == ([overdue, both, upcoming], Decimal("2100.00"), Decimal("1000.00"))
    assert listed(client, age="overdue") == (
        [overdue, both],
        Decimal("1600.00"),
        Decimal("1000.00"),
    )
    assert listed(client, sort="-due")[0] == [upcoming, both, overdue]
    assert listed(client, sort="-owed")[0] == [both, overdue, upcoming]


def test_list_can_be_filtered_by_course_batch_and_name(client_of, admin, institute_with_dues):
    overdue, upcoming, both = institute_with_dues
    batch = overdue.enrollments.get().batch
    client = client_of(admin)

    assert listed(client, batch=batch.pk) == ([overdue], Decimal("700.00"), Decimal("700.00"))
    assert listed(client, course=batch.course_id)[0] == [overdue]
    assert listed(client, q=upcoming.admission_number)[0] == [upcoming]
    assert listed(
        client,
        batch="99999",
        course="x",
        age="?",
        as_of="9999-12-31",
        at_least="x",
        due_before="soon",
    )[0] == [overdue, both, upcoming]


def test_invalid_filter_shows_an_error_at_its_field(client_of, admin):
    tomorrow = timezone.localdate() + DAY

    page = (
        client_of(admin)
        .get(reverse("finance:dues"), {"as_of": tomorrow.isoformat()})
        .content.decode()
    )

    assert 'id="id_as_of_error">Choose today or an earlier day.</p>' in page


def test_each_row_shows_the_oldest_unpaid_charge(institute_with_dues):
    today = timezone.localdate()
    dues = CurrentDues(today)

    overdue, both, upcoming = dues.debtors(dues.find().ids())

    assert (both.oldest_unpaid.due_on, both.oldest_unpaid.amount) == (
        today - DAY,
        Decimal("300.00"),
    )
    assert (overdue.overdue, both.overdue, upcoming.overdue) == (
        Decimal("700.00"),
        Decimal("300.00"),
        Decimal("0.00"),
    )


def test_cached_dues_equal_those_of_each_student_page(institute_with_dues):
    today = timezone.localdate()

    for account in Account.objects.select_related("student"):
        fees = fee_status(account.student, today)
        assert account.balance == fees.balance
        assert account.first_due_on == (fees.next_due.charge.due_on if fees.next_due else None)
        kept = {charge.pk: charge.open_now for charge in account.student.charges.all()}
        assert kept == {line.charge.pk: line.unpaid or None for line in fees.lines}


def test_ages_add_up_to_the_dues(client_of, admin, institute_with_dues):
    today = timezone.localdate()
    for days in (10, 40, 70, 100):
        enrolled(fee="11.11", due_on=today - days * DAY, enrolled_on=today - 120 * DAY)
    client = client_of(admin)

    for filters in (
        {},
        {"age": "overdue"},
        {"at_least": "600"},
        {"as_of": today - DAY},
        {"as_of": today - 35 * DAY},
    ):
        context = client.get(DUES, filters).context
        owed = context["totals"]
        for age, amount in owed.by_age:
            assert amount == sum(
                (debtor.amount_in(age) for debtor in context["debtors"]), Decimal(0)
            )
        assert owed.amount == sum(debtor.account.dues for debtor in context["debtors"])
        assert owed.students == len(context["debtors"]) > 0
        assert owed.overdue == sum(debtor.overdue for debtor in context["debtors"])
        assert owed.overdue_students == sum(debtor.overdue > 0 for debtor in context["debtors"])
    page = client.get(DUES)
    totals = page.context["totals"]
    assert totals.ages == [
        Decimal(amount) for amount in ("500.00", "600.00", "311.11", "11.11", "11.11", "711.11")
    ]
    assert totals.amount == summaries.dues_summary(today).amount
    assert totals.overdue == summaries.dues_summary(today).overdue
    for label, age, css_class, amount in (
        ("Due today", "today", "", "₹600.00"),
        ("Overdue 1–30 days", "1-30", "bad", "₹311.11"),
        ("Overdue over 90 days", "over-90", "bad", "₹711.11"),
    ):
        link = f'<a href="?age={age}" class="{css_class}">{amount}</a>'
        assertContains(page, f"<dt>{label}</dt><dd>{link}</dd>", html=True)


def test_total_of_an_age_leads_to_the_students_who_owe_it(client_of, admin):
    today = timezone.localdate()
    batch = BatchFactory(course__total_fee=Decimal("900.00"))
    parts = [(today - 40 * DAY, Decimal("400.00")), (today - DAY, Decimal("500.00"))]
    both = enrolled(batch=batch, enrolled_on=today - 50 * DAY, installments=parts).student
    later = enrolled(batch=batch, due_on=today + DAY).student
    client = client_of(admin)

    for as_of in ({}, {"as_of": today - DAY, "q": "student"}):
        page = client.get(DUES, as_of)
        for age, amount in page.context["totals"].by_age:
            link = re.search(f'href="([?][^"]*age={age.key}(?!-)[^"]*)"', page.content.decode())
            assert bool(link) == bool(amount)
            if link:
                found = client.get(DUES + html.unescape(link[1])).context
                assert [total for other, total in found["totals"].by_age if other == age] == [
                    amount
                ]
                expected = [later] if age.key == "later" else [both]
                assert [debtor.account.student for debtor in found["debtors"]] == expected


def test_filtered_list_keeps_the_sort_order(client_of, admin):
    today = timezone.localdate()
    batch = BatchFactory(course__total_fee=Decimal("900.00"))
    for name, days, fee in (("Bela", 3, "30.00"), ("Asha", 9, "20.00"), ("Charu", -5, "40.00")):
        student = StudentFactory(user__full_name=name, user__phone="")
        enrolled(
            student=student,
            batch=batch,
            agreed_fee=Decimal(fee),
            fee_reason="x",
            due_on=today - days * DAY,
        )
    client = client_of(admin)

    for filters in (
        {},
        {"at_least": "1"},
        {"course": batch.course_id},
        {"q": "a", "course": batch.course_id},
    ):
        for sort, names in {
            "name": "Asha Bela Charu",
            "-name": "Charu Bela Asha",
            "owed": "Asha Bela Charu",
            "due": "Asha Bela Charu",
            "-due": "Charu Bela Asha",
        }.items():
            context = client.get(DUES, {**filters, "sort": sort}).context
            shown = [debtor.account.student.user.full_name for debtor in context["debtors"]]
            assert " ".join(shown) == names, (filters, sort)
            owed = context["totals"]
            assert (owed.amount, owed.students, owed.overdue_students) == (Decimal("90.00"), 3, 2)
            assert owed.ages == [
                Decimal(amount) for amount in ("40.00", "0", "50.00", "0", "0", "0")
            ]


def test_list_needs_the_same_queries_for_many_rows(client_of, admin, queries_of):
    client = client_of(admin)
    asked = [{}, {"age": "overdue"}, {"as_of": timezone.localdate() - DAY}]

    def queries_with(students):
        for _ in range(students):
            enrolled(enrolled_on=timezone.localdate() - DAY)
        client.get(DUES)  # what is remembered for a while is remembered now
        return [queries_of(lambda filters=filters: client.get(DUES, filters)) for filters in asked]

    assert queries_with(1) == queries_with(6)


def test_dues_are_for_the_fee_desk_only(client_of, student, instructor):
    for person in (student, instructor):
        assert client_of(person).get(DUES).status_code == 403


# The filters ---


@pytest.mark.parametrize(
    ("age", "days"),
    [
        ("later", -1),
        ("today", 0),
        ("1-30", 1),
        ("1-30", 30),
        ("31-60", 31),
        ("61-90", 90),
        ("over-90", 91),
    ],
)
def test_age_lists_the_students_with_dues_of_that_age(client_of, admin, age, days):
    today = timezone.localdate()
    student = enrolled(
        fee="500.00", enrolled_on=today - 100 * DAY, due_on=today - days * DAY
    ).student
    client = client_of(admin)

    for asked in ("later", "today", "1-30", "31-60", "61-90", "over-90"):
        assert listed(client, age=asked)[0] == ([student] if asked == age else [])
    assert listed(client, age="overdue")[0] == ([student] if days > 0 else [])


def test_paid_charge_has_no_age(client_of, admin):
    today = timezone.localdate()
    enrollment = enrolled(
        batch=BatchFactory(course__total_fee=Decimal("900.00")),
        installments=[(today - 40 * DAY, Decimal("400.00")), (today - DAY, Decimal("500.00"))],
    )
    client = client_of(admin)
    assert listed(client, age="31-60")[0] == [enrollment.student]

    paid(student=enrollment.student, amount="400.00")

    assert listed(client, age="31-60")[0] == []
    assert listed(client, age="1-30")[0] == [enrollment.student]


def test_list_can_be_filtered_by_instructor_due_date_and_amount(
    client_of, admin, institute_with_dues
):
    overdue, upcoming, both = institute_with_dues
    today = timezone.localdate()
    teacher = overdue.enrollments.get().batch.instructor
    client = client_of(admin)

    assert listed(client, instructor=teacher.pk)[0] == [overdue]
    assert listed(client, due_before=today)[0] == [overdue, both]
    assert listed(client, due_before=today + 10 * DAY)[0] == [overdue, both, upcoming]
    assert listed(client, at_least="700")[0] == [overdue, both]
    assert listed(client, at_least="700.01")[0] == [both]


# A day in the past ---


def test_past_day_ignores_later_entries(client_of, admin):
    monday = datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC)
    with time_machine.travel(monday, tick=False):
        on = timezone.localdate()
        late = enrolled(fee="1000.00", due_on=on - 5 * DAY, enrolled_on=on).student
        dropped = enrolled(fee="300.00", due_on=on + 5 * DAY, enrolled_on=on)
        first = paid(student=late, amount="100.00")
    with time_machine.travel(monday + 2 * DAY, tick=False):
        paid(student=late, amount="900.00")
        cancel_receipt(payment=first, reason="not his", by=admin)
        drop(
            enrollment=dropped,
            ended_on=timezone.localdate(),
            reason="other",
            note="left",
            by=admin,
            fee_to_keep=Decimal("0.00"),
        )
        new = enrolled(fee="50.00", due_on=on, enrolled_on=on + 2 * DAY).student
    client = client_of(admin)

    def on_day(days):
        return listed(client, as_of=on + days * DAY)

    assert on_day(-1)[0] == []
    assert on_day(0) == ([late, dropped.student], Decimal("1200.00"), Decimal("900.00"))
    assert on_day(1) == on_day(0)
    assert on_day(2) == ([late, new], Decimal("150.00"), Decimal("150.00"))
    assert on_day(2) == listed(client, age="")  # and nothing has changed since
    assert listed(client, as_of=on, age="1-30")[0] == [late]
    assert listed(client, as_of=on, age="later")[0] == [dropped.student]


def test_dues_calculated_for_today_equal_the_cached_dues(institute_with_dues):
    kept, reckoned = CurrentDues(timezone.localdate()), PastDues(timezone.localdate())
    asked = [{}, {"due_before": timezone.localdate()}, {"at_least": Decimal("600.00")}]
    asked += [{"age": age} for age in AGE_GROUP_BY_KEY.values()]

    for of in asked:
        ids = list(kept.find(**of).ids())
        assert kept.find(**of).totals == reckoned.find(**of).totals
        assert ids == reckoned.find(**of).ids()
        now, then = (dues.debtors(ids) for dues in (kept, reckoned))
        assert [debtor.account.dues for debtor in now] == [debtor.account.dues for debtor in then]


def test_past_day_counts_each_entry_from_its_date(admin):
    start = datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC)
    with time_machine.travel(start, tick=False) as clock:
        first = timezone.localdate()
        student = enrolled(fee="1000.00", due_on=first + 3 * DAY, enrolled_on=first).student
        other = enrolled(fee="70.00", due_on=first, enrolled_on=first).student

        def next_day():
            clock.shift(DAY)

        next_day()
        given = paid(student=student, amount="400.00", by=admin)
        next_day()
        (conceded,) = concessions.request_concession(
            student=student,
            charges=student.charges.all(),
            kind="merit",
            reason="x",
            by=admin,
            amount=Decimal("150.00"),
        )
        next_day()
        wrong = paid(student=student, amount="600.00", by=admin)
        next_day()
        cancel_receipt(payment=wrong, reason="not his", by=admin)
        next_day()
        today = timezone.localdate()
        refunds.refund_payment(
            payment=given,
            amount=Decimal("100.00"),
            refunded_on=today,
            mode="cash",
            reason="x",
            token="t",
            by=admin,
        )
        next_day()
        concessions.cancel_concession(token=conceded.token, reason="x", by=admin)

        owed = []
        for days in range(7):
            dues = PastDues(first + days * DAY)
            keys = dues.find().ids()
            owed.append(
                {debtor.account.pk: debtor.account.dues for debtor in dues.debtors(keys)}.get(
                    student.pk
                )
            )
            for person in (student, other):
                balance = fee_status(person, dues.on).balance
                assert (person.pk in keys) == (balance > 0)
        assert owed == [
            None if amount is None else Decimal(amount)
            for amount in [
                "1000.00",
                "600.00",
                "450.00",
                None,
                "450.00",
                "550.00",
                "700.00",
            ]
        ]


def test_past_day_is_sorted_by_age_balance_or_name(client_of, admin, institute_with_dues):
    overdue, upcoming, both = institute_with_dues

    with time_machine.travel(timezone.now() + DAY, tick=False):
        client = client_of(admin)
        on = {"as_of": timezone.localdate() - DAY}
        assert listed(client, **on)[0] == [overdue, both, upcoming]
        assert listed(client, sort="-due", **on)[0] == [upcoming, both, overdue]
        assert listed(client, sort="-owed", **on)[0] == [both, overdue, upcoming]
        assert listed(client, sort="owed", **on)[0] == [upcoming, overdue, both]
        by_name = sorted([overdue, both, upcoming], key=str)
        assert listed(client, sort="name", **on)[0] == by_name
        assert listed(client, sort="-name", **on)[0] == by_name[::-1]


# The list as a file ---


def test_filtered_list_is_exported_as_csv(client_of, admin, institute_with_dues):
    overdue, _, both = institute_with_dues
    overdue.guardian_phone = "9876500000"
    overdue.guardian_name = "=HYPERLINK()"
    overdue.save()

    answer = client_of(admin).get(DUES, {"age": "overdue", "as": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert (
        answer["Content-Disposition"] == f'attachment; filename="dues-{timezone.localdate()}.csv"'
    )
    assert [row["Admission number"] for row in rows] == [
        overdue.admission_number,
        both.admission_number,
    ]
    assert [(row["Dues"], row["Overdue"], row["Due today"]) for row in rows] == [
        ("700.00", "700.00", "0.00"),
        ("900.00", "300.00", "600.00"),
    ]
    assert (rows[0]["Guardian"], rows[0]["Phone"]) == ("'=HYPERLINK()", "9876500000")
    for row in rows:
        assert sum(Decimal(row[age.label]) for age in AGE_GROUPS) == Decimal(row["Dues"])


def test_list_is_exported_for_a_spreadsheet(client_of, admin, institute_with_dues):
    answer = client_of(admin).get(DUES, {"as": "xlsx"})

    assert b"".join(answer.streaming_content)[:2] == b"PK"
