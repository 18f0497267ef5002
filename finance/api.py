"""The JSON API of enrollments, payments and fees."""

import hashlib
import re
from contextlib import contextmanager
from datetime import date, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Header, Query, Router, Schema

from academics.api.batches import BatchId
from academics.api.enrollments import EnrollmentOut, enrollment_json
from academics.models import Batch
from academics.services.clashes import find_student_clashes, without_hidden_batches
from accounts.api.people import StudentPath, UserId
from accounts.models import StudentProfile, student_or_404
from accounts.tokens import Token
from coachmaster.core.api import (
    Amount,
    ApiResponse,
    Id,
    IsoDate,
    Paging,
    ResultPage,
    Rupees,
    cleaned,
    error_examples,
    inverse,
    list_response,
    responses,
    sent_values,
    with_field_names,
)
from coachmaster.core.money import display
from finance.forms.enrollments import EnrollmentForm
from finance.forms.payments import PaymentForm
from finance.services.payments import ExceedsDues, PossibleDuplicate, TokenAlreadyUsed

from .ledger import amount_paid, fee_status
from .models import Mode, Payment
from .services import enrollments as enrollments_services
from .services import payments as payments_services

enrollments = Router(tags=["Enrollments"])
payments = Router(tags=["Payments"])
students = Router(tags=["Students"])


# Enrollments -----------------------------------------------------------------------------------

ENROLLMENT_FIELDS = {"batch_id": "batch", "enrollment_date": "enrolled_on"}


class EnrollmentIn(Schema):
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    batch_id: BatchId = Field(examples=[12])
    enrollment_date: IsoDate | None = Field(
        None, description="First day; today by default.", examples=["2026-11-24"]
    )


class SavedEnrollment(EnrollmentOut):
    warnings: list[str] | None = Field(
        None,
        description="Classes of the student in another batch at the same time. Saved anyway.",
        examples=[["Asha Verma has JEE evening on Mon 17:00-18:30."]],
    )


@enrollments.post(
    "",
    auth=Token("academics.add_enrollment"),
    response=responses(201, SavedEnrollment, 400, 401, 403, 404, 409),
    operation_id="enroll",
    summary="Enroll a student",
    openapi_extra=error_examples(
        (400, "enrollment_date", "Enter a valid date, like 2026-11-24."),
        (409, "batch_id", "JEE morning is full: all 40 seats are taken."),
    ),
)
def enroll(request, payload: EnrollmentIn):
    """Enroll a student at the fee of the course, due on the day of enrollment.

    409 if the student has an active enrollment, or the batch is full or has ended.
    """
    student = student_or_404(request.user, payload.student_id)
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=payload.batch_id)
    day = payload.enrollment_date or timezone.localdate().isoformat()
    with with_field_names(inverse(ENROLLMENT_FIELDS)):
        # The form accepts any batch: for one that has ended, the service raises Conflict.
        form = EnrollmentForm(
            {"batch": batch.pk, "enrolled_on": day}, batches=Batch.objects.filter(pk=batch.pk)
        )
        values = cleaned(form)
        enrollment = enrollments_services.enroll(
            student=student,
            batch=values["batch"],
            enrolled_on=values["enrolled_on"],
            by=request.user,
        )
    clashes = without_hidden_batches(find_student_clashes([student], batch), request.user)
    warnings = {"warnings": [str(clash) for clash in clashes]} if clashes else {}
    return ApiResponse({**enrollment_json(enrollment), **warnings}, 201)


# Payments --------------------------------------------------------------------------------------

PAYMENT_FIELDS = {
    "payment_date": "paid_on",
    "payment_mode": "mode",
    "cheque_date": "cheque_on",
    "advance": "as_advance",
}


class PaymentOut(Schema):
    id: Id = Field(description="Id of the payment.", examples=[311])
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    amount: Rupees = Field(description="In rupees.", examples=[5000])
    payment_date: date = Field(description="Day it was received.", examples=["2026-11-24"])
    payment_mode: Literal["cash", "card", "upi", "bank_transfer", "cheque"] = Field(
        description="Payment mode."
    )
    notes: str = Field(description="Notes of the office.", examples=["First installment"])
    created_at: datetime = Field(
        description="When it was recorded.", examples=["2026-11-24T17:02:11+05:30"]
    )
    receipt_number: str = Field(description="Receipt number.", examples=["CM/26-27/00042"])
    reference: str = Field(description="Bank reference.", examples=["632912345678"])
    voided: bool = Field(description="Whether the receipt was cancelled.")
    cleared: bool = Field(
        description="Whether it counts as paid: false for a cheque that the bank has not paid yet."
    )


