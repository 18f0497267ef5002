"""The one equation, and everything that follows from it.

    charges − concessions − payments + refunds = balance

Rows that were cancelled or voided are left out. Payments settle the oldest due charge first; nothing stores that
allocation, it follows from the dates.
"""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db import models
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, Greatest, Least, NullIf

from coachmaster.ground.bulk import put, put_selected
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.keys import Keys
from coachmaster.ground.money import NO_MONEY, ZERO, MoneyField
from coachmaster.ground.prepared import Prepared

from .models import Account, Charge, Concession, DayTotal, Mode, Payment, PaymentQuerySet, Refund, _sum_of


def _rows(on):
    """The rows of each term of the equation; with ``on``, as of that day."""
    if on is None:
        return {
            "charged": Charge.objects.live(),
            "conceded": Concession.objects.live(),
            "paid": Payment.objects.live(),
            "refunded": Refund.objects.all(),
        }
    return {
        "charged": Charge.objects.standing(on),
        "conceded": Concession.objects.standing(on),
        "paid": Payment.objects.standing(on),
        "refunded": Refund.objects.standing(on),
    }


def _terms(on, **of):
    """The four terms of the equation as subqueries over the rows chosen by ``of``; with ``on``, as of that day."""
    return {term: _sum_of(rows.filter(**of)) for term, rows in _rows(on).items()}


def with_balance(students, on=None):
    """``students`` (a queryset of student records) with ``charged``, ``conceded``, ``paid``, ``refunded`` and
    ``balance`` in rupees.

    With ``on``, as they stood at the end of that day: each act counts from its own day.
    """
    return students.annotate(**_terms(on, student=OuterRef("pk"))).annotate(
        balance=F("charged") - F("conceded") - F("paid") + F("refunded")
    )


def balance_of(key):
    """The balance of one student now, as an expression."""
    terms = _terms(None, student=key)
    return terms["charged"] - terms["conceded"] - terms["paid"] + terms["refunded"]


def with_paid(enrollments):
    """``enrollments`` with ``paid``, what `paid_by` says of their student now, for `fee_status`."""
    terms = _terms(None, student=OuterRef("student"))
    return enrollments.annotate(paid=terms["paid"] - terms["refunded"])


def refresh_accounts(students):
    """Write into the accounts of ``students`` (keys), and into their charges, what the equation says now: two statements.

    Call it in the transaction that added or cancelled a row of theirs.
    """
    # Payments settle the oldest first: open is what of the balance is not due later, and at most all of the charge.
    later = _sum_of(_later(Charge.objects)) - _sum_of(_later(Concession.objects, "charge__"))
    charges = Charge.objects.live().annotate(later=later)
    Account.objects.bulk_create(
        [
            Account(student_id=key, balance=balance, first_due_on=Subquery(since.values("due_on")[:1]))
            for key in students
            for balance in [balance_of(key)]
            for since in [charges.filter(student=key, later__lt=balance).order_by("due_on")]
        ],
        update_conflicts=True,
        unique_fields=["student"],
        update_fields=["balance", "first_due_on"],
        batch_size=100,
    )
    balance = Subquery(Account.objects.filter(pk=OuterRef("student")).values("balance"))
    net = F("amount") - _sum_of(Concession.objects.live().filter(charge=OuterRef("pk")), by="charge")
    is_open = NullIf(Least(net, Greatest(balance - later, NO_MONEY)), NO_MONEY)
    Charge.objects.filter(Q(cancelled_on=None) | Q(open_now__isnull=False), student__in=students).update(
        open_now=Case(When(cancelled_on=None, then=is_open), output_field=MoneyField())
    )


def _later(manager, path=""):
    """The rows that count of a student's charges due after the one asked about."""
    due, key = f"{path}due_on", f"{path}pk"
    after = Q(**{f"{due}__gt": OuterRef("due_on")}) | Q(**{due: OuterRef("due_on"), f"{key}__gt": OuterRef("pk")})
    return manager.live().filter(after, student=OuterRef("student"))


def sums_by_student(keys, on=None):
    """``{student: {"charged": …, "conceded": …, "paid": …, "refunded": …}}`` in rupees, for some hundreds of students.

    One grouped query a term: a subquery a student would be slow on PostgreSQL right after many rows were added, of which
    its planner knows nothing yet.
    """
    sums = {key: dict.fromkeys(("charged", "conceded", "paid", "refunded"), ZERO) for key in keys}
    for term, rows in _rows(on).items():
        for key, amount in (
            rows.filter(student__among=Keys(keys)).order_by().values_list("student").annotate(Sum("amount"))
        ):
            sums[key][term] = amount
    return sums


