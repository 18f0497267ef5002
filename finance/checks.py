"""Checks in plain Python, so that an error in the queries of the pages is found."""

import hashlib
from collections import Counter, defaultdict

from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, F, Max, Q

from academics.models import Batch, Enrollment, EnrollmentStatus, Institute, Logo
from coachmaster.core.dates import financial_year
from coachmaster.core.money import ZERO, display

from .models import (
    Account,
    BulkAction,
    BulkActionKind,
    BulkActionRow,
    Charge,
    ChargeKind,
    ChequeClearing,
    ChequeDeposit,
    Concession,
    DayClose,
    DayTotal,
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

#: Rows fetched at a time, so that no table is loaded as a whole.
CHUNK = 2000


def receipt_numbers():
    """Receipt numbers are consecutive and match the printed numbers."""
    for series in ReceiptSeries.objects.all():
        if series.kind == ReceiptSeries.Kind.REFUND:
            papers = series.refunds.values_list("number", "voucher_number", "refunded_on")
        else:
            papers = series.payments.values_list("number", "receipt_number", "paid_on")
        last = series.first_number - 1
        for number, paper, day in papers.order_by("number").iterator(CHUNK):
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


def _counted_payments():
    cleared = ChequeClearing.objects.values("payment")
    return Payment.objects.filter(reversal=None).exclude(~Q(pk__in=cleared), mode=Mode.CHEQUE)


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
    for student, amount in cheques.order_by("pk").values_list("student", "amount").iterator(CHUNK):
        uncleared[student] += amount
    for student, cached in Account.objects.values_list("pk", "uncleared").iterator(CHUNK):
        if cached != (amount := uncleared.pop(student, ZERO)):
            yield (
                f"Student {student}: cheques of {display(cached)} are cached as not cleared, "
                f"the rows say {display(amount)}."
            )
    for student in sorted(uncleared):
        yield f"Student {student} has cheques and no account."


def balances():
    """The cached balance of each student follows from the rows."""
    calculated = defaultdict(lambda: ZERO)
    for sign, rows in (
        (1, Charge.objects.filter(cancelled_on=None)),
        (
            -1,
            Concession.objects.filter(cancelled_on=None, charge__cancelled_on=None).exclude(
                approved_on=None
            ),
        ),
        (-1, _counted_payments()),
        (1, Refund.objects.all()),
    ):
        for student, amount in rows.order_by("pk").values_list("student", "amount").iterator(CHUNK):
            calculated[student] += sign * amount
    cached = dict(Account.objects.values_list("pk", "balance").iterator(CHUNK))
    for student in sorted(calculated.keys() | cached.keys()):
        balance = cached.get(student, ZERO)
        if balance != calculated[student]:
            yield (
                f"Student {student}: the cached balance is {display(balance)}, "
                f"the rows say {display(calculated[student])}."
            )


def open_charges():
    """The cached unpaid amount of each charge follows from the payments."""
    paid, conceded, oldest = defaultdict(lambda: ZERO), defaultdict(lambda: ZERO), {}
    for student, amount in _counted_payments().values_list("student", "amount").iterator(CHUNK):
        paid[student] += amount
    for student, amount in Refund.objects.values_list("student", "amount").iterator(CHUNK):
        paid[student] -= amount
    approved = Concession.objects.filter(cancelled_on=None).exclude(approved_on=None)
    for charge, amount in approved.values_list("charge", "amount").iterator(CHUNK):
        conceded[charge] += amount
    charges = Charge.objects.order_by("due_on", "pk")
    rows = charges.values_list("pk", "student", "amount", "due_on", "cancelled_on", "open_now")
    for pk, student, amount, due_on, cancelled_on, cached in rows.iterator(CHUNK):
        unpaid = ZERO
        if cancelled_on is None:
            net = amount - conceded[pk]
            settled = min(net, max(paid[student], ZERO))
            paid[student] -= settled
            unpaid = net - settled
        if unpaid:
            oldest.setdefault(student, due_on)
        if cached != (unpaid or None):
            yield (
                f"Charge {pk}: the cached unpaid amount is {display(cached or ZERO)}, "
                f"the payments leave {display(unpaid)}."
            )
    for student, cached in Account.objects.values_list("pk", "first_due_on").iterator(CHUNK):
        if cached != oldest.get(student):
            yield (
                f"Student {student}: the cached oldest due date is {cached}, "
                f"the charges say {oldest.get(student)}."
            )


def day_totals():
    """The cached totals of days and modes follow from the active payments."""
    amounts, receipts = defaultdict(lambda: ZERO), Counter()
    payments = (
        Payment.objects.filter(reversal=None)
        .values_list("paid_on", "mode", "amount")
        .order_by("pk")
    )
    for paid_on, mode, amount in payments.iterator(CHUNK):
        amounts[paid_on, mode] += amount
        receipts[paid_on, mode] += 1
    cached = {
        (row.paid_on, row.mode): (row.amount, row.receipts)
        for row in DayTotal.objects.iterator(CHUNK)
    }
    for day, mode in sorted(amounts.keys() | cached.keys()):
        amount, count = cached.get((day, mode), (ZERO, 0))
        if (amount, count) != (amounts[day, mode], receipts[day, mode]):
            yield (
                f"{day} {mode}: the cached total is {display(amount)} in {count} receipts, "
                f"the rows say {display(amounts[day, mode])} in {receipts[day, mode]}."
            )


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
    taken = dict(LiveReference.objects.values_list("payment", "reference").iterator(CHUNK))
    payments = Payment.objects.filter(reversal=None).exclude(reference="").order_by("pk")
    for payment in payments.only("receipt_number", "reference", "mode", "student").iterator(CHUNK):
        reference = live_reference(payment)
        if reference and taken.get(payment.pk) != reference:
            yield f"{payment} does not have its reference {payment.reference}."


def settlements():
    """The charges on a receipt add up to its amount."""
    payments = Payment.objects.order_by("pk").only("receipt_number", "amount", "settled")
    for payment in payments.iterator(CHUNK):
        parts = [part for _, part in payment.settled_lines]
        if sum(parts, ZERO) != payment.amount or any(part <= ZERO for part in parts):
            yield f"{payment}: the charges on it do not add up to {display(payment.amount)}."


def taxes():
    """A receipt has a place of supply if its letterhead has a GSTIN; copies are numbered."""
    odd = Q(letterhead__gstin="") ^ Q(place_of_supply="")
    for payment in (
        Payment.objects.filter(odd).order_by("pk").only("receipt_number").iterator(CHUNK)
    ):
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


def seats():
    """No batch has more active students than seats."""
    full = Batch.objects.with_strength().filter(capacity__isnull=False, strength__gt=F("capacity"))
    for batch in full:
        yield f"{batch} has {batch.strength} students on {batch.capacity} seats."


def enrollments():
    """A student has one exclusive active enrollment, and one per batch; ended ones have a date."""
    active = Enrollment.objects.active().order_by()
    for row in (
        active.filter(is_exclusive=True)
        .values("student")
        .annotate(number=Count("pk"))
        .filter(number__gt=1)
    ):
        yield f"Student {row['student']} has {row['number']} active enrollments."
    for row in active.values("student", "batch").annotate(number=Count("pk")).filter(number__gt=1):
        yield f"Student {row['student']} is enrolled {row['number']} times in batch {row['batch']}."
    odd = Q(status=EnrollmentStatus.ACTIVE, ended_on__isnull=False) | (
        ~Q(status=EnrollmentStatus.ACTIVE) & (Q(ended_on=None) | Q(ended_on__lt=F("enrolled_on")))
    )
    for enrollment in Enrollment.objects.filter(odd).select_related("student__user", "batch"):
        yield f"{enrollment}: its end date does not match its status."


def tuition():
    """The active tuition of an enrollment is the agreed fee; at most that if it was dropped."""
    charged = defaultdict(lambda: ZERO)
    active = Charge.objects.filter(kind=ChargeKind.TUITION, cancelled_on=None)
    for enrollment, amount in active.values_list("enrollment", "amount").iterator(CHUNK):
        charged[enrollment] += amount
    transfers = dict(
        Enrollment.objects.exclude(transferred_from=None).values_list("pk", "transferred_from")
    )
    rows = Enrollment.objects.order_by("pk").values_list("pk", "status", "agreed_fee")
    for pk, status, agreed_fee in rows.iterator(CHUNK):
        found, before = charged[pk], transfers.get(pk)
        while before is not None:
            found, before = found + charged[before], transfers.get(before)
        is_dropped = status == EnrollmentStatus.DROPPED
        if found > agreed_fee or (not is_dropped and found != agreed_fee):
            yield (
                f"Enrollment {pk}: {display(found)} is charged, {display(agreed_fee)} was agreed."
            )
    for charge in Charge.objects.filter(enrollment__isnull=False).exclude(
        student=F("enrollment__student")
    ):
        yield f"Charge {charge.pk} and its enrollment belong to different students."


def drawers():
    """A drawer opens with the cash of its last close, and adds up; differences have a note.

    The first close opens with the cash of the days before it, without that of old books.
    """
    counted = {}
    old = set(BulkActionRow.objects.of_old_books(Payment).values_list("object_id", flat=True))
    closes = DayClose.objects.select_related("person").order_by("person", "closed_on")
    for close in closes.iterator(CHUNK):
        if is_first := close.person_id not in counted:
            carried = _drawer_cash(close.person_id, without=old, booked_on__lt=close.closed_on)
        else:
            carried = counted[close.person_id]
        if close.opening_cash != carried and not close.opening_note:
            yield (
                f"Day close {close}: it opens with {display(close.opening_cash)} without a reason, "
                f"the {'days before' if is_first else 'last close'} left {display(carried)}."
            )
        expected = close.opening_cash + close.system_cash - close.banked_cash
        if close.counted_cash != expected and not close.note:
            yield (
                f"Day close {close}: {display(close.counted_cash)} was counted, "
                f"{display(expected)} expected, without a note."
            )
        counted[close.person_id] = close.counted_cash


def _drawer_cash(person, *, without=(), **booked):
    """Return the cash of entries of a person (id); ``without`` are payments (ids) left out."""
    own = Payment.objects.filter(received_by=person, mode=Mode.CASH, **booked)
    voids = Reversal.objects.filter(voided_by=person, payment__mode=Mode.CASH, **booked)
    refunds = Refund.objects.filter(refunded_by=person, mode=Mode.CASH, **booked)
    cash = -sum(refunds.values_list("amount", flat=True), ZERO)
    for pk, amount, day, voided_on in own.values_list(
        "pk", "amount", "booked_on", "reversal__booked_on"
    ):
        cash += amount if voided_on != day and pk not in without else ZERO
    for pk, amount, day, received_on in voids.values_list(
        "payment", "payment__amount", "booked_on", "payment__booked_on"
    ):
        cash -= amount if received_on != day and pk not in without else ZERO
    return cash


def day_closes():
    """The cash of a closed day follows from its entries; nothing was entered later."""
    for close in DayClose.objects.select_related("person").order_by("pk").iterator(CHUNK):
        day, person, at = close.closed_on, close.person_id, close.closed_at
        cash = _drawer_cash(person, booked_on=day)
        if cash != close.system_cash:
            yield (
                f"Day close {close}: {display(close.system_cash)} was expected, "
                f"the entries say {display(cash)}."
            )
        for rows, by, moment in (
            (Payment.objects, "received_by", "recorded_at"),
            (Reversal.objects, "voided_by", "voided_at"),
            (Refund.objects, "refunded_by", "recorded_at"),
        ):
            for row in rows.filter(**{by: person, "booked_on__lte": day, f"{moment}__gt": at}):
                yield f"{row} was entered for {row.booked_on} after that day was closed."


def concessions():
    """No charge is reduced below zero; the rows of a concession are decided together."""
    conceded, decided = defaultdict(lambda: ZERO), defaultdict(set)
    rows = Concession.objects.order_by("pk").values_list(
        "token", "student", "charge", "charge__student", "amount", "approved_on", "cancelled_on"
    )
    for token, student, charge, owner, amount, approved_on, cancelled_on in rows.iterator(CHUNK):
        if student != owner:
            yield f"A concession of student {student} is on charge {charge} of student {owner}."
        decided[token].add((student, approved_on, cancelled_on))
        if approved_on and not cancelled_on:
            conceded[charge] += amount
    for token, decisions in decided.items():
        if len(decisions) > 1:
            yield f"The rows of concession {token} are decided differently."
    for pk, amount in (
        Charge.objects.filter(cancelled_on=None)
        .order_by("pk")
        .values_list("pk", "amount")
        .iterator(CHUNK)
    ):
        if conceded[pk] > amount:
            yield f"Charge {pk}: concessions of {display(conceded[pk])} exceed {display(amount)}."


def refunds():
    """A payment is refunded at most once in full, to its student, and not before it was paid."""
    refunded = defaultdict(lambda: ZERO)
    rows = Refund.objects.select_related("payment__reversal", "payment__clearing").order_by("pk")
    for refund in rows.iterator(CHUNK):
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


def late_fees():
    """A late fee is on tuition of the same student, and posted once per rule and day."""
    seen = set()
    rows = Charge.objects.filter(kind=ChargeKind.LATE_FEE).select_related("late_for").order_by("pk")
    for fee in rows.iterator(CHUNK):
        if fee.student_id != fee.late_for.student_id:
            yield f"Late fee {fee.pk} and its installment belong to different students."
        if fee.late_for.kind != ChargeKind.TUITION:
            yield f"Late fee {fee.pk} is not on tuition."
        if fee.due_on <= fee.late_for.due_on:
            yield f"Late fee {fee.pk} is from {fee.due_on}, when its installment was not late."
        if fee.is_undone:
            continue
        if (fee.late_for_id, fee.late_rule_id, fee.due_on) in seen:
            yield f"Late fee {fee.pk} was posted twice by its rule on {fee.due_on}."
        seen.add((fee.late_for_id, fee.late_rule_id, fee.due_on))


def bulk_actions():
    """A bulk action has as many rows as it says; charges that it made add up to its amount."""
    charges = ContentType.objects.get_for_model(Charge)
    actions = BulkAction.objects.annotate(found=Count("rows")).order_by("pk")
    for action in actions.iterator(CHUNK):
        if action.found != action.row_count:
            yield f"{action}: {action.row_count} rows are counted, {action.found} are listed."
        if action.kind not in (BulkActionKind.LATE_FEES, BulkActionKind.CHARGE):
            continue
        keys = action.rows.filter(content_type=charges).values("object_id")
        rows = list(Charge.objects.filter(pk__in=keys).values_list("amount", "cancelled_on"))
        total = sum((amount for amount, _ in rows), ZERO)
        if total != action.amount:
            yield (
                f"{action}: {display(action.amount or ZERO)} is written, "
                f"its charges add up to {display(total)}."
            )
        if action.is_undone and any(cancelled_on is None for _, cancelled_on in rows):
            yield f"{action} is undone, but not all of its charges are cancelled."


def undone_actions():
    """What an undone bulk action or import had made is cancelled."""
    kinds = (BulkActionKind.ENROLL, BulkActionKind.IMPORT)
    for action in BulkAction.objects.undone().filter(kind__in=kinds).order_by("pk"):
        enrollments = action.rows_of(Enrollment)
        tuition = Charge.objects.active().filter(
            kind=ChargeKind.TUITION, enrollment__in=enrollments.values("pk")
        )
        for noun, rows in (
            ("enrollments", enrollments.active()),
            ("tuition charges", tuition),
            ("payments", action.rows_of(Payment).filter(reversal=None)),
        ):
            if number := rows.count():
                yield f"{action} is undone, but {number} {noun} are not cancelled."


CHECKS = [
    receipt_numbers,
    reversals,
    cheques,
    balances,
    open_charges,
    day_totals,
    tokens,
    references,
    settlements,
    taxes,
    logos,
    seats,
    enrollments,
    tuition,
    drawers,
    day_closes,
    concessions,
    refunds,
    late_fees,
    bulk_actions,
    undone_actions,
]


def find_problems():
    for check in CHECKS:
        yield from check()
