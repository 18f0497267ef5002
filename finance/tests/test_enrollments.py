import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.class_times import parse
from academics.models import Batch, Enrollment, Institute
from academics.services.batches import save_batch
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from accounts.tests.factories import StudentFactory
from coachmaster.core.dates import format_date
from finance.ledger import fee_status
from finance.models import Account, BulkAction, Charge, FeePlan
from finance.services.enrollments import complete, drop
from finance.services.fee_plans import save_plan

from .confirmations import confirm
from .factories import enrolled, paid, submit_enrollment

pytestmark = pytest.mark.django_db
ADD = reverse("finance:enrollment-create")
DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


def errors(response):
    return " ".join(
        str(error) for errors in response.context["form"].errors.values() for error in errors
    )


# Enroll ---


def test_the_batch_that_was_chosen_is_kept_while_picking(client_of, admin, student):
    response = client_of(admin).get(ADD, {"q": student.admission_number, "batch": "7"})

    assert response.url == f"{ADD}?student={student.pk}&batch=7"


def test_batch_is_offered_with_its_class_times_fee_and_seats(client_of, admin, student):
    batch = DailyBatchFactory(name="JEE Morning", course__name="JEE", capacity=30)
    for _ in range(23):
        enrolled(batch=batch)
    full = BatchFactory(name="Tiny", capacity=1)
    enrolled(batch=full)
    BatchFactory(name="Gone", ends_on=today() - DAY)

    response = client_of(admin).get(ADD, {"student": student.pk, "batch": batch.pk})
    page = " ".join(response.content.decode().split())

    assert "JEE Morning · Mon-Sun 17:00-18:30 · 7 of 30 seats left · ₹12,000.00 · JEE" in page
    assert "Tiny" in page
    assert "FULL, all 1 seats taken" in page
    assert "Gone" not in page
    assert f'<option value="{batch.pk}" selected data-fee="12000.00">' in page


def test_first_matches_of_many_batches_are_offered(client_of, admin, student):
    course = CourseFactory(name="JEE")
    first, second, third = (
        BatchFactory(name=name, course=course) for name in ("Alpha", "Beta", "Gamma")
    )
    client = client_of(admin)

    def offered(**query):
        page = client.get(ADD, {"student": student.pk, **query})
        found = [batch.name for batch in page.context["form"].fields["batch"].offered]
        assert all(
            f'<option value="{batch.pk}"' in page.content.decode()
            for batch in (first, third)
            if batch.name in found
        )
        return found, 'name="find"' in page.content.decode()

    assert offered() == (["Alpha", "Beta", "Gamma"], False)
    more = [
        BatchFactory.build(name=f"Class {n:03}", course=course, instructor=first.instructor)
        for n in range(1, 99)
    ]
    Batch.objects.bulk_create(more)
    names, has_search = offered()
    assert has_search
    assert names == ["Alpha", "Beta", *(batch.name for batch in more)]
    assert offered(find="gamma jee") == (["Gamma"], True)
    assert offered(find="nothing", batch=second.pk) == (["Beta"], True)
    assert offered(find="nothing", batch="9" * 30) == ([], True)
    assert submit_enrollment(client, student, third).status_code == 302
    move = reverse("finance:enrollment-transfer", args=[Enrollment.objects.get().pk])
    offered_to_move = client.get(move).context["form"].fields["batch"].offered
    assert [batch.name for batch in offered_to_move] == names
    assert 'name="find"' in client.get(move, {"find": "beta"}).content.decode()


def test_enrolling_charges_the_fee_and_leads_to_the_student_page(client_of, admin, student):
    batch = BatchFactory(name="JEE Morning")

    response = submit_enrollment(client_of(admin), student, batch)

    assert response.url == reverse("dashboards:student-page", args=[student.pk])
    enrollment = Enrollment.objects.get()
    charge = Charge.objects.get()
    assert (enrollment.agreed_fee, charge.amount, charge.due_on) == (
        Decimal("12000.00"),
        Decimal("12000.00"),
        today(),
    )
    assert Account.objects.get().balance == Decimal("12000.00")
    messages = [str(message) for message in client_of(admin).get(response.url).context["messages"]]
    assert messages == ["Asha Verma enrolled in JEE Morning for ₹12,000.00."]


