from django.conf import settings
from django.urls import reverse

from academics.models import Logo
from coachmaster.core.dates import format_date
from coachmaster.core.money import display
from coachmaster.core.phones import display_phone, whatsapp_url
from coachmaster.core.reminders import whatsapp_phone
from finance.gst import tax_within
from finance.models import Mode
from finance.verification import receipt_token

from .data import LetterheadData, ReceiptData
from .pdf import balance_label


def letterhead_data(head):
    return LetterheadData(
        name=head.name,
        address=head.address,
        phone=display_phone(head.phone),
        email=head.email,
        gstin=head.gstin,
        logo=Logo.objects.picture(head.logo),
    )


def included_tax(payment):
    """Return the GST within a payment; None if its letterhead has no GSTIN."""
    head = payment.letterhead
    if not head.gstin:
        return None
    return tax_within(
        payment.amount, head.gst_percent, place=payment.place_of_supply, home=head.home
    )


def reference_label(payment):
    if payment.mode == Mode.CHEQUE:
        return f"No. {payment.reference} dated {format_date(payment.cheque_on)}"
    return payment.reference


def clearing_note(payment):
    """Return what the bank did with the cheque of a valid receipt; "" for other payments."""
    if payment.mode != Mode.CHEQUE or payment.is_cancelled:
        return ""
    if not payment.is_cleared:
        return "Subject to clearing"
    return f"Cleared on {format_date(payment.counted_on)}"


def cancellation_note(payment):
    """Return when and why a receipt was cancelled; an empty string if it is valid."""
    if not payment.is_cancelled:
        return ""
    return f"Cancelled on {format_date(payment.reversal.voided_on)}: {payment.reversal.reason}"


def refunds_of(payment):
    """Return the refunds of a payment of `with_refunded`, without a query if there are none."""
    return list(payment.refunds.order_by("refunded_on", "pk")) if payment.refunded else []


def refund_note(refund):
    return (
        f"{display(refund.amount)} refunded on {format_date(refund.refunded_on)}, voucher {refund}."
    )


def check_url(payment):
    return settings.SITE_URL + reverse("finance:receipt-check", args=[receipt_token(payment.pk)])


def receipt_data(payment, *, is_duplicate=False):
    """Return the contents of a receipt; ``payment`` is a row of `for_receipt`."""
    batch = payment.enrollment.batch if payment.enrollment else None
    return ReceiptData(
        head=letterhead_data(payment.letterhead),
        number=payment.receipt_number,
        paid_on=payment.paid_on,
        student=payment.student.user.full_name,
        admission_number=payment.student.admission_number,
        lines=payment.settled_lines,
        amount=payment.amount,
        mode=payment.get_mode_display(),
        balance_after=payment.balance_after,
        dues_after=payment.dues_after,
        batch=f"{batch.name}, {batch.course.name}" if batch else "",
        reference=reference_label(payment),
        clearing=clearing_note(payment),
        received_by=payment.received_by.full_name if payment.received_by else "",
        note=payment.notes,
        tax=included_tax(payment),
        check_url=check_url(payment),
        is_duplicate=is_duplicate,
        cancelled=cancellation_note(payment),
        refunds=[refund_note(refund) for refund in refunds_of(payment)],
    )


def _subject_to_clearing(payment):
    return "" if payment.is_cleared else " by cheque, subject to clearing"


def receipt_whatsapp_link(payment, institute):
    """Return the link that opens WhatsApp with the receipt as text, to guardian or student.

    It is empty without a mobile number or if the receipt is cancelled.
    """
    if payment.is_cancelled:
        return ""
    text = (
        f"{institute.name} received {display(payment.amount)} from {payment.student} "
        f"on {format_date(payment.paid_on)}{_subject_to_clearing(payment)}. Receipt {payment}. "
        f"{balance_label(payment.balance_after, payment.dues_after).rstrip('.')}. "
        f"Check it at {check_url(payment)}"
    )
    return whatsapp_url(whatsapp_phone(payment.student), text)
