"""Payments, receipts, what is owed: fetch, decide, render. The acts on enrollments are in `enrolling`."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify

from academics.models import Enrollment, Institute
from accounts.models import student_or_404
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display
from coachmaster.core.views import list_page
from finance.documents import receipts
from finance.exports import PAYMENTS
from finance.forms.payments import BounceForm, PaymentFilter, PaymentForm, ReceiptCancelForm
from finance.forms.student_picker import StudentPickerForm
from finance.ledger import amount_paid, fee_status
from finance.models import DayTotal, Mode, Payment, Refund
from finance.services.cancellations import bounce_cheque, cancel_receipt
from finance.services.payments import ReceivedMoney, record_payment

from .student_picker import picked_student, student_picker


def payment_create(request):
    """Who pays, then how much: the receipt follows."""
    pick = StudentPickerForm(request.GET)
    student = picked_student(request, pick)
    if student is None:
        return student_picker(request, pick, "payment")
    form = PaymentForm(request.POST or None)
    if form.is_valid():
        try:
            received = ReceivedMoney(**form.cleaned_data)
            payment = record_payment(student=student, received=received, by=request.user)
        except ValidationError as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request,
                f"Payment of {display(payment.amount)} from {student} recorded. Receipt {payment}.",
            )
            return redirect(payment)
    today = timezone.localdate()
    fees = fee_status(student, today)
    if not form.is_bound:
        form.initial = {
            "token": PaymentForm.new_token(),
            "amount": fees.due_now or (fees.next_due.unpaid if fees.next_due else None),
            "mode": "cash",
            "paid_on": today,
        }
    return render(
        request,
        "finance/payments/form.html",
        {
            "form": form,
            "student": student,
            "fees": fees,
            "enrollment": Enrollment.objects.filter(student=student).latest_first().first(),
        },
    )


def _to_take_back(request, pk):
    payments = (
        Payment.objects.visible_to(request.user)
        .select_related("student__user", "reversal")
        .with_refunded()
    )
    return get_object_or_404(payments, pk=pk)


def _stays(request, payment, heading, *, is_bounce=False):
    """The page that says why a payment of which money was given back stays, and what can be done instead."""
    return render(
        request,
        "finance/payments/not_cancellable.html",
        {
            "payment": payment,
            "refunds": receipts.refunds_of(payment),
            "left": payment.amount - payment.refunded,
            "heading": heading,
            "is_bounce": is_bounce,
        },
    )


def payment_void(request, pk):
    payment = _to_take_back(request, pk)
    heading = f"Void receipt {payment}"
    if payment.is_cancelled:
        messages.error(request, f"Receipt {payment} was voided already.")
        return redirect(payment)
    if payment.refunded:
        return _stays(request, payment, heading)
    form = ReceiptCancelForm(request.POST or None, request=request)
    if form.is_valid():
        try:
            cancel_receipt(payment=payment, by=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(
                request,
                f"Receipt {payment} is void. {display(payment.amount)} is owed again by {payment.student}.",
            )
            return redirect(payment)
    return render(
        request,
        "finance/payments/void.html",
        {
            "form": form,
            "payment": payment,
            "heading": heading,
            "submit": "Void this receipt",
            "back": payment.get_absolute_url(),
            "back_label": f"Receipt {payment}",
        },
    )


def payment_bounce(request, pk):
    """A cheque came back: its amount is owed again, and what the bank takes for it."""
    payment = _to_take_back(request, pk)
    heading = f"The cheque of {payment} bounced"
    if payment.is_cancelled or payment.mode != Mode.CHEQUE:
        messages.error(request, f"Receipt {payment} is no cheque that stands, so it cannot bounce.")
        return redirect(payment)
    if payment.refunded:
        return _stays(request, payment, heading, is_bounce=True)
    usual = Institute.objects.current().bounce_charge
    form = BounceForm(
        request.POST or None,
        request=request,
        initial={"bounced_on": timezone.localdate(), "charge": usual or None},
    )
    if form.is_valid():
        given = form.cleaned_data
        try:
            bounce_cheque(
                payment=payment,
                bounced_on=given["bounced_on"],
                reason=given["reason"],
                charge=given["charge"] or ZERO,
                by=request.user,
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            owed = payment.amount + (given["charge"] or ZERO)
            messages.success(
                request,
                f"The cheque of receipt {payment} bounced. {display(owed)} is owed by {payment.student}.",
            )
            return redirect(payment)
    return render(
        request,
        "finance/payments/bounce.html",
        {
            "form": form,
            "payment": payment,
            "heading": heading,
            "submit": "Take it back",
            "back": payment.get_absolute_url(),
            "back_label": f"Receipt {payment}",
        },
    )


def payment_list(request):
    filters = PaymentFilter(request.GET)
    payments = filters.filter(Payment.objects.visible_to(request.user))
    return list_page(
        request,
        payments.for_list(),
        template="finance/payments/list.html",
        filters=filters,
        sorts={"date": ["paid_on"], "receipt": ["series", "number"]},
        default_sort="-date",
        ids_first=True,
        export=PAYMENTS,
        filename="payments",
        context=lambda: {"total": _total_of_list(filters, payments)},
    )


def _total_of_list(filters, payments):
    days = filters.filter_days(DayTotal.objects.all())
    if days is not None:
        return days.aggregate(total=Sum("amount"))["total"] or ZERO
    return (payments if filters.shows_void else payments.active()).total()


def student_payments(request, pk):
    student = student_or_404(request.user, pk)
    return list_page(
        request,
        Payment.objects.filter(student=student).for_list(),
        template="finance/payments/student.html",
        sorts={"date": ["paid_on"]},
        default_sort="-date",
        export=PAYMENTS,
        filename=f"payments-{slugify(student.admission_number)}",
        context=lambda: {
            "student": student,
            "refunds": Refund.objects.filter(student=student).select_related("payment"),
            "total_paid": amount_paid(student.pk, timezone.localdate()),
        },
    )