def payment_json(payment, *, is_new=False):
    """Return a payment, loaded with reversal and clearing or ``is_new``, as JSON."""
    return {
        "id": payment.pk,
        "student_id": payment.student_id,
        "amount": payment.amount,
        "payment_date": payment.paid_on,
        "payment_mode": payment.mode,
        "notes": payment.notes,
        "created_at": payment.recorded_at,
        "receipt_number": payment.receipt_number,
        "reference": payment.reference,
        "voided": not is_new and payment.is_cancelled,
        "cleared": payment.mode != Mode.CHEQUE if is_new else payment.is_cleared,
    }


class PaymentIn(Schema):
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    amount: Amount = Field(
        description="In rupees, above 0, with at most two decimals.", examples=[5000]
    )
    payment_date: IsoDate | None = Field(
        None, description="Today by default.", examples=["2026-11-24"]
    )
    payment_mode: Literal["cash", "card", "upi", "bank_transfer", "cheque"] = Field(
        "cash", description="Payment mode.", examples=["upi"]
    )
    reference: str | None = Field(
        None,
        description="Bank reference or number of the cheque; required for upi, bank_transfer and "
        "cheque.",
        examples=["632912345678"],
    )
    cheque_date: IsoDate | None = Field(
        None,
        description="Date on the cheque; by default that of the payment.",
        examples=["2026-11-24"],
    )
    notes: str | None = Field(None, description="Notes.", examples=["First installment"])
    advance: bool = Field(
        False, strict=True, description="Keep an amount above the dues as an advance."
    )
    confirm_duplicate: bool = Field(
        False,
        strict=True,
        description="Record it although a similar payment was recorded in the last ten minutes.",
    )


@payments.post(
    "",
    auth=Token("finance.add_payment"),
    response={**responses(201, PaymentOut, 400, 401, 403, 404, 409), 200: PaymentOut},
    operation_id="record_payment",
    summary="Record a payment",
    openapi_extra=error_examples(
        (400, "reference", "Enter the reference of the UPI payment, as the bank shows it."),
        (409, "amount", "Dues are ₹7,000.00. Send “advance”: true to keep the rest as an advance."),
    ),
)
def record_payment(
    request,
    payload: PaymentIn,
    idempotency_key: str | None = Header(
        None,
        alias="Idempotency-Key",
        description="A new key for each payment, like a UUID; the same key for each retry.",
    ),
):
    """Record a payment and issue its receipt.

    With an `Idempotency-Key`, repeated calls record one payment: the same key again returns it with
    200, or 409 if the content differs. Without a key, a payment of the same amount by the same
    student within ten minutes is refused with 409 unless `confirm_duplicate` is true. An amount
    above the dues is refused with 409 unless `advance` is true.
    """
    student = student_or_404(request.user, payload.student_id)
    values = _payment_values(payload, idempotency_key)
    with with_field_names(inverse(PAYMENT_FIELDS)), _messages_for_programs():
        payment = payments_services.record_payment(
            student=student,
            received=payments_services.ReceivedMoney(**cleaned(PaymentForm(values))),
            by=request.user,
        )
    data = payment_json(payment, is_new=not payment.is_repeat)
    return ApiResponse(data, 200 if payment.is_repeat else 201)


def _payment_values(payload, idempotency_key):
    values = {"mode": Mode.CASH, **sent_values(payload, PAYMENT_FIELDS)}
    del values["student_id"]
    earlier = None
    if idempotency_key is None:
        values["token"] = PaymentForm.new_token()
    else:
        values["token"] = _token_for(idempotency_key)
        values["confirm_duplicate"] = True
        earlier = Payment.objects.filter(token=values["token"]).first()
    if values.get("paid_on") is None:
        # A retry after midnight must have the same date as the first try.
        values["paid_on"] = earlier.paid_on if earlier else timezone.localdate()
    if values["mode"] == Mode.CHEQUE and values.get("cheque_on") is None:
        values["cheque_on"] = values["paid_on"]
    return values


def _token_for(key):
    """Return the one-time token for an Idempotency-Key; it never equals the token of a form."""
    if not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise ValidationError(
            {"Idempotency-Key": "Use 1 to 255 printable ASCII characters, like a UUID."}
        )
    return f"api-{hashlib.sha256(key.encode()).hexdigest()[:60]}"