def refresh_many_accounts(keys):
    """What `refresh_accounts` does, for many students whose accounts the caller holds."""
    for chunk in in_chunks(sorted(keys)):
        accounts = {
            key: Account(student_id=key, balance=sums["charged"] - sums["conceded"] - sums["paid"] + sums["refunded"])
            for key, sums in sums_by_student(chunk).items()
        }
        _refresh_open(accounts)
        put(accounts.values())


def _refresh_open(accounts):
    """Write what is open of the charges of ``accounts`` (by key), and let these say since when."""
    charges = Charge.objects.filter(student__among=Keys(accounts))
    taken_off = Concession.objects.live().filter(student__among=Keys(accounts)).order_by().values_list("charge")
    conceded = dict(taken_off.annotate(Sum("amount")))
    rest = {key: account.balance for key, account in accounts.items()}
    all_open, all_settled, in_part = [], [], []
    rows = charges.filter(cancelled_on=None).order_by("-due_on", "-pk")
    for pk, key, amount, due_on, before in rows.values_list("pk", "student", "amount", "due_on", "open_now"):
        net = amount - conceded.get(pk, ZERO)
        is_open = min(net, max(rest[key], ZERO)) or None
        rest[key] -= net
        if is_open:
            accounts[key].first_due_on = due_on
        if is_open != before:
            if is_open in (None, amount):
                (all_open if is_open else all_settled).append(pk)
            else:
                in_part.append(Charge(pk=pk, open_now=is_open))
    Charge.objects.filter(pk__among=Keys(all_open)).update(open_now=F("amount"))
    Charge.objects.filter(pk__among=Keys(all_settled)).update(open_now=None)
    Charge.objects.bulk_update(in_part, ["open_now"], batch_size=200)
    charges.filter(cancelled_on__isnull=False).open().update(open_now=None)


def refresh_days(days, modes=Mode.values):
    """Write what was received on ``days`` in each of ``modes`` by payments that stand.

    The caller holds the receipt series of these days. Where all was voided, the row says zero.
    """
    for day in sorted(set(days)):
        put_selected(DayTotal, ["paid_on", "mode"], ["amount", "receipts"], _received.sql(tuple(modes), on=day))


@Prepared
def _received(modes, *, on):
    payments = Payment.objects.filter(paid_on=on, mode__in=modes).order_by().values_list("paid_on", "mode")
    stands = PaymentQuerySet.LIVE
    return payments.annotate(
        amount=Coalesce(Sum("amount", filter=stands), NO_MONEY), receipts=Count("pk", filter=stands)
    )


class Status(models.TextChoices):
    """How a student stands with their fees."""

    ADVANCE = "advance", "In advance"
    PAID = "paid", "Paid"
    OVERDUE = "overdue", "Overdue"
    DUE = "due", "Due today"
    UPCOMING = "upcoming", "Upcoming"


@dataclass
class Line:
    """One charge, what was taken off it, and how far the rest is settled. Amounts in rupees."""

    charge: Charge
    conceded: Decimal
    settled: Decimal
    on: datetime.date

    @property
    def net(self):
        """What is to be paid for it."""
        return self.charge.amount - self.conceded

    @property
    def open(self):
        """What is still owed of it."""
        return self.net - self.settled

    @property
    def is_overdue(self):
        """Whether something of it was owed before the day asked about."""
        return self.open > ZERO and self.charge.due_on < self.on


@dataclass
class FeeStatus:
    """What a student owes and has paid on a day. Amounts in rupees."""

    on: datetime.date
    total_fee: Decimal
    total_paid: Decimal  # less what was given back
    conceded: Decimal = ZERO
    lines: list[Line] = field(default_factory=list)

    @property
    def balance(self):
        """What is owed in all; below zero when more was paid."""
        return self.total_fee - self.conceded - self.total_paid

    @property
    def advance(self):
        """What was paid beyond everything owed."""
        return max(-self.balance, ZERO)

    @property
    def overdue(self):
        """What was owed before today."""
        return sum((line.open for line in self.lines if line.charge.due_on < self.on), ZERO)

    @property
    def due_now(self):
        """What is owed up to today, overdue or not."""
        return sum((line.open for line in self.lines if line.charge.due_on <= self.on), ZERO)

    @property
    def next_due(self):
        """The first line with something open, or None."""
        return next((line for line in self.lines if line.open > ZERO), None)

    @property
    def open_tuition(self):
        """The enrollments of which installments are open, each once."""
        return list({line.charge.enrollment: 1 for line in self.lines if line.open and line.charge.kind == "tuition"})

    @property
    def status(self):
        """One word for it."""
        if self.balance < ZERO:
            return Status.ADVANCE
        if self.balance == ZERO:
            return Status.PAID
        if self.overdue > ZERO:
            return Status.OVERDUE
        return Status.DUE if self.due_now > ZERO else Status.UPCOMING

    @property
    def is_part_paid(self):
        """Whether something was paid and something is still owed."""
        return self.total_paid > ZERO and self.balance > ZERO

    def after(self, amount):
        """How the student stands once a further ``amount`` rupees is paid."""
        return standing([line.charge for line in self.lines], self.total_paid + amount, self.on)


