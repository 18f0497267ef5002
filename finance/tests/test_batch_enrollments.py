"""Confirm the students of a batch enrollment, and undo it as a whole."""

import datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from academics.tests.factories import BatchFactory, DailyBatchFactory
from accounts.tests.factories import StudentFactory, user_with
from attendance.percentages import MarkStatus
from attendance.services.sheets import SheetContent, save_sheet
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance import checks
from finance.models import Account, BulkAction, Charge, FeePlan
from finance.services import charges, concessions, enrollments
from finance.services.batch_enrollments import enroll_several
from finance.services.bulk_actions import undo_bulk_action
from finance.services.fee_plans import save_plan

from .confirmations import confirm
from .factories import enrolled, paid

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


@pytest.fixture
def batch():
    return BatchFactory(name="JEE", course__total_fee=Decimal("48000.00"))


def show(client, batch, students, **changes):
    return client.post(
        reverse("finance:batch-enroll", args=[batch.pk]),
        {"students": [student.pk for student in students], "enrolled_on": today().isoformat(),
         **changes},
    )  # fmt: skip


def enroll(batch, students, by, **changes):
    return enroll_several(students=students, batch=batch, enrolled_on=today(), by=by, **changes)


def undo(action, by):
    return undo_bulk_action(action=action, by=by, reason="Wrong batch")


def undo_errors(action, by):
    with pytest.raises(ValidationError) as refusal:
        undo(action, by)
    return refusal.value.messages


def balances():
    return set(Account.objects.values_list("balance", flat=True))


# Confirmation ---


def test_students_fee_and_total_are_shown_before_anybody_is_enrolled(desk, batch):
    students = [StudentFactory(user__full_name=f"Student {n:02}") for n in range(12)]

    page = show(desk, batch, students)

    text = page.content.decode()
    assert "Enroll 12 students · ₹5,76,000" in text and "Student 11" in text
    assert text.count("₹48,000.00") == 13 and "₹5,76,000.00" in text
    assert "Undo ends the enrollments on their first day" in text
    assert not Enrollment.objects.exists() and not BulkAction.objects.exists()

    answer = confirm(desk, page)

    action = BulkAction.objects.get()
    assert answer.url == action.get_absolute_url()
    assert (str(action), action.kind, action.row_count, action.amount) == (
        "12 students enrolled in JEE", "enroll", 12, Decimal("576000.00"),
    )  # fmt: skip
    assert batch.enrollments.active().count() == 12 and balances() == {Decimal("48000.00")}
    assert "Student 11" in desk.get(answer.url).content.decode()
    assert list(checks.find_problems()) == []


def test_installments_of_the_plan_are_shown(desk, batch, student):
    plan = FeePlan.objects.create(course=batch.course, name="Two parts")
    save_plan(plan, [{"percent": 50, "days": 0}, {"percent": 50, "days": 30}])

    page = show(desk, batch, [student], plan=plan.pk)
    assert page.content.decode().count("₹24,000.00 on ") == 2
    confirm(desk, page)

    assert student.charges.count() == 2


def test_refusal_is_shown_before_the_confirmation(desk, batch, student):
    enrolled(student=student, batch=BatchFactory(name="NEET"))

    page = show(desk, batch, [student])

    assert page.context["form"].non_field_errors() == [
        "Asha Verma already has an active enrollment in NEET. Complete, drop or transfer it first."
    ]


def test_confirmation_sent_twice_enrolls_once(desk, batch, student):
    page = show(desk, batch, [student])

    first, second = confirm(desk, page), confirm(desk, page)

    assert first.url == second.url
    assert (Enrollment.objects.count(), BulkAction.objects.count()) == (1, 1)


def test_fee_changed_since_it_was_shown_is_shown_again(desk, batch, student):
    page = show(desk, batch, [student])
    batch.course.total_fee = Decimal("50000.00")
    batch.course.save()

    again = confirm(desk, page)

    assert "The list has changed since it was shown" in again.content.decode()
    assert "Enroll 1 student · ₹50,000" in again.content.decode()
    assert not Enrollment.objects.exists()
    confirm(desk, again)
    assert balances() == {Decimal("50000.00")}


def test_plan_changed_since_it_was_shown_is_shown_again(desk, batch, student):
    plan = FeePlan.objects.create(course=batch.course, name="Two parts")
    save_plan(plan, [{"percent": 50, "days": 0}, {"percent": 50, "days": 30}])
    page = show(desk, batch, [student], plan=plan.pk)
    save_plan(plan, [{"percent": 100, "days": 0}])

    again = confirm(desk, page)

    assert "The list has changed since it was shown" in again.content.decode()
    assert not Enrollment.objects.exists()


def test_course_without_a_fee_says_that_nothing_is_to_pay(desk, student):
    free = BatchFactory(name="Trial", course__total_fee=Decimal("0"))

    page = show(desk, free, [student]).content.decode()

    assert "Nothing to pay." in page and "Enroll 1 student" in page and "· ₹" not in page


