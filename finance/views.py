"""Payments, receipts, what is owed: fetch, decide, render. The acts on enrollments are in `enrolling`."""

import datetime
import itertools

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from academics.models import Batch, Enrollment, Institute
from accounts import throttling
from accounts.models import student_or_404
from coachmaster.core.archives import zip_answer
from coachmaster.core.exports import list_file
from coachmaster.core.forms import show_refusal
from coachmaster.core.money import ZERO, display
from coachmaster.core.pagination import every_row, listing
from coachmaster.core.qr import qr_svg

from . import concessions, documents, ledger, printing, receipts, services, statements, verification
from .forms import BounceForm, PaperForm, PaymentFilter, PaymentForm, PickForm, VoidForm
from .gst import SAC
from .models import Charge, DayTotal, Mode, Payment, Refund
from .picking import picked_student, student_picker
from .tables import CHARGES, PAYMENTS, STATEMENT

# Taking a payment -----------------------------------------------------------------------------------------------


def payment_create(request):
    """Who pays, then how much: the receipt follows."""
    pick = PickForm(request.GET)
    student = picked_student(request, pick)
    if student is None:
        return student_picker(request, pick, "payment")
    form = PaymentForm(request.POST or None)
    if form.is_valid():
        try:
            payment = services.record_payment(student=student, by=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request, f"Payment of {display(payment.amount)} from {student} recorded. Receipt {payment}."
            )
            return redirect(payment)
    today = timezone.localdate()
    fees = ledger.fee_status(student, today)
    if not form.is_bound:
        form.initial = {
            "token": PaymentForm.new_token(),
            "amount": fees.due_now or (fees.next_due.open if fees.next_due else None),
            "mode": "cash",
            "paid_on": today,
        }
    return render(
        request,
        "finance/payment_form.html",
        {
            "form": form,
            "student": student,
            "fees": fees,
            "enrollment": Enrollment.objects.filter(student=student).latest_first().first(),
        },
    )


# Receipts -------------------------------------------------------------------------------------------------------


def receipt(request, pk):
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_paper(), pk=pk)
    return render(
        request,
        "finance/receipt.html",
        {
            "payment": payment,
            "student": payment.student,
            "tax": receipts.tax_of(payment),
            "sac": SAC,
            "reference": receipts.reference_words(payment),
            "refunds": receipts.refunds_of(payment),
            "whatsapp": receipts.whatsapp_link_of(payment, Institute.objects.for_page_heads()),
            "code": qr_svg(receipts.check_url(payment), title="QR code of the page that checks this receipt"),
        },
    )


@require_safe
def receipt_pdf(request, pk):
    """The receipt on A5, or with ``?size=a4`` on A4; from the second printing on it says "Duplicate"."""
    form = PaperForm(request.GET)
    if not form.is_valid():
        raise Http404("Receipts are printed on A5 or A4.")
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_paper(), pk=pk)
    is_duplicate = printing.count_print(payment, by=request.user) > 1 if request.method == "GET" else True
    data = receipts.receipt_data(payment, is_duplicate=is_duplicate)
    return _pdf(documents.receipt_pdf(data, paper=form.cleaned_data["size"]), f"receipt-{payment}")


@require_POST
def receipt_printed(request, pk):
    """The page of the receipt is being printed: its script says so."""
    payment = get_object_or_404(Payment.objects.visible_to(request.user), pk=pk)
    printing.count_print(payment, by=request.user)
    return HttpResponse(status=204)


def _pdf(content, name):
    """A PDF that the browser shows; saved, it has that name."""
    disposition = content_disposition_header(False, f"{documents.file_word(name)}.pdf")
    return HttpResponse(content, content_type="application/pdf", headers={"Content-Disposition": disposition})


CHECKS = throttling.Limit("receipt check: address", 60, datetime.timedelta(hours=1))


@login_not_required
@never_cache
@throttling.slowed
def receipt_check(request, token):
    """Whether a receipt is genuine and stands, for anyone who holds it; it tells no more than the paper in their hand."""
    throttling.count((CHECKS, throttling.client_address(request)))
    payments = Payment.objects.select_related("student__user", "reversal").with_refunded()
    payment = payments.filter(pk=verification.receipt_of(token)).first()
    first_name = payment.student.user.full_name.partition(" ")[0] if payment else ""
    return render(
        request,
        "finance/receipt_check.html",
        {"payment": payment, "first_name": first_name},
        status=200 if payment else 404,
    )


def _to_take_back(request, pk):
    payments = Payment.objects.visible_to(request.user).select_related("student__user", "reversal").with_refunded()
    return get_object_or_404(payments, pk=pk)


