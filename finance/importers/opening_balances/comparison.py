"""Totals by batch, in the file and in CoachMaster after the import."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from academics.models import Enrollment
from coachmaster.core.money import ZERO, display, grouped
from finance.models import Charge, ChargeKind, Concession, Payment, Refund
from finance.services.bulk_cancellations import without_cancelled

#: Columns that a row of totals may sum up, and their field of `BatchTotals`.
TOTALS = {"agreed_fee": "fee", "concession": "concession", "paid": "paid"}


@dataclass
class BatchTotals:
    """Students, and rupees."""

    students: int = 0
    fee: Decimal = ZERO
    concession: Decimal = ZERO
    paid: Decimal = ZERO

    @property
    def balance(self):
        return self.fee - self.concession - self.paid


@dataclass
class BatchComparison:
    batch: str
    file: BatchTotals = field(default_factory=BatchTotals)
    stored: BatchTotals = field(default_factory=BatchTotals)

    @property
    def agrees(self):
        return self.file == self.stored

    @property
    def pairs(self):
        """Return ``(label, in the file, in CoachMaster)`` as texts."""
        return [
            ("students", grouped(self.file.students), grouped(self.stored.students)),
            *(
                (name, display(getattr(self.file, name)), display(getattr(self.stored, name)))
                for name in ("fee", "concession", "paid", "balance")
            ),
        ]


def compare_batches(balances):
    comparisons = {}
    for balance in balances:
        batch = balance.batch
        totals = comparisons.setdefault(batch.pk, BatchComparison(str(batch))).file
        totals.students += 1
        totals.fee += balance["agreed_fee"]
        totals.concession += balance.get("concession", ZERO)
        totals.paid += balance.get("paid", ZERO)
    for pk, totals in _stored_totals(comparisons).items():
        comparisons[pk].stored = totals
    return sorted(comparisons.values(), key=lambda comparison: comparison.batch)


def compare_total(totals, result):
    """Compare the last row of totals in the file; subtotals are ignored."""
    if not totals:
        return
    lines = ", ".join(str(line) for line, *_ in totals)
    result.notes.append(
        f"Row{'s' if len(totals) > 1 else ''} {lines}: read as totals, and skipped."
    )
    grand_totals = [(line, sums) for line, sums, is_subtotal in totals if not is_subtotal]
    if not grand_totals:
        return
    line, sums = grand_totals[-1]
    total = BatchComparison(f"Total in row {line}")
    for name in ("students", *TOTALS.values()):
        for side in ("file", "stored"):
            amount = sum(getattr(getattr(batch, side), name) for batch in result.comparison)
            setattr(getattr(total, side), name, amount)
    for column, amount in sums.items():
        setattr(total.file, TOTALS[column], amount)
    # The last of several may be a subtotal too.
    if total.agrees or len(grand_totals) == 1:
        result.comparison.append(total)


def _stored_totals(batch_ids):
    """Return ``{batch id: BatchTotals}`` of all enrollments of these batches."""
    totals = {pk: BatchTotals() for pk in batch_ids}

    def sums(rows, batch):
        rows = rows.filter(**{f"{batch}__in": list(totals)}).order_by()
        return rows.values_list(batch).annotate(Sum("amount"))

    students = without_cancelled(Enrollment.objects.filter(batch__in=list(totals)))
    students = students.order_by().values_list("batch")
    for pk, count in students.annotate(Count("student", distinct=True)):
        totals[pk].students = count
    tuition = Charge.objects.active().filter(kind=ChargeKind.TUITION)
    for pk, amount in sums(tuition, "enrollment__batch"):
        totals[pk].fee = amount
    concessions = Concession.objects.active().filter(charge__kind=ChargeKind.TUITION)
    for pk, amount in sums(concessions, "charge__enrollment__batch"):
        totals[pk].concession = amount
    for pk, amount in sums(Payment.objects.active(), "enrollment__batch"):
        totals[pk].paid = amount
    for pk, amount in sums(Refund.objects.all(), "payment__enrollment__batch"):
        totals[pk].paid -= amount
    return totals
