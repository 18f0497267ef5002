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
from coachmaster.core.views import form_page, list_page
from finance.documents.receipts import refunds_of
from finance.exports import PAYMENTS
from finance.forms.payments import BounceForm, PaymentFilter, PaymentForm, ReceiptCancelForm
from finance.forms.student_picker import StudentPickerForm
from finance.ledger import fee_status, received_from
from finance.models import DayTotal, Mode, Payment, Refund
from finance.services.cancellations import bounce_cheque, cancel_receipt, most_bounce_charge
from finance.services.payments import ReceivedMoney, record_payment

from .student_picker import picked_student, student_picker


def payment_create(request):
    picker = StudentPickerForm(request.GET)
    student = picked_student(request, picker)
    if student is None:
        return student_picker(request, picker, "payment")
    form = PaymentForm(request.POST or None)
    if form.is_valid():
        try:
            received = ReceivedMoney(**form.cleaned_data)
            payment = record_payment(student=student, received=received, by=request.user)
        except ValidationError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _payment_message(payment, student))
            return redirect(payment)
    today = timezone.localdate()
    fees = fee_status(student, today)
    enrollments = Enrollment.objects.visible_to(request.user)
    if not form.is_bound:
        expected = fees.if_cleared
        form.initial |= {
            "amount": expected.due_now or (expected.next_due and expected.next_due.unpaid),
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
            "enrollment": enrollments.filter(student=student).latest_first().first(),
        },
    )


def _payment_message(payment, student):
    message = f"Payment of {display(payment.amount)} from {student} recorded. Receipt {payment}."
    return message if payment.is_cleared else f"{message} It counts once the cheque has cleared."


def _get_payment(request, pk):
    payments = Payment.objects.visible_to(request.user).with_refunded()
    return get_object_or_404(payments.select_related("student__user", "reversal"), pk=pk)


def _not_cancellable_page(request, payment, title, *, is_bounce=False):
    return render(
        request,
        "finance/payments/not_cancellable.html",
        {
            "payment": payment,
            "refunds": refunds_of(payment),
            "left": payment.amount - payment.refunded,
            "title": title,
            "is_bounce": is_bounce,
        },
    )


def payment_void(request, pk):
    """Cancel a receipt that was entered by mistake."""
    payment = _get_payment(request, pk)
    title = f"Cancel receipt {payment}"
    if payment.is_cancelled:
        messages.error(request, f"Receipt {payment} is already cancelled.")
        return redirect(payment)
    if payment.refunded:
        return _not_cancellable_page(request, payment, title)
    form = ReceiptCancelForm(request.POST or None, request=request)
    if form.is_valid():
        try:
            cancel_receipt(payment=payment, by=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(
                request,
                f"Receipt {payment} of {payment.student} cancelled. "
                f"{display(payment.amount)} is due again.",
            )
            return redirect(payment)
    return form_page(
        request,
        form,
        title=title,
        template="finance/payments/cancel.html",
        submit="Cancel receipt",
        back=payment.get_absolute_url(),
        back_label=f"Receipt {payment}",
        context={"payment": payment},
    )


def payment_bounce(request, pk):
    """Cancel the receipt of a bounced cheque and charge for it."""
    payment = _get_payment(request, pk)
    title = f"Bounced cheque of receipt {payment}"
    if payment.is_cancelled or payment.mode != Mode.CHEQUE:
        reason = "is cancelled" if payment.is_cancelled else "was not paid by cheque"
        messages.error(request, f"Receipt {payment} {reason}, so no cheque can bounce.")
        return redirect(payment)
    if payment.refunded:
        return _not_cancellable_page(request, payment, title, is_bounce=True)
    usual = Institute.objects.current().bounce_charge
    form = BounceForm(
        request.POST or None,
        request=request,
        most_charge=most_bounce_charge(request.user),
        initial={"bounced_on": timezone.localdate(), "charge": usual or None},
    )
    if form.is_valid() and _bounce(request, payment, form):
        return redirect(payment)
    return form_page(
        request,
        form,
        title=title,
        template="finance/payments/bounce.html",
        submit="Save bounced cheque",
        back=payment.get_absolute_url(),
        back_label=f"Receipt {payment}",
        context={"payment": payment},
    )


def _bounce(request, payment, form):
    data = form.cleaned_data
    charge = data["charge"] or ZERO
    try:
        bounce_cheque(
            payment=payment,
            bounced_on=data["bounced_on"],
            reason=data["reason"],
            charge=charge,
            by=request.user,
        )
    except ValidationError as refusal:
        add_errors(form, refusal)
        return False
    messages.success(
        request,
        f"The cheque of receipt {payment} bounced. "
        f"{display(payment.amount + charge)} is due from {payment.student}.",
    )
    return True


def payment_list(request):
    filters = PaymentFilter(request.GET)
    payments = filters.apply(Payment.objects.visible_to(request.user))
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
        context=lambda: {
            "total": _list_total(filters, payments),
            "uncleared": ZERO if filters.shows_cancelled else payments.uncleared().total(),
        },
    )


def _list_total(filters, payments):
    day_totals = filters.apply_to_day_totals(DayTotal.objects.all())
    if day_totals is not None:
        return day_totals.aggregate(total=Sum("amount"))["total"] or ZERO
    return (payments if filters.shows_cancelled else payments.active()).total()


def student_payments(request, pk):
    student = student_or_404(request.user, pk)
    received = received_from(student.pk, timezone.localdate())
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
            "total_paid": received.paid,
            "uncleared": received.uncleared,
        },
    )
