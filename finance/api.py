"""The JSON API about money: enrolling, paying, what is owed. Operations 17, and 19 to 21."""

import hashlib
import re
from datetime import date, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Header, Query, Router, Schema

from academics.api.enrollments import EnrollmentOut, enrollment_json
from academics.models import Batch
from academics.services.clashes import find_student_clashes
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


# Enrolling -------------------------------------------------------------------------------------------------------

ENROLLMENT_FIELDS = {"batch_id": "batch", "enrollment_date": "enrolled_on"}


class EnrollmentIn(Schema):
    """Who joins which batch."""

    student_id: Id = Field(examples=[42])
    batch_id: Id = Field(examples=[12])
    enrollment_date: IsoDate | None = Field(None, description="Today when left out.")


class SavedEnrollment(EnrollmentOut):
    """The enrollment as it was saved."""

    warnings: list[str] | None = Field(
        None,
        description="Where the student has a class of another batch at the same time. Saved all the same.",
        examples=[["Asha Verma has JEE evening on Mon 17:00-18:30."]],
    )


@enrollments.post(
    "",
    auth=Token("academics.add_enrollment"),
    response=responses(201, SavedEnrollment, 400, 401, 403, 404, 409),
    operation_id="enroll",
    summary="Enroll a student",
)
def enroll(request, payload: EnrollmentIn):
    """The student joins the batch at the course's fee, all of it due on the day of enrolling.

    409 when the student has an active enrollment already, or the batch is full or over.
    """
    student = student_or_404(request.user, payload.student_id)
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=payload.batch_id)
    day = payload.enrollment_date or timezone.localdate().isoformat()
    with with_field_names(inverse(ENROLLMENT_FIELDS)):
        # Whether the batch goes on is the service's to say: it answers with a conflict, not with an unknown batch.
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
    saved, clashes = enrollment_json(enrollment), find_student_clashes([student], batch)
    return ApiResponse(
        {**saved, "warnings": [str(clash) for clash in clashes]} if clashes else saved, 201
    )


# Payments --------------------------------------------------------------------------------------------------------

PAYMENT_FIELDS = {
    "payment_date": "paid_on",
    "payment_mode": "mode",
    "advance": "as_advance",
}


class PaymentOut(Schema):
    """Money received, with the number of its receipt."""

    id: Id = Field(examples=[311])
    student_id: Id = Field(examples=[42])
    amount: Rupees = Field(examples=[5000])
    payment_date: date = Field(examples=["2026-11-24"])
    payment_mode: Literal["cash", "card", "upi", "bank_transfer", "cheque"]
    notes: str = Field(examples=["First installment"])
    created_at: datetime = Field(examples=["2026-11-24T17:02:11+05:30"])
    receipt_number: str = Field(examples=["CM/26-27/00042"])
    reference: str = Field(description="Of the bank.", examples=["632912345678"])
    voided: bool = Field(description="Whether it was taken back; then it does not count.")


def payment_json(payment, *, is_new=False):
    """A payment as the API says it; ``payment`` comes with its reversal, or ``is_new`` and can have none yet."""
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
    }


class PaymentIn(Schema):
    """Money received."""

    student_id: Id = Field(examples=[42])
    amount: Amount = Field(
        description="In rupees, above 0, with at most two decimals.", examples=[5000]
    )
    payment_date: IsoDate | None = Field(None, description="Today when left out.")
    payment_mode: Literal["cash", "card", "upi", "bank_transfer"] = Field("cash", examples=["upi"])
    reference: str | None = Field(
        None, description="Needed for upi and bank_transfer.", examples=["632912345678"]
    )
    notes: str | None = Field(None, examples=["First installment"])
    advance: bool = Field(
        False, strict=True, description="Keep what is more than owed as an advance."
    )
    confirm_duplicate: bool = Field(
        False,
        strict=True,
        description="Without an Idempotency-Key: record it although it is like one of the last ten minutes.",
    )


def _token_for(key):
    """The one-time token that stands for an Idempotency-Key: of the same length, and no form's."""
    if not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise ValidationError(
            {"Idempotency-Key": "Use 1 to 255 printable ASCII characters, like a UUID."}
        )
    return f"api-{hashlib.sha256(key.encode()).hexdigest()[:60]}"


