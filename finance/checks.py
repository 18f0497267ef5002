"""The proof of the books: what must hold in the rows, asked of every row. The checks reckon in plain Python and not by
the queries that the pages use, so that the two cannot be wrong together."""

from collections import Counter, defaultdict

from django.db.models import Count, F, Max, Q

from academics.models import Batch, Enrollment, EnrollmentStatus
from coachmaster.core.dates import financial_year
from coachmaster.core.money import ZERO, display

from .models import (
    Account,
    Charge,
    ChargeKind,
    Concession,
    DayClose,
    DayTotal,
    LiveReference,
    Mode,
    Payment,
    ReceiptPrint,
    ReceiptSeries,
    Refund,
    Reversal,
    live_reference,
)

#: Rows fetched at a time; nothing loads a whole table.
CHUNK = 2000


def receipt_numbers():
    """The numbers of each series run from its first to its last without a gap, and say so on the paper."""
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
                yield f"{series}: number {number} stands as {paper} on its paper."
            if financial_year(day) != series.year:
                yield f"{paper} is dated {day}, in another financial year."
        if max(series.last_number, series.first_number - 1) != last:
            yield f"{series}: the last number used is {last}, the counter says {series.last_number}."


def reversals():
    """A payment is voided once, not before it was paid, and then holds no reference; only cheques bounce."""
    twice = Reversal.objects.values("payment").annotate(number=Count("pk")).filter(number__gt=1)
    for row in twice:
        yield f"Payment {row['payment']} was voided {row['number']} times."
    for reversal in Reversal.objects.filter(reason="").select_related("payment"):
        yield f"{reversal.payment} is void without a reason."
    bounced = Reversal.objects.filter(kind=Reversal.Kind.BOUNCED)
    for reversal in bounced.exclude(payment__mode=Mode.CHEQUE).select_related("payment"):
        yield f"{reversal.payment} bounced, but was no cheque."
    for reversal in Reversal.objects.filter(voided_on__lt=F("payment__paid_on")).select_related(
        "payment"
    ):
        yield f"{reversal.payment} was reversed before it was paid."
    for reference in LiveReference.objects.filter(payment__reversal__isnull=False).select_related(
        "payment"
    ):
        yield f"{reference.payment} is void and still holds the reference {reference}."


def balances():
    """The balance kept for each student is charges less concessions less payments plus refunds, and nothing else."""
    reckoned = defaultdict(lambda: ZERO)
    for sign, rows in (
        (1, Charge.objects.filter(cancelled_on=None)),
        (
            -1,
            Concession.objects.filter(cancelled_on=None, charge__cancelled_on=None).exclude(
                approved_on=None
            ),
        ),
        (-1, Payment.objects.filter(reversal=None)),
        (1, Refund.objects.all()),
    ):
        for student, amount in rows.order_by("pk").values_list("student", "amount").iterator(CHUNK):
            reckoned[student] += sign * amount
    kept = dict(Account.objects.values_list("pk", "balance").iterator(CHUNK))
    for student in sorted(reckoned.keys() | kept.keys()):
        if kept.get(student, ZERO) != reckoned[student]:
            yield (
                f"Student {student}: the balance kept is {display(kept.get(student, ZERO))}, "
                f"the rows say {display(reckoned[student])}."
            )


def open_charges():
    """What is kept as open of each charge is what payments leave of it, the oldest settled first; and the account says
    since when."""
    paid, conceded, oldest = defaultdict(lambda: ZERO), defaultdict(lambda: ZERO), {}
    for student, amount in (
        Payment.objects.filter(reversal=None).values_list("student", "amount").iterator(CHUNK)
    ):
        paid[student] += amount
    for student, amount in Refund.objects.values_list("student", "amount").iterator(CHUNK):
        paid[student] -= amount
    given = Concession.objects.filter(cancelled_on=None).exclude(approved_on=None)
    for charge, amount in given.values_list("charge", "amount").iterator(CHUNK):
        conceded[charge] += amount
    charges = Charge.objects.order_by("due_on", "pk")
    rows = charges.values_list("pk", "student", "amount", "due_on", "cancelled_on", "open_now")
    for pk, student, amount, due_on, cancelled_on, kept in rows.iterator(CHUNK):
        is_open = ZERO
        if cancelled_on is None:
            net = amount - conceded[pk]
            settled = min(net, max(paid[student], ZERO))
            paid[student] -= settled
            is_open = net - settled
        if is_open:
            oldest.setdefault(student, due_on)
        if kept != (is_open or None):
            yield f"Charge {pk}: {display(kept or ZERO)} is kept as open, the payments leave {display(is_open)}."
    for student, kept in Account.objects.values_list("pk", "first_due_on").iterator(CHUNK):
        if kept != oldest.get(student):
            yield f"Student {student}: owes since {kept} by what is kept, since {oldest.get(student)} by the charges."


