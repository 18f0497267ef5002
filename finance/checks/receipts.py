"""Checks of receipts, vouchers, cheques and the pictures on them."""

import hashlib
from collections import defaultdict

from django.db.models import Count, F, Max, Q

from academics.models import Institute, Logo
from coachmaster.core.dates import financial_year
from coachmaster.core.money import ZERO, display
from finance.models import (
    Account,
    ChequeClearing,
    ChequeDeposit,
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    ReceiptPrint,
    ReceiptSeries,
    Refund,
    Reversal,
    live_reference,
)


def receipt_numbers():
    """Receipt numbers are consecutive and match the printed numbers."""
    for series in ReceiptSeries.objects.all():
        if series.kind == ReceiptSeries.Kind.REFUND:
            papers = series.refunds.values_list("number", "voucher_number", "refunded_on")
        else:
            papers = series.payments.values_list("number", "receipt_number", "paid_on")
        last = series.first_number - 1
        for number, paper, day in papers.order_by("number").iterator():
            last += 1
            if number != last:
                yield f"{series}: number {last} is missing before {paper}."
                last = number
            if paper != series.number(number):
                yield f"{series}: number {number} is printed as {paper}."
            if financial_year(day) != series.year:
                yield f"{paper} is dated {day}, in another financial year."
        if max(series.last_number, series.first_number - 1) != last:
            yield f"{series}: the last number is {last}, the counter says {series.last_number}."


def reversals():
    """A payment is cancelled once, and not before it was paid; only cheques bounce."""
    twice = Reversal.objects.values("payment").annotate(number=Count("pk")).filter(number__gt=1)
    for row in twice:
        yield f"Payment {row['payment']} was cancelled {row['number']} times."
    for reversal in Reversal.objects.filter(reason="").select_related("payment"):
        yield f"{reversal.payment} was cancelled without a reason."
    bounced = Reversal.objects.filter(kind=Reversal.Kind.BOUNCED)
    for reversal in bounced.exclude(payment__mode=Mode.CHEQUE).select_related("payment"):
        yield f"{reversal.payment} bounced, but was not paid by cheque."
    for reversal in Reversal.objects.filter(voided_on__lt=F("payment__paid_on")).select_related(
        "payment"
    ):
        yield f"{reversal.payment} was cancelled before it was paid."
    for reference in LiveReference.objects.filter(payment__reversal__isnull=False).select_related(
        "payment"
    ):
        yield f"{reference.payment} is cancelled and still has the reference {reference}."


def cheques():
    """Only cheques clear, once, after they were received; the others are cached as uncleared."""
    for what, rows, day in (
        ("cleared", ChequeClearing.objects, "cleared_on"),
        ("deposited", ChequeDeposit.objects, "deposited_on"),
    ):
        for row in rows.exclude(payment__mode=Mode.CHEQUE).select_related("payment"):
            yield f"{row.payment} was {what}, but not paid by cheque."
        early = rows.filter(**{f"{day}__lt": F("payment__paid_on")})
        for row in early.select_related("payment"):
            yield f"{row.payment} was {what} before it was received."
    late = ChequeClearing.objects.filter(recorded_at__gt=F("payment__reversal__voided_at"))
    for row in late.select_related("payment"):
        yield f"{row.payment} cleared after it was cancelled."
    uncleared = defaultdict(lambda: ZERO)
    cheques = Payment.objects.filter(mode=Mode.CHEQUE, reversal=None, clearing=None)
    for student, amount in cheques.order_by("pk").values_list("student", "amount").iterator():
        uncleared[student] += amount
    for student, cached in Account.objects.values_list("pk", "uncleared").iterator():
        if cached != (amount := uncleared.pop(student, ZERO)):
            yield (
                f"Student {student}: cheques of {display(cached)} are cached as not cleared, "
                f"the rows say {display(amount)}."
            )
    for student in sorted(uncleared):
        yield f"Student {student} has cheques and no account."


def tokens():
    """Every payment has a unique token."""
    for payment in Payment.objects.filter(token=""):
        yield f"{payment} has no token."
    for row in (
        Payment.objects.order_by().values("token").annotate(number=Count("pk")).filter(number__gt=1)
    ):
        yield f"{row['number']} payments have the same token."


def references():
    """Every active payment with a reference has its LiveReference."""
    taken = dict(LiveReference.objects.values_list("payment", "reference").iterator())
    payments = Payment.objects.filter(reversal=None).exclude(reference="").order_by("pk")
    for payment in payments.only("receipt_number", "reference", "mode", "student").iterator():
        reference = live_reference(payment)
        if reference and taken.get(payment.pk) != reference:
            yield f"{payment} does not have its reference {payment.reference}."


def settlements():
    """The charges on a receipt add up to its amount."""
    payments = Payment.objects.order_by("pk").only("receipt_number", "amount", "settled")
    for payment in payments.iterator():
        parts = [part for _, part in payment.settled_lines]
        if sum(parts, ZERO) != payment.amount or any(part <= ZERO for part in parts):
            yield f"{payment}: the charges on it do not add up to {display(payment.amount)}."


def taxes():
    """A receipt has a place of supply if its letterhead has a GSTIN; copies are numbered."""
    odd = Q(letterhead__gstin="") ^ Q(place_of_supply="")
    for payment in Payment.objects.filter(odd).order_by("pk").only("receipt_number").iterator():
        yield f"{payment}: its place of supply does not match the GSTIN of its letterhead."
    copies = ReceiptPrint.objects.order_by().values("payment__receipt_number")
    for row in copies.annotate(number=Count("pk"), last=Max("copy")).exclude(number=F("last")):
        receipt, number, last = row["payment__receipt_number"], row["number"], row["last"]
        yield f"{receipt}: there are {number} prints, the last is copy {last}."


def logos():
    """Each logo that is printed is stored, unchanged."""
    stored = {}
    for pk, digest, png in Logo.objects.values_list("pk", "digest", "png").iterator(10):
        stored[digest] = pk
        if hashlib.sha256(png).hexdigest() != digest:
            yield f"Logo {pk}: the picture is not the one that was stored."
    heads = [(f"Letterhead {head.pk}", head.logo) for head in Letterhead.objects.exclude(logo="")]
    heads += [("The institute", row.logo) for row in Institute.objects.exclude(logo="")]
    for name, digest in heads:
        if digest not in stored:
            yield f"{name}: its logo is missing."


def refunds():
    """A payment is refunded at most once in full, to its student, and not before it was paid."""
    refunded = defaultdict(lambda: ZERO)
    rows = Refund.objects.select_related("payment__reversal", "payment__clearing").order_by("pk")
    for refund in rows.iterator():
        payment = refund.payment
        refunded[payment.pk] += refund.amount
        if refunded[payment.pk] > payment.amount:
            yield (
                f"{refund}: {display(refunded[payment.pk])} of {payment} was refunded, "
                f"{display(payment.amount)} was paid."
            )
        if payment.is_cancelled:
            yield f"{refund} refunds {payment}, which is cancelled."
        if refund.student_id != payment.student_id:
            yield f"{refund} and {payment} belong to different students."
        if not payment.is_cleared:
            yield f"{refund} refunds {payment}, whose cheque has not cleared."
        elif refund.refunded_on < payment.counted_on:
            yield f"{refund} is dated before {payment}."
