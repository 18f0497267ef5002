import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from finance.ledger import fee_status
from finance.models import Charge, FeePlan, FeePlanPart

from .factories import enrolled, paid, submit_enrollment

pytestmark = pytest.mark.django_db
ADD = reverse("finance:enrollment-create")
DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


def rows_typed(*rows, **more):
    typed = {
        "rows-TOTAL_FORMS": len(rows),
        "rows-INITIAL_FORMS": 0,
        "offered": "",
        "offered_for": "",
        **more,
    }
    for number, (due_on, amount) in enumerate(rows):
        typed |= {f"rows-{number}-due_on": due_on, f"rows-{number}-amount": amount}
    return typed


def shown(response):
    initial = [form.initial for form in response.context["table"].formset]
    return [(row["due_on"], row["amount"]) for row in initial if row]


def thirds(course):
    plan = FeePlan.objects.create(course=course, name="Thirds")
    for position, (percent, days) in enumerate([("33.33", 0), ("33.33", 30), ("33.34", 60)]):
        FeePlanPart.objects.create(
            plan=plan, position=position, percent=Decimal(percent), days=days
        )
    return plan


def charges():
    return list(Charge.objects.active().order_by("due_on").values_list("due_on", "amount"))


# Enrolling ---


def test_plan_is_shown_as_installments_that_enrolling_charges(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    plan = thirds(batch.course)
    client = client_of(admin)

    page = submit_enrollment(client, student, batch, plan=plan.pk, do="show")
    expected = [
        (today(), Decimal("333.30")),
        (today() + 30 * DAY, Decimal("333.30")),
        (today() + 60 * DAY, Decimal("333.40")),
    ]
    assert shown(page) == expected and not Enrollment.objects.exists()

    submit_enrollment(client, student, batch, plan=plan.pk)
    assert charges() == expected


def test_installments_off_by_a_paisa_are_refused_and_kept_as_typed(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("12000.00"))
    rows = rows_typed((today().isoformat(), "6,000"), ("2027-01-01", "5999.99"))

    response = submit_enrollment(client_of(admin), student, batch, **rows)

    assert (
        "The installments add up to ₹11,999.99: ₹0.01 less than ₹12,000.00."
        in response.content.decode()
    )
    assert 'value="5999.99"' in response.content.decode()
    assert not Enrollment.objects.exists()


def test_edited_installments_are_charged_as_typed(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("12000.00"))

    submit_enrollment(
        client_of(admin),
        student,
        batch,
        **rows_typed(("2026-12-01", "2000"), ("2027-01-15", "10000"), ("", "")),
    )

    assert charges() == [
        (datetime.date(2026, 12, 1), Decimal("2000.00")),
        (datetime.date(2027, 1, 15), Decimal("10000.00")),
    ]


def test_unedited_installments_follow_the_fee_and_the_date(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("12000.00"))
    offered = f"{today()} 12000.00"
    rows = rows_typed(
        (today().isoformat(), "12000.00"), offered=offered, offered_for=f"{batch.pk}."
    )

    submit_enrollment(
        client_of(admin),
        student,
        batch,
        **rows,
        agreed_fee="9000",
        fee_reason="sister",
        enrolled_on=(today() + 5 * DAY).isoformat(),
    )

    assert charges() == [(today() + 5 * DAY, Decimal("9000.00"))]


def test_chosen_plan_is_shown_before_anything_is_saved(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    plan = thirds(batch.course)
    rows = rows_typed((today().isoformat(), "1000.00"), offered="", offered_for=f"{batch.pk}.")

    response = submit_enrollment(client_of(admin), student, batch, plan=plan.pk, **rows)

    assert "Nothing is saved yet" in response.content.decode()
    assert len(shown(response)) == 3 and not Enrollment.objects.exists()


def test_past_fixed_date_is_due_on_the_first_day(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    plan = FeePlan.objects.create(course=batch.course, name="Halves")
    for position, due_on in enumerate([today() - 90 * DAY, today() + 90 * DAY]):
        FeePlanPart.objects.create(plan=plan, position=position, percent=Decimal(50), due_on=due_on)

    response = submit_enrollment(client_of(admin), student, batch, plan=plan.pk, do="show")

    assert shown(response) == [
        (today(), Decimal("500.00")),
        (today() + 90 * DAY, Decimal("500.00")),
    ]


def test_no_installment_is_due_before_the_first_day(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    typed = rows_typed((today() - DAY, "400"), (today(), "600"))

    response = submit_enrollment(client_of(admin), student, batch, **typed)

    assert "No installment can be due before" in response.content.decode()
    assert not Enrollment.objects.exists()


def test_rest_is_split_into_monthly_installments(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    client = client_of(admin)

    rest = submit_enrollment(
        client, student, batch, do="split", count="3", **rows_typed(("2026-12-31", "0.01"))
    )
    whole = submit_enrollment(client, student, batch, do="split", count="3")

    assert shown(rest) == [
        (datetime.date(2026, 12, 31), Decimal("0.01")),
        (datetime.date(2027, 1, 31), Decimal("333.33")),
        (datetime.date(2027, 2, 28), Decimal("333.33")),
        (datetime.date(2027, 3, 31), Decimal("333.33")),
    ]
    assert [amount for _, amount in shown(whole)] == [
        Decimal("333.34"),
        Decimal("333.33"),
        Decimal("333.33"),
    ]
    assert not Enrollment.objects.exists()


def test_mid_course_student_is_offered_a_prorated_fee(client_of, admin, student):
    starts_on = today() - 28 * DAY
    batch = DailyBatchFactory(
        course__total_fee=Decimal("10000.00"),
        starts_on=starts_on,
        ends_on=starts_on + 39 * DAY,
        name="JEE",
    )
    client = client_of(admin)

    page = submit_enrollment(client, student, batch, do="show").content.decode()
    assert "12 of 40 classes:" in page

    agreed = submit_enrollment(client, student, batch, do="prorate")
    assert agreed.context["form"]["agreed_fee"].value() == "3000.00"
    assert agreed.context["form"]["fee_reason"].value() == "Joined after 28 of 40 classes"
    assert shown(agreed) == [(today(), Decimal("3000.00"))]


@pytest.mark.parametrize(
    "amount", ["NaN", "1e309", "-1", "0", "12.345", "१२३", "9" * 10_000, "₹", "<b>"]
)
def test_invalid_amount_gives_a_message(client_of, admin, student, amount):
    batch = BatchFactory()

    response = submit_enrollment(
        client_of(admin), student, batch, **rows_typed((today().isoformat(), amount))
    )

    assert response.status_code == 200 and response.context["table"].formset.total_error_count()
    assert not Enrollment.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"rows-TOTAL_FORMS": "x"},
        {"rows-TOTAL_FORMS": "100000", "rows-INITIAL_FORMS": "0"},
        {"plan": "abc"},
        {"plan": "9" * 40},
        {"do": "explode"},
        {"do": "split", "count": "-1"},
        {"do": "split", "count": "1e9"},
        rows_typed(("2026-02-31", "12000")),
        rows_typed(("0001-01-01", "12000")),
        rows_typed(("2026-12-01", "")),
    ],
)
def test_hostile_rows_are_refused_without_enrolling(client_of, admin, student, broken):
    response = submit_enrollment(client_of(admin), student, BatchFactory(), **broken)

    assert response.status_code in (200, 302)
    assert Charge.objects.count() == Enrollment.objects.count()


def test_enroll_page_needs_the_same_queries_for_many_plans(client_of, admin, student, queries_of):
    batch = DailyBatchFactory(starts_on=today() - 10 * DAY, ends_on=today() + 30 * DAY)
    client, asked = client_of(admin), {"student": student.pk, "batch": batch.pk}

    def add_plan(number):
        FeePlan.objects.filter(pk=thirds(batch.course).pk).update(name=f"Plan {number}")

    add_plan(0)
    client.get(ADD, asked)
    few = queries_of(lambda: client.get(ADD, asked))
    for number in range(1, 4):
        add_plan(number)

    assert queries_of(lambda: client.get(ADD, asked)) == few


# Changing installments ---


def change(client, enrollment, *rows, **more):
    address = reverse("finance:installments-change", args=[enrollment.pk])
    return client.post(address, {"reason": "Salary comes on the 5th", **rows_typed(*rows), **more})


def test_unpaid_installments_are_changed_and_paid_ones_stay(client_of, admin):
    rows = [(today() - 30 * DAY, Decimal("4000.00")), (today(), Decimal("8000.00"))]
    enrollment = enrolled(fee="12000.00", installments=rows)
    paid(student=enrollment.student, amount="5000.00")
    later = [(today() + 10 * DAY, Decimal("3000.00")), (today() + 40 * DAY, Decimal("4000.00"))]

    page = client_of(admin).get(reverse("finance:installments-change", args=[enrollment.pk]))
    assert shown(page) == [(today(), Decimal("7000.00"))]
    response = change(
        client_of(admin), enrollment, *((day.isoformat(), amount) for day, amount in later)
    )

    assert response.url == reverse("finance:student-fees", args=[enrollment.student_id])
    fees = fee_status(enrollment.student, today())
    assert [(line.charge.due_on, line.unpaid) for line in fees.lines if line.unpaid] == later
    assert fees.balance == Decimal("7000.00")


def test_changing_installments_needs_a_reason_and_the_whole_amount(client_of, admin):
    enrollment = enrolled(fee="12000.00")
    client = client_of(admin)

    assert (
        change(client, enrollment, ("2027-01-01", "12000"), reason=" ")
        .context["form"]
        .errors["reason"]
    )
    missed = change(client, enrollment, ("2027-01-01", "12000.01"))

    assert "₹0.01 more than ₹12,000.00" in missed.content.decode()
    assert Charge.objects.active().get().due_on == enrollment.enrolled_on


def test_unpaid_installments_cannot_be_due_before_the_enrollment(client_of, admin):
    enrollment = enrolled(fee="1000.00")
    first = enrollment.enrolled_on
    page = reverse("finance:installments-change", args=[enrollment.pk])

    response = client_of(admin).post(
        page, {**rows_typed((first - DAY, "1000")), "reason": "typing error"}
    )

    assert "No installment can be due before" in response.content.decode()
    assert charges() == [(first, Decimal("1000.00"))]


def test_unpaid_installments_can_be_split_again(client_of, admin):
    enrollment = enrolled(fee="100.00")

    response = change(
        client_of(admin), enrollment, ("2027-01-31", "40"), do="split", count="2", reason=""
    )

    assert [amount for _, amount in shown(response)] == [
        Decimal("40.00"),
        Decimal("30.00"),
        Decimal("30.00"),
    ]
    assert response.context["form"].errors == {}


def test_paid_fee_has_no_installments_to_change(client_of, admin):
    enrollment = enrolled(fee="100.00")
    paid(student=enrollment.student, amount="100.00")

    assert change(client_of(admin), enrollment).url == reverse(
        "finance:student-fees", args=[enrollment.student_id]
    )


# The plans of a course ---


def parts_typed(*parts, **more):
    typed = {
        "name": "Two halves",
        "is_active": "on",
        "parts-TOTAL_FORMS": len(parts),
        "parts-INITIAL_FORMS": 0,
        **more,
    }
    for number, part in enumerate(parts):
        typed |= {f"parts-{number}-{name}": value for name, value in part.items()}
    return typed


HALF = {"percent": "50", "days": "0"}


def test_plan_is_added_listed_and_edited(client_of, admin):
    course = CourseFactory()
    client = client_of(admin)

    added = client.post(
        reverse("finance:plan-create", args=[course.pk]),
        parts_typed(HALF, {"percent": "50", "due_on": "2027-01-15"}, {"percent": "", "days": ""}),
    )
    page = client.get(added.url).content.decode()
    assert "Two halves" in page and "50 % on enrolling" in page and "50 % on 15 Jan 2027" in page

    plan = FeePlan.objects.get()
    client.post(
        reverse("finance:plan-update", args=[plan.pk]),
        parts_typed({"amount": "5,000", "days": "1"}, name="Fixed", is_active=""),
    )
    plan.refresh_from_db()
    assert (plan.name, plan.is_active) == ("Fixed", False)
    assert [(part.amount, part.days) for part in plan.parts.all()] == [(Decimal("5000.00"), 1)]
    assert "Not offered" in client.get(added.url).content.decode()


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            [HALF, {"percent": "49.99", "days": "9"}],
            "The installments add up to 99.99 percent, not 100.",
        ),
        (
            [HALF, {"amount": "500", "days": "9"}],
            "Use either percentages or amounts in all rows.",
        ),
        ([{"percent": "100"}], "Enter either days after enrollment or a due date."),
        (
            [{"percent": "100", "days": "0", "due_on": "2027-01-01"}],
            "Enter either days after enrollment or a due date.",
        ),
        (
            [{"percent": "50", "amount": "5", "days": "0"}],
            "Enter either a percentage or an amount.",
        ),
        ([{}], "Enter at least one installment."),
        ([{"percent": "NaN", "days": "0"}], "Enter per cent above 0 and up to 100"),
        ([{"percent": "1e2", "days": "0"}], "Enter per cent above 0 and up to 100"),
        ([{"percent": "100", "days": "99999"}], "Enter a whole number from 0 to 3650."),
    ],
)
def test_a_plan_that_does_not_add_up_is_refused(client_of, admin, parts, sentence):
    course = CourseFactory()

    response = client_of(admin).post(
        reverse("finance:plan-create", args=[course.pk]), parts_typed(*parts)
    )

    assert sentence in response.content.decode()
    assert not FeePlan.objects.exists()


def test_plan_names_are_unique_per_course(client_of, admin):
    course = CourseFactory()
    FeePlan.objects.create(course=course, name="Two halves")

    response = client_of(admin).post(
        reverse("finance:plan-create", args=[course.pk]), parts_typed(HALF, HALF)
    )

    assert "The course already has a plan with this name." in response.content.decode()


def test_student_does_not_see_fee_plans(client_of, student):
    enrollment = enrolled(student=student)
    thirds(enrollment.batch.course)

    page = client_of(student).get(enrollment.batch.course.get_absolute_url()).content.decode()

    assert "Thirds" not in page