def day_totals():
    """What is kept as received on a day in a mode is the sum of its payments that stand."""
    amounts, receipts = defaultdict(lambda: ZERO), Counter()
    payments = (
        Payment.objects.filter(reversal=None)
        .values_list("paid_on", "mode", "amount")
        .order_by("pk")
    )
    for paid_on, mode, amount in payments.iterator(CHUNK):
        amounts[paid_on, mode] += amount
        receipts[paid_on, mode] += 1
    kept = {
        (row.paid_on, row.mode): (row.amount, row.receipts)
        for row in DayTotal.objects.iterator(CHUNK)
    }
    for day, mode in sorted(amounts.keys() | kept.keys()):
        amount, count = kept.get((day, mode), (ZERO, 0))
        if (amount, count) != (amounts[day, mode], receipts[day, mode]):
            yield (
                f"{day} {mode}: {display(amount)} in {count} receipts is kept, "
                f"the rows say {display(amounts[day, mode])} in {receipts[day, mode]}."
            )


def tokens():
    """Every payment has a token of its own."""
    for payment in Payment.objects.filter(token=""):
        yield f"{payment} has no token."
    for row in (
        Payment.objects.order_by().values("token").annotate(number=Count("pk")).filter(number__gt=1)
    ):
        yield f"{row['number']} payments share one token."


def references():
    """The reference of a payment that stands is taken once, and by it."""
    taken = dict(LiveReference.objects.values_list("payment", "reference").iterator(CHUNK))
    payments = Payment.objects.filter(reversal=None).exclude(reference="").order_by("pk")
    for payment in payments.only("receipt_number", "reference", "mode", "student").iterator(CHUNK):
        reference = live_reference(payment)
        if reference and taken.get(payment.pk) != reference:
            yield f"{payment} does not hold its reference {payment.reference}."


def settlements():
    """What receipts say they settled adds up to their amount, each part above zero."""
    payments = Payment.objects.order_by("pk").only("receipt_number", "amount", "settled")
    for payment in payments.iterator(CHUNK):
        parts = [part for _, part in payment.settled_lines]
        if sum(parts, ZERO) != payment.amount or any(part <= ZERO for part in parts):
            yield f"{payment}: what it settled does not add up to {display(payment.amount)}."


def taxes():
    """A receipt has a place of supply when its letterhead has a GSTIN, and none without; its copies are counted from 1."""
    odd = Q(letterhead__gstin="") ^ Q(place_of_supply="")
    for payment in (
        Payment.objects.filter(odd).order_by("pk").only("receipt_number").iterator(CHUNK)
    ):
        yield f"{payment}: its place of supply does not fit the GSTIN it was given with."
    copies = ReceiptPrint.objects.order_by().values("payment__receipt_number")
    for row in copies.annotate(number=Count("pk"), last=Max("copy")).exclude(number=F("last")):
        yield f"{row['payment__receipt_number']}: {row['number']} printings are kept, the last is copy {row['last']}."


def seats():
    """No batch has more active students than seats."""
    full = Batch.objects.with_strength().filter(capacity__isnull=False, strength__gt=F("capacity"))
    for batch in full:
        yield f"{batch} has {batch.strength} students on {batch.capacity} seats."


def enrollments():
    """A student has at most one exclusive active enrollment, and one in a batch; the ended ones have their day."""
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
        yield f"{enrollment}: its end does not fit its state."


def tuition():
    """The tuition that stands for an enrollment, and for those it was transferred from, is the agreed fee; for a dropped
    one at most that."""
    charged = defaultdict(lambda: ZERO)
    live = Charge.objects.filter(kind=ChargeKind.TUITION, cancelled_on=None)
    for enrollment, amount in live.values_list("enrollment", "amount").iterator(CHUNK):
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
            yield f"Enrollment {pk}: {display(found)} is charged of the agreed {display(agreed_fee)}."
    for charge in Charge.objects.filter(enrollment__isnull=False).exclude(
        student=F("enrollment__student")
    ):
        yield f"Charge {charge.pk} is another student's than its enrollment."