def test_student_who_got_another_batch_meanwhile_is_refused_on_confirming(desk, batch, student):
    page = show(desk, batch, [student])
    enrolled(student=student, batch=BatchFactory(name="NEET"))

    again = confirm(desk, page)

    assert "already has an active enrollment in NEET" in again.content.decode()
    assert not batch.enrollments.exists()


def test_confirmation_asks_again_about_nothing_for_a_timetable_clash(desk, student):
    """The box that was ticked on the first page is sent along."""
    from academics.models import Institute

    Institute.objects.update(several_batches_at_once=True)
    first, other = DailyBatchFactory(), DailyBatchFactory()
    enrolled(student=student, batch=first)

    assert show(desk, other, [student]).context["form"].clashes
    page = show(desk, other, [student], despite_clash="on")
    confirm(desk, page)

    assert other.enrollments.count() == 1


def test_without_the_permission_to_see_bulk_actions_the_list_of_students_is_next(client_of, batch):
    clerk = user_with(SEE_WHOLE_INSTITUTE, "academics.view_batch", "academics.view_course",
                      "academics.add_enrollment")  # fmt: skip
    client = client_of(clerk)

    answer = confirm(client, show(client, batch, [StudentFactory()]))

    assert answer.url == reverse("academics:batch-students", args=[batch.pk])


# Undo ---


def test_undo_restores_the_balances_and_frees_the_seats(admin, batch):
    batch.capacity = 3
    batch.save()
    students = StudentFactory.create_batch(3)
    paid(student=students[0], amount="1500", by=admin)
    action = enroll(batch, students, admin)
    assert Account.objects.get(pk=students[0].pk).balance == Decimal("46500.00")

    undo(action, admin)

    assert [Account.objects.get(pk=student.pk).balance for student in students] == [
        Decimal("-1500.00"), 0, 0,
    ]  # fmt: skip
    assert (
        list(batch.enrollments.values_list("status", "ended_on", "end_reason"))
        == [("dropped", today(), "Wrong batch")] * 3
    )
    assert {charge.cancel_reason for charge in Charge.objects.all()} == {"Wrong batch"}
    assert list(checks.find_problems()) == []
    enroll(batch, students, admin)
    assert batch.enrollments.active().count() == 3
    assert list(checks.find_problems()) == []


def test_verify_finds_an_undone_enrollment_that_is_not_cancelled(admin, batch, student):
    action = enroll(batch, [student], admin)
    undo(action, admin)
    Charge.objects.update(cancelled_on=None, cancel_reason="", is_undone=False)
    Enrollment.objects.update(status="active", ended_on=None)

    found = list(checks.undone_actions())

    assert found == [
        "1 student enrolled in JEE is undone, but 1 enrollments are not cancelled.",
        "1 student enrolled in JEE is undone, but 1 tuition charges are not cancelled.",
    ]


def test_undo_of_a_future_enrollment_ends_it_on_its_first_day(admin, batch, student):
    on = today() + 10 * DAY
    action = enroll_several(students=[student], batch=batch, enrolled_on=on, by=admin)

    undo(action, admin)

    assert Enrollment.objects.get().ended_on == on and balances() == {0}
    assert list(checks.find_problems()) == []


def test_undo_cancels_installments_that_were_changed_since(admin, batch, student):
    from finance.services.installments import change_installments

    action = enroll(batch, [student], admin)
    rows = [(today(), Decimal("8000")), (today() + 30 * DAY, Decimal("40000"))]
    change_installments(
        enrollment=Enrollment.objects.get(), rows=rows, reason="In two parts", by=admin
    )

    undo(action, admin)

    assert balances() == {0} and not Charge.objects.active().exists()


def test_undo_is_refused_with_the_names_of_all_who_depend_on_it(admin):
    batch = DailyBatchFactory(name="JEE", course__total_fee=Decimal("1000.00"))
    names = ["Marked", "Payer", "Conceded", "Examined", "Dropped", "Free"]
    students = {name: StudentFactory(user__full_name=name) for name in names}
    first = batch.starts_on
    action = enroll_several(
        students=list(students.values()), batch=batch, enrolled_on=first, by=admin
    )
    of = {enrollment.student_id: enrollment for enrollment in batch.enrollments.all()}
    enrollment = {name: of[student.pk] for name, student in students.items()}
    save_sheet(
        batch=batch,
        held_on=first,
        content=SheetContent({students["Marked"].pk: MarkStatus.PRESENT}),
        by=admin,
        allow_unplanned=True,
    )
    payment = paid(student=students["Payer"], amount="400", by=admin)
    concessions.request_concession(
        student=students["Conceded"], charges=list(enrollment["Conceded"].charges.all()),
        amount=Decimal("100"), kind="other", reason="Poor", by=admin,
    )  # fmt: skip
    charges.post_charges(
        students=[students["Examined"]], kind="exam", label="Mock", amount=Decimal("50"),
        due_on=today(), token="m", by=admin,
    )  # fmt: skip
    enrollments.drop(enrollment=enrollment["Dropped"], ended_on=today(), reason="fees", by=admin)

    messages = undo_errors(action, admin)

    assert len(messages) == 5
    found = "\n".join(messages)
    assert f"Payer paid ₹400.00 since: receipt {payment}." in found
    assert "Marked in JEE: attendance is marked until" in found
    assert "Conceded has a concession of ₹100.00 since." in found
    assert "Examined is charged ₹50.00 since: Mock, JEE." in found
    assert "Dropped in JEE: its status was changed to “dropped” since." in found
    assert batch.enrollments.active().count() == 5
    assert not BulkAction.objects.get(pk=action.pk).is_undone
    assert list(checks.find_problems()) == []


