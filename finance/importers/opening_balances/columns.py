from django import forms

from academics.importers.columns import batch_column
from academics.models import Enrollment
from accounts.importers.students import StudentImporter
from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.importers import ImportColumn
from coachmaster.core.money import ZERO
from finance.importers.payments import ModeField

INSTALLMENTS = 12


def _amount(name, *synonyms):
    return ImportColumn(name, AmountField(allow_zero=True, required=False), *synonyms)


def _installments():
    for number in range(1, INSTALLMENTS + 1):
        names = [f"{word} {number}" for word in ("installment", "instalment", "inst", "emi")]
        yield ImportColumn(
            f"installment_{number}_on",
            DateFormField(required=False),
            *(f"{name} {word}" for name in names for word in ("date", "due", "due date", "due on")),
            f"due date {number}",
        )
        yield _amount(f"installment_{number}_amount", *names, *(f"{name} amount" for name in names))


COLUMNS = [
    *StudentImporter.columns,
    batch_column(),
    ImportColumn.of(
        Enrollment, "enrolled_on", "date of admission", "admission date", "joining date",
        "joined on", "joined", "date of joining", "enrollment date", "doj", required=False,
    ),
    _amount("agreed_fee", "fee", "fees", "total fee", "total fees", "fee agreed", "final fee"),
    _amount(
        "concession", "discount", "scholarship", "concession amount", "discount amount",
        "taken off",
    ),
    ImportColumn(
        "concession_reason", SingleLineFormField(max_length=200, required=False), "reason",
        "discount reason",
    ),
    _amount(
        "paid", "paid so far", "total paid", "fees paid", "fee paid", "amount paid", "received",
    ),
    ImportColumn(
        "paid_on", DateFormField(required=False), "last paid on", "payment date", "receipt date",
        "paid date",
    ),
    ImportColumn("mode", ModeField(required=False), "payment mode", "mode of payment", "paid by"),
    ImportColumn(
        "receipt_numbers", forms.CharField(max_length=200, required=False), "receipt no",
        "receipt nos", "receipt number", "old receipt no", "old receipt nos",
        "old receipt numbers", "receipts", is_code=True,
    ),
    _amount(
        "balance", "due", "dues", "balance due", "pending", "fees due", "outstanding", "remaining",
    ),
    *_installments(),
]  # fmt: skip


def installments_of(row):
    """Yield ``(number, due date or None, amount)`` of each installment of a row."""
    for number in range(1, INSTALLMENTS + 1):
        amount = row.get(f"installment_{number}_amount", ZERO)
        if amount > ZERO:
            yield number, row.get(f"installment_{number}_on"), amount