def test_a_lower_fee_needs_a_reason(client_of, admin, student):
    batch = BatchFactory()
    client = client_of(admin)

    refused = submit_enrollment(client, student, batch, agreed_fee="9,999.50")
    assert refused.context["form"].errors["fee_reason"] == ["Enter the reason for the lower fee."]
    assert refused.context["form"]["agreed_fee"].value() == "9,999.50"

    submit_enrollment(
        client, student, batch, agreed_fee="9,999.50", fee_reason="sister in the batch"
    )
    assert Enrollment.objects.get().agreed_fee == Charge.objects.get().amount == Decimal("9999.50")


def test_free_seat_is_not_charged(client_of, admin, student):
    submit_enrollment(
        client_of(admin), student, BatchFactory(), agreed_fee="0", fee_reason="scholarship"
    )

    assert Enrollment.objects.get().agreed_fee == Decimal("0.00")
    assert not Charge.objects.exists()


def test_a_fee_cannot_be_raised(client_of, admin, student):
    assert "At most ₹12,000.00" in errors(
        submit_enrollment(client_of(admin), student, BatchFactory(), agreed_fee="12000.01")
    )


def full(student):
    batch = BatchFactory(name="Tiny", capacity=1)
    enrolled(batch=batch)
    return batch


def ended_tomorrow(student):
    return BatchFactory(name="Short", ends_on=today())


def elsewhere(student):
    enrolled(student=student, batch=BatchFactory(name="NEET"))
    return BatchFactory()


def same_batch(student):
    return enrolled(student=student, batch=BatchFactory(name="NEET")).batch


def inactive(student):
    student.user.is_active = False
    student.user.save()
    return BatchFactory()


@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        (full, "Tiny is full: all 1 seats are taken."),
        (ended_tomorrow, "Short ended on"),
        (
            elsewhere,
            "Asha Verma already has an active enrollment in NEET. "
            "Complete, drop or transfer it first.",
        ),
        (same_batch, "Asha Verma is already enrolled in NEET."),
        (inactive, "Asha Verma is inactive. Activate the person first."),
    ],
)
def test_each_refusal_has_its_own_message(client_of, admin, student, situation, sentence):
    batch = situation(student)
    before = Enrollment.objects.count(), Charge.objects.count()

    response = submit_enrollment(
        client_of(admin), student, batch, enrolled_on=(today() + DAY).isoformat()
    )

    assert sentence in errors(response)
    assert (Enrollment.objects.count(), Charge.objects.count()) == before


def test_several_batches_at_once_are_a_setting(client_of, admin, student):
    enrolled(student=student)
    institute = Institute.objects.current()
    institute.several_batches_at_once = True
    institute.save()

    assert submit_enrollment(client_of(admin), student, BatchFactory()).status_code == 302
    assert Enrollment.objects.active().filter(student=student).count() == 2


@pytest.fixture
def in_the_evening(student):
    """The student in Evening, daily 17:00 to 18:30, with several batches at once allowed."""
    Institute.objects.update(several_batches_at_once=True)
    return enrolled(student=student, batch=DailyBatchFactory(name="Evening"))


CLASH = "Asha Verma has Evening on Mon-Sun 17:00-18:30."


def test_clash_with_another_batch_must_be_confirmed(client_of, admin, student, in_the_evening):
    batch, client = DailyBatchFactory(), client_of(admin)

    asked = submit_enrollment(client, student, batch, agreed_fee="9000", fee_reason="Sibling")

    assert asked.context["form"].clashes == [CLASH]
    page = asked.content.decode()
    assert "Nothing is saved yet" in page and "Enroll anyway" in page
    assert 'value="9000"' in page and 'value="Sibling"' in page
    assert not batch.enrollments.exists()
    assert submit_enrollment(client, student, batch, despite_clash="on").status_code == 302
    assert batch.enrollments.active().count() == 1