@payments.post(
    "",
    auth=Token("finance.add_payment"),
    response={**responses(201, PaymentOut, 400, 401, 403, 404, 409), 200: PaymentOut},
    operation_id="record_payment",
    summary="Record a payment",
)
def record_payment(
    request,
    payload: PaymentIn,
    idempotency_key: str | None = Header(
        None,
        alias="Idempotency-Key",
        description="One for each payment, like a UUID, sent again with each retry.",
        examples=["5b1d7a3e-6c52-4c6e-9a55-1f3f0a4f9a10"],
    ),
):
    """Draws a receipt number. Send an `Idempotency-Key`: however often the call is repeated, one payment is recorded.

    The same key again answers the same payment with 200; with other content 409. Without a key, a payment like one of
    the last ten minutes (same student, same amount) is refused with 409 unless `confirm_duplicate` is true. More than
    is owed is refused with 409 unless `advance` is true.
    """
    token = PaymentForm.new_token() if idempotency_key is None else _token_for(idempotency_key)
    student = student_or_404(request.user, payload.student_id)
    values = sent_values(payload, PAYMENT_FIELDS)
    del values["student_id"]
    values = {"mode": Mode.CASH, **values, "token": token}
    if values.get("paid_on") is None:
        # A retry after midnight says the same as the first try did.
        earlier = None if idempotency_key is None else Payment.objects.filter(token=token).first()
        values["paid_on"] = earlier.paid_on if earlier else timezone.localdate()
    if idempotency_key is not None:
        values["confirm_duplicate"] = True
    with with_field_names(inverse(PAYMENT_FIELDS)):
        try:
            payment = payments_services.record_payment(
                student=student,
                received=payments_services.ReceivedMoney(**cleaned(PaymentForm(values))),
                by=request.user,
            )
        except TokenAlreadyUsed as refusal:
            raise TokenAlreadyUsed(
                f"This Idempotency-Key was used for receipt {refusal.earlier} already, with other content. Nothing more "
                "was saved. Use a new key for another payment."
            ) from refusal
        except ExceedsDues as refusal:
            sentence = f"{display(refusal.dues)} is owed. Send “advance”: true to keep the rest as an advance."
            raise ExceedsDues({"amount": sentence}) from refusal
        except PossibleDuplicate as refusal:
            raise PossibleDuplicate(
                f"This is like receipt {refusal.earlier} of the last minutes. Send “confirm_duplicate”: true if it is a "
                "second payment, and an Idempotency-Key with each payment to be safe."
            ) from refusal
    return ApiResponse(
        payment_json(payment, is_new=not payment.is_repeat), 200 if payment.is_repeat else 201
    )


class PaymentList(ResultPage):
    """A page of a student's payments."""

    payments: list[PaymentOut]
    total_paid: Rupees = Field(
        description="By payments that stand, less what was given back.", examples=[5000]
    )


@students.get(
    "/{int:student_id}/payments",
    auth=Token("finance.view_payment"),
    response=responses(200, PaymentList, 400, 401, 403, 404),
    operation_id="list_payments",
    summary="A student's payments",
)
def list_payments(request, student_id: Id, paging: Query[Paging]):
    """All payments, the newest first; voided ones are among them, but not in `total_paid`."""
    student = student_or_404(request.user, student_id)
    found = (
        Payment.objects.filter(student=student)
        .select_related("reversal")
        .order_by("-paid_on", "-pk")
    )
    total_paid = amount_paid(student.pk, timezone.localdate())
    return list_response(request, paging, "payments", found, payment_json, total_paid=total_paid)


# What is owed ----------------------------------------------------------------------------------------------------


class NextDue(Schema):
    """The first charge that is open."""

    due_date: date = Field(examples=["2026-12-01"])
    amount: Rupees = Field(description="What is open of it.", examples=[2000])


class FeeStatusOut(Schema):
    """How a student stands: total_fee − concessions − total_paid = balance. Amounts in rupees."""

    total_fee: Rupees = Field(description="All that was charged.", examples=[12000])
    concessions: Rupees = Field(description="What was taken off it.", examples=[0])
    total_paid: Rupees = Field(description="Less what was given back.", examples=[5000])
    balance: Rupees = Field(
        description="Still owed; below zero when more was paid.", examples=[7000]
    )
    status: Literal["advance", "paid", "overdue", "due", "upcoming"]
    part_paid: bool = Field(description="Whether something was paid and something is owed.")
    overdue: Rupees = Field(description="Owed before today.", examples=[5000])
    next_due: NextDue | None


def fee_status_json(key):
    """Operation 21 for the student of that ``key``, as things stand today."""
    fees = fee_status(key, timezone.localdate())
    coming = fees.next_due
    return {
        "total_fee": fees.total_fee,
        "concessions": fees.conceded,
        "total_paid": fees.total_paid,
        "balance": fees.balance,
        "status": fees.status,
        "part_paid": fees.is_part_paid,
        "overdue": fees.overdue,
        "next_due": coming and {"due_date": coming.charge.due_on, "amount": coming.unpaid},
    }


@students.get(
    "/{int:student_id}/fee-status",
    auth=Token("finance.view_payment"),
    response=responses(200, FeeStatusOut, 401, 403, 404),
    operation_id="get_fee_status",
    summary="A student's fee status",
)
def get_fee_status(request, student_id: Id):
    """What is owed and since when, as things stand today."""
    if not StudentProfile.objects.visible_to(request.user).filter(pk=student_id).exists():
        raise Http404
    return ApiResponse(fee_status_json(student_id))
