"""What a student's fee statement says: every act on their fees in order of date, and how they stand today."""

from operator import attrgetter

from coachmaster.ground.money import ZERO

from . import ledger
from .documents import Due, PayByUpi, StatementData, StatementLine, Sum
from .models import Charge, Concession, ConcessionKind, Payment, Refund, Reversal
from .receipts import head_of
from .upi import link_for


def statement_data(student, institute, on):
    """The statement of ``student`` (loaded with the person) at the end of the day ``on``.

    What was cancelled or voided stands in it twice, once each way, so that its balance is `ledger.fee_status`'s.
    """
    lines = [*_charged(student, on), *_conceded(student, on), *_paid(student, on), *_refunded(student, on)]
    # Acts of one day stay in the order above.
    lines.sort(key=attrgetter("on"))
    paid = -sum((line.amount for line in lines if line.term in (Sum.PAYMENTS, Sum.REFUNDS)), ZERO)
    fees = ledger.fee_status(student, on, paid=paid)
    enrollments = [line.charge.enrollment for line in fees.lines if line.charge.enrollment]
    latest = max(enrollments, key=attrgetter("enrolled_on", "pk"), default=None)
    return StatementData(
        head=head_of(institute),
        on=on,
        student=student.user.full_name,
        admission_number=student.admission_number,
        lines=lines,
        batch=latest.batch.name if latest else "",
        guardian=student.guardian_name,
        dues=[Due(str(line.charge), line.charge.due_on, line.open) for line in fees.lines if line.open > ZERO],
        upi=pay_by_upi(student, institute, fees),
    )


def pay_by_upi(student, institute, fees):
    """How to pay what is due now; None when nothing is, or the institute has no UPI id."""
    if not institute.upi_id or fees.due_now <= ZERO:
        return None
    return PayByUpi(institute.upi_id, fees.due_now, link_for(student, institute, fees.due_now, fees.on))


def _charged(student, on):
    charges = Charge.objects.filter(student=student, posted_on__lte=on)
    for charge in charges.select_related("enrollment__batch").order_by("posted_on", "pk"):
        yield StatementLine(charge.posted_on, str(charge), Sum.CHARGES, charge.amount)
        if charge.cancelled_on and charge.cancelled_on <= on:
            yield StatementLine(
                max(charge.cancelled_on, charge.posted_on), f"Cancelled: {charge}", Sum.CHARGES, -charge.amount
            )


def _conceded(student, on):
    concessions = Concession.objects.filter(student=student, approved_on__lte=on)
    for concession in concessions.select_related("charge__enrollment__batch").order_by("approved_on", "pk"):
        given = concession.get_kind_display()
        if concession.kind != ConcessionKind.LATE_FEE:
            given = f"{given} concession"
        what = f"{given}: {concession.charge}"
        yield StatementLine(concession.approved_on, what, Sum.CONCESSIONS, -concession.amount)
        ends = [day for day in (concession.cancelled_on, concession.charge.cancelled_on) if day and day <= on]
        if ends:
            ended_on = max(min(ends), concession.approved_on)
            yield StatementLine(ended_on, f"Taken back: {what}", Sum.CONCESSIONS, concession.amount)


def _paid(student, on):
    payments = Payment.objects.filter(student=student, paid_on__lte=on).select_related("reversal")
    for payment in payments.order_by("paid_on", "pk"):
        what = f"Payment ({payment.get_mode_display()})"
        yield StatementLine(payment.paid_on, what, Sum.PAYMENTS, -payment.amount, payment.receipt_number)
        if payment.is_void and payment.reversal.voided_on <= on:
            bounced = payment.reversal.kind == Reversal.Kind.BOUNCED
            what = "Cheque bounced" if bounced else "Payment voided"
            yield StatementLine(payment.reversal.voided_on, what, Sum.PAYMENTS, payment.amount, payment.receipt_number)


def _refunded(student, on):
    for refund in Refund.objects.filter(student=student).standing(on).order_by("refunded_on", "pk"):
        what = f"Refund ({refund.get_mode_display()})"
        yield StatementLine(refund.refunded_on, what, Sum.REFUNDS, refund.amount, refund.voucher_number)