def test_batch_at_another_time_needs_no_confirmation(client_of, admin, student, in_the_evening):
    batch = BatchFactory()
    save_batch(batch, parse("Mon-Sun 18:30-20:00"))

    assert submit_enrollment(client_of(admin), student, batch).status_code == 302


def test_transfer_checks_clashes_with_remaining_batches_only(
    client_of, admin, student, in_the_evening
):
    morning = BatchFactory(name="Morning")
    save_batch(morning, parse("Mon 07:00-08:00"))
    moving, batch = enrolled(student=student, batch=morning), DailyBatchFactory()
    client = client_of(admin)

    asked = move(client, moving, batch)

    assert asked.context["form"].clashes == [CLASH]
    assert "Transfer anyway" in asked.content.decode()
    assert morning.enrollments.active().exists()
    assert move(client, in_the_evening, batch).status_code == 302


def test_batch_enrollment_names_students_with_clashes(client_of, admin, student, in_the_evening):
    other, free = enrolled(batch=in_the_evening.batch).student, StudentFactory()
    batch, client = DailyBatchFactory(), client_of(admin)

    asked = several(client, batch, [student, other, free])

    (clash,) = asked.context["form"].clashes
    assert "and 1 more student have Evening on Mon-Sun 17:00-18:30." in clash
    assert not batch.enrollments.exists()
    several(client, batch, [student, other, free], despite_clash="on")
    assert batch.enrollments.active().count() == 3


def test_second_batch_is_refused_before_clashes_are_checked(client_of, admin, student):
    enrolled(student=student, batch=DailyBatchFactory(name="Evening"))

    assert "already has an active enrollment in Evening" in errors(
        submit_enrollment(client_of(admin), student, DailyBatchFactory())
    )


def test_form_needs_the_same_queries_for_many_batches(client_of, admin, student, queries_of):
    DailyBatchFactory()
    client = client_of(admin)
    client.get(ADD, {"student": student.pk})
    few = queries_of(lambda: client.get(ADD, {"student": student.pk}))
    DailyBatchFactory.create_batch(5)

    assert queries_of(lambda: client.get(ADD, {"student": student.pk})) == few


def test_a_student_can_be_enrolled_again_after_leaving(client_of, admin, student):
    enrollment = enrolled(student=student)
    drop(enrollment=enrollment, ended_on=today(), reason="other", note="moved", by=admin)

    assert submit_enrollment(client_of(admin), student, enrollment.batch).status_code == 302
    assert [e.status for e in Enrollment.objects.order_by("pk")] == ["dropped", "active"]


# Drop and complete ---


def end(client, act, enrollment, **typed):
    return client.post(
        reverse(f"finance:enrollment-{act}", args=[enrollment.pk]),
        {"ended_on": today().isoformat(), **typed},
    )


def test_dropping_retains_part_of_the_fee(client_of, admin, student):
    enrollment = enrolled(student=student, fee="12000.00")
    paid(student=student, amount="5000.00")
    client = client_of(admin)

    end(
        client,
        "drop",
        enrollment,
        reason="moved_away",
        note="to Pune",
        fee_to_keep="6,000",
        fee_reason="agreed by phone",
    )

    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.ended_on, enrollment.drop_reason) == (
        "dropped",
        today(),
        "moved_away",
    )
    assert enrollment.end_reason == "to Pune (fee retained: agreed by phone)"
    assert Account.objects.get().balance == Decimal("1000.00")
    cancelled, kept = Charge.objects.order_by("pk")
    assert (cancelled.cancel_reason, cancelled.cancelled_by) == (
        "Dropped: Moved away: to Pune (fee retained: agreed by phone)",
        admin,
    )
    assert (kept.amount, kept.due_on) == (Decimal("6000.00"), cancelled.due_on)


