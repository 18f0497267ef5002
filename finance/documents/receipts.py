"""What the receipt of a payment says: on paper, on its page, in a message, and to whoever checks it."""

from django.conf import settings
from django.urls import reverse

from coachmaster.core.dates import format_date
from coachmaster.core.money import display
from coachmaster.core.phones import display_phone, whatsapp_url
from coachmaster.core.reminders import whatsapp_phone
from finance.gst import tax_within
from finance.models import Mode
from finance.verification import receipt_token

from .data import LetterheadData, ReceiptData
from .pdf import balance_label


def letterhead_data(institute):
    """The institute, or a receipt's letterhead, as the top of a paper shows it."""
    return LetterheadData(
        institute.name,
        institute.address,
        display_phone(institute.phone),
        institute.email,
        institute.gstin,
    )


def included_tax(payment):
    """The tax within a payment, by the letterhead it was given with; None when that has no GSTIN."""
    head = payment.letterhead
    if not head.gstin:
        return None
    return tax_within(
        payment.amount, head.gst_percent, place=payment.place_of_supply, home=head.home
    )


def reference_label(payment):
    """The bank's reference, or a cheque's number and date; "" when it has none."""
    if payment.mode == Mode.CHEQUE:
        return f"No. {payment.reference} dated {format_date(payment.cheque_on)}"
    return payment.reference


def cancellation_note(payment):
    """When and why a payment was voided; "" when it stands."""
    if not payment.is_cancelled:
        return ""
    return f"Cancelled on {format_date(payment.reversal.voided_on)}: {payment.reversal.reason}"


def refunds_of(payment):
    """What was given back of a payment loaded ``with_refunded``, in order of date; no query when nothing was."""
    return list(payment.refunds.order_by("refunded_on", "pk")) if payment.refunded else []


def refund_note(refund):
    """A refund as the receipt of its payment names it."""
    return f"{display(refund.amount)} of it was given back on {format_date(refund.refunded_on)}, voucher {refund}."


def check_url(payment):
    """The address of the open page that shows whether the receipt is genuine."""
    return settings.SITE_URL + reverse("finance:receipt-check", args=[receipt_token(payment.pk)])


def receipt_data(payment, *, is_duplicate=False):
    """What the receipt of ``payment``, loaded ``for_receipt``, says on paper."""
    batch = payment.enrollment.batch if payment.enrollment else None
    return ReceiptData(
        head=letterhead_data(payment.letterhead),
        number=payment.receipt_number,
        paid_on=payment.paid_on,
        student=payment.student.user.full_name,
        admission_number=payment.student.admission_number,
        settled=payment.settled_lines,
        amount=payment.amount,
        mode=payment.get_mode_display(),
        balance_after=payment.balance_after,
        batch=f"{batch.name}, {batch.course.name}" if batch else "",
        reference=reference_label(payment),
        received_by=payment.received_by.full_name if payment.received_by else "",
        note=payment.notes,
        tax=included_tax(payment),
        check_url=check_url(payment),
        is_duplicate=is_duplicate,
        cancelled=cancellation_note(payment),
        given_back=[refund_note(refund) for refund in refunds_of(payment)],
    )


def receipt_whatsapp_link(payment, institute):
    """The link that opens WhatsApp with the receipt in words, to the guardian or the student; "" without a mobile number
    or when the payment is void."""
    if payment.is_cancelled:
        return ""
    text = (
        f"{institute.name} received {display(payment.amount)} from {payment.student} on {format_date(payment.paid_on)}. "
        f"Receipt {payment}. {balance_label(payment.balance_after).rstrip('.')}. "
        f"Check it at {check_url(payment)}"
    )
    return whatsapp_url(whatsapp_phone(payment.student), text)