def day_closes():
    """The cash of a closed day is what its book said when it was closed, and nothing entered that book later."""
    for close in DayClose.objects.select_related("person").order_by("pk").iterator(CHUNK):
        day, person, at = close.closed_on, close.person_id, close.closed_at
        own = Payment.objects.filter(received_by=person, mode=Mode.CASH, booked_on=day)
        voids = Reversal.objects.filter(voided_by=person, booked_on=day, payment__mode=Mode.CASH)
        refunds = Refund.objects.filter(refunded_by=person, mode=Mode.CASH, booked_on=day)
        cash = sum(
            (
                amount
                for amount, void_booked_on in own.values_list("amount", "reversal__booked_on")
                if not void_booked_on or void_booked_on > day
            ),
            ZERO,
        )
        cash -= sum(
            (
                amount
                for amount, booked in voids.values_list("payment__amount", "payment__booked_on")
                if booked < day
            ),
            ZERO,
        )
        cash -= sum(refunds.values_list("amount", flat=True), ZERO)
        if cash != close.system_cash:
            yield f"Day close {close}: {display(close.system_cash)} is kept, the book says {display(cash)}."
        for rows, by, moment in (
            (Payment.objects, "received_by", "recorded_at"),
            (Reversal.objects, "voided_by", "voided_at"),
            (Refund.objects, "refunded_by", "recorded_at"),
        ):
            for row in rows.filter(**{by: person, "booked_on__lte": day, f"{moment}__gt": at}):
                yield f"{row} was entered into the book of {row.booked_on} after it was closed."


def concessions():
    """No charge has more taken off than its amount, and the rows of one concession are one student's and decided alike."""
    taken_off, decided = defaultdict(lambda: ZERO), defaultdict(set)
    rows = Concession.objects.order_by("pk").values_list(
        "token", "student", "charge", "charge__student", "amount", "approved_on", "cancelled_on"
    )
    for token, student, charge, owed_by, amount, approved_on, cancelled_on in rows.iterator(CHUNK):
        if student != owed_by:
            yield f"A concession of student {student} is on charge {charge} of student {owed_by}."
        decided[token].add((student, approved_on, cancelled_on))
        if approved_on and not cancelled_on:
            taken_off[charge] += amount
    for token, states in decided.items():
        if len(states) > 1:
            yield f"The rows of concession {token} are decided differently."
    for pk, amount in (
        Charge.objects.filter(cancelled_on=None)
        .order_by("pk")
        .values_list("pk", "amount")
        .iterator(CHUNK)
    ):
        if taken_off[pk] > amount:
            yield f"Charge {pk}: {display(taken_off[pk])} is taken off {display(amount)}."


def refunds():
    """A refund gives back no more than was paid, of a payment that stands, to the student who paid, and not before."""
    given = defaultdict(lambda: ZERO)
    rows = Refund.objects.select_related("payment__reversal").order_by("pk")
    for refund in rows.iterator(CHUNK):
        payment = refund.payment
        given[payment.pk] += refund.amount
        if given[payment.pk] > payment.amount:
            yield f"{refund}: {display(given[payment.pk])} was given back of {payment}, {display(payment.amount)}."
        if payment.is_cancelled:
            yield f"{refund} gives back {payment}, which is void."
        if refund.student_id != payment.student_id:
            yield f"{refund} is another student's than {payment}."
        if refund.refunded_on < payment.paid_on:
            yield f"{refund} is dated before {payment}."


def late_fees():
    """A late fee is the same student's as its installment, posted once a rule, and on tuition."""
    seen = set()
    rows = Charge.objects.filter(kind=ChargeKind.LATE_FEE).select_related("late_for").order_by("pk")
    for fee in rows.iterator(CHUNK):
        if fee.student_id != fee.late_for.student_id:
            yield f"Late fee {fee.pk} is another student's than its installment."
        if fee.late_for.kind != ChargeKind.TUITION:
            yield f"Late fee {fee.pk} is not on tuition."
        if (fee.late_for_id, fee.late_rule_id) in seen:
            yield f"Late fee {fee.pk} was posted a second time by its rule."
        seen.add((fee.late_for_id, fee.late_rule_id))


CHECKS = [
    receipt_numbers,
    reversals,
    balances,
    open_charges,
    day_totals,
    tokens,
    references,
    settlements,
    taxes,
    seats,
    enrollments,
    tuition,
    day_closes,
    concessions,
    refunds,
    late_fees,
]


def find_problems():
    """A sentence for each thing that is broken; none when the books are right."""
    for check in CHECKS:
        yield from check()