def test_cancelled_fee_becomes_an_advance(client_of, admin, student):
    enrollment = enrolled(student=student)
    paid(student=student, amount="5000.00")

    end(
        client_of(admin),
        "drop",
        enrollment,
        reason="other",
        note="never came",
        fee_to_keep="0",
        fee_reason="never came",
    )

    assert fee_status(student, today()).advance == Decimal("5000.00")


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"reason": ""}, "reason", "This field is required."),
        ({"reason": "Moved to Pune"}, "reason", "Select a valid choice."),
        ({"reason": "other"}, "note", "Enter the other reason."),
        ({"reason": "other", "note": "  "}, "note", "Enter the other reason."),
        ({"fee_to_keep": "12000.01"}, "fee_to_keep", "At most ₹12,000.00"),
        (
            {"fee_reason": ""},
            "fee_reason",
            "Enter a reason for retaining another fee than the proposed ₹12,000.00.",
        ),
        ({"ended_on": "2026-05-31"}, "ended_on", "was enrolled on 1 Jun 2026"),
        ({"ended_on": "2026-02-30"}, "ended_on", "Enter a date that exists"),
    ],
)
def test_invalid_drop_is_refused_with_a_message(client_of, admin, typed, field, sentence):
    enrollment = enrolled()

    response = end(
        client_of(admin),
        "drop",
        enrollment,
        **{"reason": "fees", "fee_to_keep": "0", "fee_reason": "y", **typed},
    )

    assert sentence in response.context["form"].errors[field][0]
    assert Enrollment.objects.get().is_active
    assert not Charge.objects.get().is_cancelled


def test_completing_does_not_change_the_dues(client_of, admin):
    enrollment = enrolled(fee="100.00")

    end(client_of(admin), "complete", enrollment)

    assert Enrollment.objects.get().status == "completed"
    assert Account.objects.get().balance == Decimal("100.00")


@pytest.mark.parametrize("act", ["complete", "drop", "transfer"])
def test_ended_enrollment_cannot_end_again(client_of, admin, act):
    enrollment = enrolled()
    complete(enrollment=enrollment, ended_on=today(), by=admin)

    response = client_of(admin).get(reverse(f"finance:enrollment-{act}", args=[enrollment.pk]))

    assert response.url == enrollment.get_absolute_url()


@pytest.mark.parametrize("act", ["complete", "drop", "transfer"])
def test_pages_that_end_an_enrollment_need_the_same_queries(client_of, admin, act, queries_of):
    enrollment, client = enrolled(), client_of(admin)
    page = reverse(f"finance:enrollment-{act}", args=[enrollment.pk])

    def add_rows(number):
        DailyBatchFactory.create_batch(number)
        for _ in range(number):
            paid(student=enrollment.student, amount="1.00")

    add_rows(1)
    client.get(page)
    few = queries_of(lambda: client.get(page))
    add_rows(5)

    assert queries_of(lambda: client.get(page)) == few


def test_a_sibling_is_suggested_while_enrolling_and_the_concession_follows(
    client_of, admin, student
):
    student.guardian_phone = "9876543210"
    student.save()
    ravi = enrolled(
        student=StudentFactory(user__full_name="Ravi Verma", guardian_phone="9876543210")
    ).student
    enrolled(student=StudentFactory(user__full_name="Meena Iyer", guardian_phone="9876543211"))
    batch = BatchFactory()
    client = client_of(admin)

    page = client.get(ADD, {"student": student.pk}).content.decode()
    response = submit_enrollment(client, student, batch, concession="1")

    assert f'<a href="{ravi.get_absolute_url()}">Ravi Verma</a>' in page
    assert "Meena Iyer" not in page
    assert "Enroll and add concession" in page
    assert response.url == reverse("finance:concession-ask", args=[student.pk])
    assert "A sibling concession may apply." in client.get(response.url).content.decode()