def settle(charges, paid, on):
    """Lines for ``charges`` (in order of due date, each with ``conceded``), settled by ``paid`` rupees, the oldest first."""
    lines = []
    for charge in charges:
        settled = min(charge.amount - charge.conceded, max(paid, ZERO))
        paid -= settled
        lines.append(Line(charge=charge, conceded=charge.conceded, settled=settled, on=on))
    return lines


def _paid_less_refunded(student, on):
    paid, refunded = (_sum_of(rows.standing(on).filter(student=student)) for rows in (Payment.objects, Refund.objects))
    return paid - refunded


@Prepared
def _paid(student, on):
    return Account.objects.filter(pk=student).values_list(_paid_less_refunded(student, on))


def paid_by(key, on):
    """What the student of that ``key`` had paid by the end of the day ``on``, less what was given back, in rupees."""
    return next((paid for (paid,) in _paid(student=key, on=on)), ZERO)


def fee_status(student, on, *, paid=None):
    """How ``student`` stands at the end of the day ``on``, by two queries.

    ``paid`` spares one of them: what `paid_by` would say, from a caller who has loaded payments and refunds.
    """
    charges = charges_of([student.pk], on)
    if paid is None:
        paid = paid_by(student.pk, on)
    return standing(charges, paid, on)


@Prepared
def _charges(*, students, on):
    return charges_standing(on).filter(student__in=students)


def charges_of(keys, on):
    """What `charges_standing` says of the students of these ``keys``, as a list."""
    return _charges(students=keys, on=on)


class Due(NamedTuple):
    """What the equation needs to know of a charge. Amounts in rupees."""

    due_on: datetime.date
    amount: Decimal
    conceded: Decimal


@Prepared
def _dues_and_paid(student, on):
    dues = charges_standing(on).filter(student=student)
    return dues.values_list(*Due._fields, _paid_less_refunded(student, on))


def fee_figures(key, on):
    """What `fee_status` says of the student of that ``key``, where its lines need not say what they are for: quicker."""
    rows = _dues_and_paid(student=key, on=on)
    paid = rows[0][-1] if rows else paid_by(key, on)
    return standing([Due(*due) for *due, _ in rows], paid, on)


def charges_standing(on):
    """The charges that stood on that day, in order of due date, with what was ``conceded`` of each by then."""
    return with_conceded(Charge.objects.standing(on), on).order_by("due_on", "pk")


def with_conceded(charges, on):
    """``charges``, each with its batch and with what was ``conceded`` of it by that day."""
    return charges.select_related("enrollment__batch").annotate(
        conceded=_sum_of(Concession.objects.standing(on).filter(charge=OuterRef("pk")), by="charge")
    )


def standing(charges, paid, on):
    """How a student stands who owes ``charges`` (in order of due date) and has paid ``paid`` rupees."""
    return FeeStatus(
        on=on,
        total_fee=sum((charge.amount for charge in charges), ZERO),
        conceded=sum((charge.conceded for charge in charges), ZERO),
        total_paid=paid,
        lines=settle(charges, paid, on),
    )


def what_it_settles(status, amount):
    """What a further ``amount`` rupees would settle of ``status``: pairs of a charge (None: kept as advance) and rupees."""
    settled = []
    for line in status.lines:
        if amount > ZERO and line.open > ZERO:
            part = min(line.open, amount)
            settled.append((line.charge, part))
            amount -= part
    if amount > ZERO:
        settled.append((None, amount))
    return settled


def totals():
    """Over all students: ``owed`` now or later, and ``advance`` paid beyond it, in rupees, with the numbers of students."""
    positive, negative = Q(balance__gt=0), Q(balance__lt=0)
    found = Account.objects.aggregate(
        owed=Sum("balance", filter=positive),
        owing=Count("pk", filter=positive),
        advance=Sum("balance", filter=negative),
        ahead=Count("pk", filter=negative),
    )
    return {
        "owed": found["owed"] or ZERO,
        "owing": found["owing"],
        "advance": -(found["advance"] or ZERO),
        "ahead": found["ahead"],
    }


def terms_over_everybody():
    """The four terms of the equation and the balance that follows, over all students, in rupees."""
    terms = {term: rows.aggregate(total=Sum("amount"))["total"] or ZERO for term, rows in _rows(None).items()}
    return {**terms, "balance": terms["charged"] - terms["conceded"] - terms["paid"] + terms["refunded"]}
