import re
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.importers.columns import batch_of, batches_by_name
from academics.models import Batch, Enrollment
from coachmaster.core.importers import Importer, normalised
from coachmaster.core.money import display
from finance.importers.payments import TAKES_OVER_OLD_BOOKS
from finance.models import ReceiptSeries
from finance.services.bulk_payments import BulkPayments
from finance.services.payment_limits import check_payment_date

from .columns import COLUMNS, installments_of
from .comparison import TOTALS, compare_batches, compare_total
from .enrollments import save_enrollments
from .payments import save_payments
from .rows import OpeningBalance
from .students import save_students

#: “Total”, “Grand total:”, “Total (42)” in the place of the name.
_TOTAL = re.compile(r"(?:(grand|sub)?totals?|sum)[0-9]*")


class OpeningBalanceImporter(Importer):
    """A row is a student in a batch with fee, concession, installments and the amount paid."""

    noun = ("row", "rows")
    model = Enrollment
    label_columns = ("full_name", "batch")
    is_of_old_books = True
    columns = COLUMNS
    add_permissions = (
        "accounts.add_user",
        "accounts.change_user",
        "academics.add_enrollment",
        "finance.add_payment",
        "finance.add_concession",
        "finance.approve_concession",
        # Its payments have no limits and no receiver, as those of old books.
        *TAKES_OVER_OLD_BOOKS,
    )

    def prepare(self, header):
        #: ``(line, {column: sum}, is a subtotal)`` of rows that sum up others.
        self.totals = []

    def is_total(self, line, text):
        found = _TOTAL.fullmatch(normalised(text("full_name")))
        if not found or text("batch"):
            return False
        sums = {name: amount for name in TOTALS if (amount := _parse_sum(text(name))) is not None}
        self.totals.append((line, sums, found[1] == "sub"))
        return True

    def check(self, row):
        today = timezone.localdate()
        if "paid_on" in row:
            check_payment_date(row["paid_on"], today)
        elif "paid" in row and row.get("enrolled_on", today) > today:
            raise ValidationError(
                {"paid_on": "Enter when it was paid: the student joins in the future."}
            )
        for number, due_on, amount in installments_of(row):
            if due_on is None:
                raise ValidationError(
                    {f"installment_{number}_on": f"Enter when {display(amount)} is due."}
                )

    def write(self, rows, result, advance):
        today, rows = timezone.localdate(), list(rows)
        batches = batches_by_name(self.visible(Batch.objects.all()))
        balances = [
            OpeningBalance(row, batch, today)
            for row in rows
            if (batch := batch_of(row, batches, result))
        ]
        # Locks are taken in the order series, batches, accounts.
        bulk_payments = BulkPayments(
            student_ids=(),
            days={balance["paid_on"] for balance in balances if balance.get("paid")},
            by=None,
            old_books=True,
            kind=ReceiptSeries.Kind.OPENING,
        )
        save_students(balances, result, by=self.by)
        advance(len(rows) // 3)
        balances = [balance for balance in balances if balance.student]
        student_ids = save_enrollments(balances, result, by=self.by)
        advance(len(rows) // 3)
        enrolled = [balance for balance in balances if balance.enrollment]
        save_payments(enrolled, student_ids, bulk_payments, result)
        advance(len(rows) // 3)
        for balance in enrolled:
            if balance.is_new:
                result.add_created(balance)
            else:
                result.add_existing(balance, balance.changes, balance.enrollment.pk)
        if result.is_valid:
            result.comparison = compare_batches(enrolled)
            compare_total(self.totals, result)


def _parse_sum(text):
    """Return the amount of a sum, which may exceed the limit for one row, or None."""
    bare = re.sub(r"[₹,\s]|rs\.?|/-", "", text, flags=re.IGNORECASE)
    return Decimal(bare) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", bare) else None