def test_no_concession_is_offered_without_siblings(client_of, admin, student):
    page = client_of(admin).get(ADD, {"student": student.pk}).content.decode()

    assert "give a concession" not in page


@pytest.mark.parametrize(
    ("days", "sentence"),
    [(400, "This is more than a year ahead."), (-500, "more than a year later. Check the date.")],
)
def test_enrollment_cannot_start_years_ahead(client_of, admin, student, days, sentence):
    batch = BatchFactory(starts_on=today())

    response = submit_enrollment(
        client_of(admin), student, batch, enrolled_on=(today() + days * DAY).isoformat()
    )

    assert sentence in response.context["form"].errors["enrolled_on"][0]
    assert not Enrollment.objects.exists()


@pytest.mark.parametrize("act", ["complete", "drop"])
def test_an_enrollment_ends_at_most_a_year_ahead(client_of, admin, student, act):
    enrollment = enrolled(student=student)
    sent = {"ended_on": (today() + 400 * DAY).isoformat(), "reason": "fees"}

    response = client_of(admin).post(
        reverse(f"finance:enrollment-{act}", args=[enrollment.pk]), sent
    )

    assert "This is more than a year ahead." in response.context["form"].errors["ended_on"][0]
    assert Enrollment.objects.active().get() == enrollment


def test_installment_cannot_be_due_decades_ahead(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("100.00"))

    response = submit_enrollment(
        client_of(admin), student, batch, **rows_of(batch, (datetime.date(2099, 1, 1), "100"))
    )

    assert "No installment can be due after" in errors(response)
    assert not Enrollment.objects.exists()


# Transfer ---


def move(client, enrollment, batch, **changes):
    typed = {"batch": batch.pk, "enrolled_on": today().isoformat(), "agreed_fee": "", **changes}
    return client.post(reverse("finance:enrollment-transfer", args=[enrollment.pk]), typed)


@pytest.mark.parametrize("agreed_fee", ["", "10,000.00"])
def test_transfer_within_a_course_keeps_the_agreed_fee(client_of, admin, student, agreed_fee):
    course = CourseFactory(total_fee=Decimal("12000.00"))
    enrollment = enrolled(
        student=student,
        batch=BatchFactory(course=course),
        agreed_fee=Decimal("10000.00"),
        fee_reason="sister",
    )
    paid(student=student, amount="4000.00")
    other = BatchFactory(course=course)

    move(client_of(admin), enrollment, other, reason="timing", agreed_fee=agreed_fee)

    moved = Enrollment.objects.active().get()
    assert (moved.batch, moved.agreed_fee, moved.fee_reason) == (
        other,
        Decimal("10000.00"),
        "sister",
    )
    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.end_reason) == (
        "dropped",
        f"Transferred to {other}: timing",
    )
    assert Account.objects.get().balance == Decimal("6000.00")
    assert Charge.objects.active().get().due_on == enrollment.enrolled_on


def test_transfer_to_another_course_takes_its_fee(client_of, admin, student):
    enrollment = enrolled(student=student, fee="12000.00")

    move(client_of(admin), enrollment, BatchFactory(course__total_fee=Decimal("20000.00")))

    assert Enrollment.objects.active().get().agreed_fee == Decimal("20000.00")
    assert Account.objects.get().balance == Decimal("20000.00")


def test_transfer_into_a_full_batch_changes_nothing(client_of, admin, student):
    enrollment = enrolled(student=student)

    response = move(client_of(admin), enrollment, full(student))

    assert "Tiny is full" in errors(response)
    enrollment.refresh_from_db()
    assert enrollment.is_active
    assert Account.objects.get(pk=student.pk).balance == Decimal("12000.00")


@pytest.fixture
def in_parts(student):
    """Asha paid the first of three installments of 12,000; another course costs 15,000."""
    rows = [(today() + days * DAY, Decimal("4000.00")) for days in (-30, 10, 40)]
    enrollment = enrolled(student=student, fee="12000.00", installments=rows)
    paid(student=student, amount="4000.00")
    return enrollment, BatchFactory(name="Dropper", course__total_fee=Decimal("15000.00"))