@contextmanager
def _messages_for_programs():
    """Replace the messages that refer to the checkboxes of the payment form."""
    try:
        yield
    except TokenAlreadyUsed as error:
        raise TokenAlreadyUsed(
            f"This Idempotency-Key was used for {error.used_for} already, with other "
            "content. Nothing more was saved. Use a new key for another payment."
        ) from error
    except ExceedsDues as error:
        message = (
            f"Dues are {display(error.dues)}. Send “advance”: true to keep the rest as an advance."
        )
        raise ExceedsDues({"amount": message}) from error
    except PossibleDuplicate as error:
        raise PossibleDuplicate(
            f"Receipt {error.earlier} of the last minutes has the same amount. Send "
            "“confirm_duplicate”: true if this is a second payment, and an Idempotency-Key "
            "with each payment to be safe."
        ) from error


class PaymentList(ResultPage):
    payments: list[PaymentOut] = Field(description="Payments on this page.")
    total_paid: Rupees = Field(
        description="Payments less refunds; without cancelled receipts, and cheques that have not "
        "cleared.",
        examples=[5000],
    )


@students.get(
    "/{int:student_id}/payments",
    auth=Token("finance.view_payment"),
    response=responses(200, PaymentList, 400, 401, 403, 404),
    operation_id="list_payments",
    summary="List a student's payments",
)
def list_payments(request, student_id: StudentPath, paging: Query[Paging]):
    """Return all payments, newest first; `total_paid` is without cancelled receipts."""
    student = student_or_404(request.user, student_id)
    rows = Payment.objects.filter(student=student).select_related("reversal", "clearing")
    rows = rows.order_by("-paid_on", "-pk")
    total_paid = amount_paid(student.pk, timezone.localdate())
    return list_response(request, paging, "payments", rows, payment_json, total_paid=total_paid)


# Fee status ------------------------------------------------------------------------------------


class NextDue(Schema):
    due_date: date = Field(description="Due date.", examples=["2026-12-01"])
    amount: Rupees = Field(description="Unpaid amount due on that date.", examples=[2000])


class FeeStatusOut(Schema):
    """A student's fees: total_fee − concessions − total_paid = balance. Amounts in rupees."""

    total_fee: Rupees = Field(description="All charges.", examples=[12000])
    concessions: Rupees = Field(description="All concessions.", examples=[0])
    total_paid: Rupees = Field(description="Payments less refunds.", examples=[5000])
    balance: Rupees = Field(description="Unpaid amount; negative for an advance.", examples=[7000])
    uncleared: Rupees = Field(
        description="Cheques that have not cleared; total_paid is without them.", examples=[0]
    )
    status: Literal["advance", "paid", "overdue", "due", "upcoming"] = Field(
        description="Status of the fees."
    )
    part_paid: bool = Field(description="Whether the fees are paid in part.")
    overdue: Rupees = Field(
        description="Unpaid amount with a due date before today.", examples=[5000]
    )
    overdue_since: date | None = Field(
        description="Due date of the oldest overdue amount; null without one.",
        examples=["2026-11-01"],
    )
    due_today: Rupees = Field(description="Unpaid amount with today's due date.", examples=[0])
    later: Rupees = Field(description="Unpaid amount with a due date after today.", examples=[2000])
    next_due: NextDue | None = Field(
        description="The oldest unpaid due date; null without unpaid installments."
    )
    dues: str = Field(
        description="All of this in words, as on the pages.",
        examples=["₹5,000 overdue since 1 Nov · ₹2,000 later"],
    )


def fee_status_json(student_id):
    fees = fee_status(student_id, timezone.localdate())
    amounts = fees.amounts
    return {
        "total_fee": fees.total_fee,
        "concessions": fees.conceded,
        "total_paid": fees.total_paid,
        "balance": fees.balance,
        "uncleared": fees.uncleared,
        "status": fees.status,
        "part_paid": fees.is_part_paid,
        "overdue": amounts.overdue,
        "overdue_since": amounts.overdue_since,
        "due_today": amounts.due_today,
        "later": amounts.later,
        "next_due": amounts.first and dict(zip(("due_date", "amount"), amounts.first, strict=True)),
        "dues": str(amounts),
    }


@students.get(
    "/{int:student_id}/fee-status",
    auth=Token("finance.view_payment"),
    response=responses(200, FeeStatusOut, 401, 403, 404),
    operation_id="get_fee_status",
    summary="Get a student's fee status",
)
def get_fee_status(request, student_id: StudentPath):
    """Return the fees, dues and balance of a student as of today."""
    if not StudentProfile.objects.visible_to(request.user).filter(pk=student_id).exists():
        raise Http404
    return ApiResponse(fee_status_json(student_id))