def test_undo_page_shows_the_first_reasons_and_counts_the_others(desk, admin, batch):
    students = [StudentFactory(user__full_name=f"Student {n:02}") for n in range(23)]
    action = enroll(batch, students, admin)
    for student in students:
        paid(student=student, amount="1", by=admin)

    page = desk.post(reverse("finance:bulk-action-undo", args=[action.pk]), {"reason": "Wrong"})

    errors = page.context["form"].non_field_errors()
    assert len(errors) == 21 and errors[0].startswith("Student 00 paid ₹1.00 since")
    assert errors[-1] == "And 3 more."


def test_refused_undo_names_no_amount_to_those_who_see_no_payments(admin, batch, student):
    action = enroll(batch, [student], admin)
    payment = paid(student=student, amount="400", by=admin)
    clerk = user_with(SEE_WHOLE_INSTITUTE, "finance.change_bulkaction")

    assert undo_errors(action, clerk) == [f"{student} paid since."]
    assert undo_errors(action, admin) == [f"{student} paid ₹400.00 since: receipt {payment}."]


def test_undo_is_possible_again_once_the_receipt_is_cancelled(admin, batch, student):
    from finance.services.cancellations import cancel_receipt

    action = enroll(batch, [student], admin)
    payment = paid(student=student, amount="400", by=admin)
    assert len(undo_errors(action, admin)) == 1
    cancel_receipt(payment=payment, reason="Wrong student", by=admin)

    undo(action, admin)

    assert balances() == {0} and list(checks.find_problems()) == []


def test_undo_twice_is_refused(admin, batch, student):
    action = enroll(batch, [student], admin)
    undo(action, admin)

    assert undo_errors(action, admin) == ["This is already undone."]


def test_student_enrolled_again_after_undo_keeps_the_new_enrollment(admin, batch, student):
    undo(enroll(batch, [student], admin), admin)
    second = enroll(batch, [student], admin)

    assert balances() == {Decimal("48000.00")}
    undo(second, admin)
    assert balances() == {0} and Enrollment.objects.count() == 2


@pytest.mark.parametrize(
    "missing",
    ["finance.change_bulkaction", "academics.add_enrollment", "academics.change_enrollment",
     "finance.change_charge"],
)  # fmt: skip
def test_undo_needs_each_permission(client_of, admin, batch, student, missing):
    action = enroll(batch, [student], admin)
    permissions = {"finance.view_bulkaction", "finance.change_bulkaction",
                   "academics.add_enrollment", "academics.change_enrollment",
                   "finance.change_charge"}  # fmt: skip
    page = reverse("finance:bulk-action-undo", args=[action.pk])

    assert client_of(user_with(SEE_WHOLE_INSTITUTE, *permissions)).get(page).status_code == 200
    lesser = client_of(user_with(SEE_WHOLE_INSTITUTE, *permissions - {missing}))
    assert lesser.get(page).status_code == 403
    assert lesser.post(page, {"reason": "Wrong"}).status_code == 403
    assert page not in lesser.get(reverse("finance:bulk-action", args=[action.pk])).content.decode()


def test_undo_page_says_what_it_does(desk, admin, batch, student):
    action = enroll(batch, [student], admin)

    page = desk.get(reverse("finance:bulk-action-undo", args=[action.pk])).content.decode()

    assert "Undo ends the enrollments on their first day and cancels their tuition" in page


def test_confirmation_and_undo_need_the_same_queries_for_many_students(desk, admin, queries_of):
    def count(number):
        batch, students = BatchFactory(), StudentFactory.create_batch(number)
        shown = []
        showing = queries_of(lambda: shown.append(show(desk, batch, students)))
        enrolling = queries_of(lambda: confirm(desk, shown[0]))
        action = BulkAction.objects.latest("pk")
        return showing, enrolling, queries_of(lambda: undo(action, admin))

    count(2)
    assert count(2) == count(12)