def test_fees_after_a_transfer_are_shown_before_saving(client_of, admin, in_parts):
    enrollment, other = in_parts

    response = move(client_of(admin), enrollment, other, do="show")

    settlement, after = response.context["terms"].settlement, response.context["after"]
    assert (settlement.stays, settlement.cancelled_amount, settlement.to_pay) == (
        Decimal("4000.00"),
        Decimal("8000.00"),
        Decimal("11000.00"),
    )
    assert after.balance == Decimal("11000.00")
    shown = [form.initial for form in response.context["table"].formset if form.initial]
    assert shown == [
        {"due_on": today() + days * DAY, "amount": Decimal("5500.00")} for days in (10, 40)
    ]
    assert Enrollment.objects.active().get() == enrollment


def test_balance_after_a_transfer_is_the_one_shown(client_of, admin, in_parts):
    enrollment, other = in_parts
    client = client_of(admin)
    shown = move(client, enrollment, other, do="show").context["after"].balance

    move(client, enrollment, other)

    assert Account.objects.get().balance == shown
    assert fee_status(enrollment.student, today()).total_paid == Decimal("4000.00")


def test_installments_of_a_transfer_can_be_changed_and_must_add_up(client_of, admin, in_parts):
    enrollment, other = in_parts
    client = client_of(admin)
    rows = {
        "rows-TOTAL_FORMS": 2,
        "rows-INITIAL_FORMS": 0,
        "offered": "what was proposed",
        "offered_for": f"{other.pk}.",
        "rows-0-due_on": today().isoformat(),
        "rows-0-amount": "1000",
        "rows-1-due_on": (today() + 60 * DAY).isoformat(),
    }

    short = move(client, enrollment, other, **rows, **{"rows-1-amount": "9999.99"})
    assert "The installments add up to ₹10,999.99: ₹0.01 less than ₹11,000.00." in errors(short)
    assert Enrollment.objects.active().get() == enrollment

    move(client, enrollment, other, **rows, **{"rows-1-amount": "10000"})
    moved = Enrollment.objects.active().get()
    assert list(
        Charge.objects.active()
        .filter(enrollment=moved)
        .order_by("due_on")
        .values_list("due_on", "amount")
    ) == [
        (today(), Decimal("1000.00")),
        (today() + 60 * DAY, Decimal("10000.00")),
    ]


def rows_of(other, *rows):
    sent = {
        "rows-TOTAL_FORMS": len(rows),
        "rows-INITIAL_FORMS": 0,
        "offered": "…",
        "offered_for": f"{other.pk}.",
    }
    for number, (due_on, amount) in enumerate(rows):
        sent |= {f"rows-{number}-due_on": due_on.isoformat(), f"rows-{number}-amount": amount}
    return sent


def test_no_installment_is_due_before_the_transfer(client_of, admin, in_parts):
    enrollment, other = in_parts
    client = client_of(admin)

    early = move(client, enrollment, other, **rows_of(other, (today() - DAY, "11000")))

    assert (
        f"No installment can be due before {format_date(today())}. Choose a later date."
        in errors(early)
    )
    assert Enrollment.objects.active().get() == enrollment
    assert move(client, enrollment, other, **rows_of(other, (today(), "11000"))).status_code == 302


def test_overdue_amount_stays_overdue_if_the_whole_old_fee_is_cancelled(client_of, admin, student):
    enrollment = enrolled(student=student, fee="12000.00", due_on=today() - 30 * DAY)
    other = BatchFactory(course__total_fee=Decimal("9000.00"))
    client = client_of(admin)
    assert move(client, enrollment, other, do="show").context["terms"].rows == [
        (today() - 30 * DAY, Decimal("9000.00"))
    ]

    early = move(client, enrollment, other, **rows_of(other, (today() - 31 * DAY, "9000")))
    in_time = move(
        client, enrollment, other, **rows_of(other, (today() - 30 * DAY, "4000"), (today(), "5000"))
    )

    assert "No installment can be due before" in errors(early)
    assert in_time.status_code == 302