def _stays(request, payment, heading, *, is_bounce=False):
    """The page that says why a payment of which money was given back stays, and what can be done instead."""
    return render(
        request,
        "finance/payment_stays.html",
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
    if payment.is_void:
        messages.error(request, f"Receipt {payment} was voided already.")
        return redirect(payment)
    if payment.refunded:
        return _stays(request, payment, heading)
    form = VoidForm(request.POST or None, request=request)
    if form.is_valid():
        try:
            services.void(payment=payment, by=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request,
                f"Receipt {payment} is void. {display(payment.amount)} is owed again by {payment.student}.",
            )
            return redirect(payment)
    return render(
        request,
        "finance/payment_void.html",
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
    if payment.is_void or payment.mode != Mode.CHEQUE:
        messages.error(request, f"Receipt {payment} is no cheque that stands, so it cannot bounce.")
        return redirect(payment)
    if payment.refunded:
        return _stays(request, payment, heading, is_bounce=True)
    usual = Institute.objects.current().bounce_charge
    form = BounceForm(
        request.POST or None, request=request, initial={"bounced_on": timezone.localdate(), "charge": usual or None}
    )
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.bounce(
                payment=payment,
                bounced_on=given["bounced_on"],
                reason=given["reason"],
                charge=given["charge"] or ZERO,
                by=request.user,
            )
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            owed = payment.amount + (given["charge"] or ZERO)
            messages.success(
                request, f"The cheque of receipt {payment} bounced. {display(owed)} is owed by {payment.student}."
            )
            return redirect(payment)
    return render(
        request,
        "finance/payment_bounce.html",
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
    found = filters.filter(Payment.objects.visible_to(request.user))
    listed = (request, found.for_list(), {"date": ["paid_on"], "receipt": ["series", "number"]})
    if file := list_file(request, "payments", PAYMENTS, every_row(*listed, default="-date")):
        return file
    days = filters.filter_days(DayTotal.objects.all())
    if days is not None:
        total = days.aggregate(total=Sum("amount"))["total"] or ZERO
    else:
        total = (found if filters.shows_void else found.live()).total()
    payments = listing(*listed, default="-date", keys_first=True)
    return render(request, "finance/payment_list.html", {"payments": payments, "filters": filters, "total": total})


# One student ----------------------------------------------------------------------------------------------------


def student_payments(request, pk):
    student = student_or_404(request.user, pk)
    listed = (request, Payment.objects.filter(student=student).for_list(), {"date": ["paid_on"]})
    every = every_row(*listed, default="-date")
    if file := list_file(request, f"payments-{slugify(student.admission_number)}", PAYMENTS, every):
        return file
    return render(
        request,
        "finance/student_payments.html",
        {
            "student": student,
            "payments": listing(*listed, default="-date"),
            "refunds": Refund.objects.filter(student=student).select_related("payment"),
            "total_paid": ledger.paid_by(student.pk, timezone.localdate()),
        },
    )


def student_fees(request, pk):
    student = student_or_404(request.user, pk)
    fees = ledger.fee_status(student, timezone.localdate())
    if file := list_file(request, f"charges-{student.admission_number}", CHARGES, fees.lines):
        return file
    pay = statements.pay_by_upi(student, Institute.objects.for_page_heads(), fees)
    return render(
        request,
        "finance/student_fees.html",
        {
            "student": student,
            "fees": fees,
            "pay": pay,
            "code": qr_svg(pay.link, title="QR code to pay by UPI") if pay else "",
            "open_tuition": fees.open_tuition,
            "concessions": concessions.history(student) if request.user.has_perm("finance.view_concession") else [],
            "cancelled": Charge.objects.filter(student=student).cancelled(),
        },
    )


def statement(request, pk):
    """Everything that was charged, taken off, paid and given back until today, with the balance after each."""
    student = student_or_404(request.user, pk)
    data = statements.statement_data(student, Institute.objects.for_page_heads(), timezone.localdate())
    balances = itertools.accumulate(line.amount for line in data.lines)
    if file := list_file(
        request, f"statement-{student.admission_number}", STATEMENT, zip(data.lines, balances, strict=True)
    ):
        return file
    return render(
        request,
        "finance/statement.html",
        {
            "student": student,
            "statement": documents.statement_words(data),
            "pay": data.upi,
            "code": qr_svg(data.upi.link, title="QR code to pay by UPI") if data.upi else "",
        },
    )


def statement_pdf(request, pk):
    """The same on paper."""
    student = student_or_404(request.user, pk)
    data = statements.statement_data(student, Institute.objects.for_page_heads(), timezone.localdate())
    return _pdf(documents.statement_pdf(data), f"statement-{student.admission_number}")


def batch_statements(request, pk):
    """The statements of all who are or were in a batch, as a ZIP of PDFs that is sent while it is made."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    today = timezone.localdate()
    made = statements.statements_of(
        statements.students_with_fees(batch=batch), Institute.objects.for_page_heads(), today
    )
    return zip_answer(
        documents.file_word(f"statements-{batch.code or batch.name}-{today}"), documents.statement_pdfs(made)
    )