def test_installments_shown_for_another_batch_are_not_saved(client_of, admin, in_parts):
    enrollment, other = in_parts

    response = move(client_of(admin), enrollment, other, offered_for=f"{other.pk + 1}.", offered="")

    assert "Nothing is saved yet" in response.content.decode()
    assert Enrollment.objects.active().get() == enrollment


# Several ---


def several(client, batch, students=(), **changes):
    """Send the form, and confirm the students that it shows, if it is not refused."""
    typed = {
        "students": [s.pk for s in students],
        "enrolled_on": today().isoformat(),
        "numbers": "",
        **changes,
    }
    return confirm(client, client.post(reverse("finance:batch-enroll", args=[batch.pk]), typed))


def test_ticked_and_pasted_students_are_enrolled_together(client_of, admin, student):
    batch = BatchFactory(capacity=3)
    other, third = StudentFactory.create_batch(2)

    numbers = f"{other.admission_number},\n{third.admission_number} {student.admission_number}"
    response = several(client_of(admin), batch, [student], numbers=numbers)

    assert response.url == BulkAction.objects.get().get_absolute_url()
    assert batch.enrollments.active().count() == 3
    assert set(Account.objects.values_list("balance", flat=True)) == {Decimal("12000.00")}


def test_several_students_pay_by_a_fee_plan(client_of, admin, student):
    batch = BatchFactory(course__total_fee=Decimal("9000.01"))
    plan, *others = (
        FeePlan.objects.create(course=course, name="Two parts")
        for course in (batch.course, CourseFactory())
    )
    save_plan(plan, [{"percent": 50, "days": 0}, {"percent": 50, "days": 30}])
    other = StudentFactory()
    client = client_of(admin)

    page = client.get(reverse("finance:batch-enroll", args=[batch.pk])).content.decode()
    assert "Full payment" in page
    assert "Two parts: 50 % on enrolling, 50 % after 30 days" in page
    refused = several(client, batch, [student, other], plan=others[0].pk)
    assert refused.context["form"].errors["plan"]
    several(client, batch, [student, other], plan=plan.pk)

    for person in (student, other):
        assert list(person.charges.order_by("due_on").values_list("due_on", "amount", "label")) == [
            (today(), Decimal("4500.01"), "Installment 1 of 2"),
            (today() + 30 * DAY, Decimal("4500.00"), "Installment 2 of 2"),
        ]


def test_batch_enrollment_names_every_refusal_and_enrolls_nobody(client_of, admin, student):
    batch = BatchFactory()
    free, busy, gone = StudentFactory.create_batch(3)
    enrolled(student=busy, batch=BatchFactory(name="NEET"))
    gone.user.is_active = False
    gone.user.save()

    response = several(client_of(admin), batch, [student, free, busy, gone])

    assert response.context["form"].non_field_errors() == [
        f"{busy} already has an active enrollment in NEET. Complete, drop or transfer it first.",
        f"{gone} is inactive. Activate the person first.",
    ]
    assert not batch.enrollments.exists()
    assert f'value="{free.pk}" checked' in response.content.decode()


def test_more_students_than_seats_are_refused(client_of, admin):
    batch = BatchFactory(name="Tiny", capacity=2)
    enrolled(batch=batch)

    response = several(client_of(admin), batch, StudentFactory.create_batch(2))

    assert "Tiny has 1 of 2 seats left, for 2 students." in errors(response)
    assert batch.enrollments.count() == 1


def test_an_unknown_admission_number_is_named(client_of, admin, student):
    response = several(client_of(admin), BatchFactory(), numbers=f"{student.admission_number} 99-1")

    assert response.context["form"].errors["numbers"] == [
        "No student has the admission number 99-1. Check it."
    ]


def test_searching_keeps_ticked_students(client_of, admin, student):
    ravi = StudentFactory(user__full_name="Ravi Iyer")

    response = several(client_of(admin), BatchFactory(), [student], find="on", q="ravi")

    assert (response.context["ticked"], response.context["found"]) == ([student], [ravi])
    assert not response.context["shows_errors"]
    assert not Enrollment.objects.exists()


def test_the_list_offers_students_without_a_batch(client_of, admin, student):
    enrolled()

    response = client_of(admin).get(reverse("finance:batch-enroll", args=[BatchFactory().pk]))

    assert response.context["found"] == [student]


@pytest.mark.parametrize("name", ["batch-enroll", "batch-complete"])
def test_batch_pages_need_the_same_queries_for_many_students(client_of, admin, name, queries_of):
    batch, client = BatchFactory(), client_of(admin)
    page = reverse(f"finance:{name}", args=[batch.pk])

    def add_rows(number):
        StudentFactory.create_batch(number)
        for _ in range(number):
            enrolled(batch=batch)

    add_rows(1)
    client.get(page)
    few = queries_of(lambda: client.get(page))
    add_rows(5)

    assert queries_of(lambda: client.get(page)) == few


def test_completing_a_batch_completes_all_its_enrollments(client_of, admin):
    batch = BatchFactory()
    gone = enrolled(batch=batch)
    drop(enrollment=gone, ended_on=today(), reason="other", note="moved", by=admin)
    for _ in range(3):
        enrolled(batch=batch)

    client, page = client_of(admin), reverse("finance:batch-complete", args=[batch.pk])
    confirm(client, client.post(page, {"last_day": today().isoformat()}))

    batch.refresh_from_db()
    assert batch.ends_on == today()
    statuses = batch.enrollments.order_by("pk").values_list("status", "ended_on")
    assert list(statuses) == [("dropped", today()), *[("completed", today() + DAY)] * 3]
    assert all(enrollment.history.count() == 2 for enrollment in batch.enrollments.all())


@pytest.mark.parametrize("last_day", ["2026-05-31", "2026-06-01"])
def test_batch_cannot_be_completed_before_it_starts_or_a_student_joins(client_of, admin, last_day):
    batch = BatchFactory()
    enrolled(batch=batch, enrolled_on=datetime.date(2026, 6, 10))

    response = client_of(admin).post(
        reverse("finance:batch-complete", args=[batch.pk]), {"last_day": last_day}
    )

    assert response.context["form"].errors["last_day"]
    batch.refresh_from_db()
    assert batch.ends_on is None
    assert batch.enrollments.get().is_active


# Access ---


def test_only_the_desk_changes_enrollments(client_of, student, instructor):
    enrollment = enrolled(student=student, batch=BatchFactory(instructor=instructor))
    pages = [
        ADD,
        reverse("finance:enrollment-suggestions"),
        *(
            reverse(f"finance:enrollment-{act}", args=[enrollment.pk])
            for act in ("complete", "drop", "transfer")
        ),
        *(
            reverse(f"finance:{name}", args=[enrollment.batch_id])
            for name in ("batch-enroll", "batch-complete")
        ),
    ]
    for person in (student, instructor):
        client = client_of(person)
        for page in pages:
            assert client.get(page).status_code == 403
            assert (
                client.post(page, {"ended_on": "2026-07-01", "last_day": "2026-07-01"}).status_code
                == 403
            )
    assert Enrollment.objects.get().is_active


def test_form_links_to_adding_a_batch_if_there_is_none(client_of, admin, student):
    page = f"{reverse('finance:enrollment-create')}?student={student.pk}"
    client = client_of(admin)

    assert "No batch is running or planned" in client.get(page).content.decode()
    assert reverse("academics:batch-create") in client.get(page).content.decode()
    BatchFactory()
    assert "No batch is running or planned" not in client.get(page).content.decode()
