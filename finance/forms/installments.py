from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    SingleLineFormField,
    WholeNumberField,
)
from coachmaster.core.money import ZERO, plain
from finance.services.installments import split_evenly, split_rest

MAX_INSTALLMENTS = 60


class InstallmentForm(forms.Form):
    """One installment; an empty row is ignored."""

    due_on = DateFormField(label="Due on", required=False)
    amount = AmountField(label="Amount (₹)", required=False)

    def clean(self):
        data = self.cleaned_data
        if not self.errors and (data.get("due_on") is None) != (data.get("amount") is None):
            raise ValidationError("Enter both a date and an amount, or leave both empty.")


InstallmentFormSet = forms.formset_factory(
    InstallmentForm, extra=0, max_num=MAX_INSTALLMENTS, absolute_max=MAX_INSTALLMENTS
)


class TableActionForm(forms.Form):
    do = forms.ChoiceField(
        choices=[(name, name) for name in ("show", "split", "prorate")], required=False
    )
    count = WholeNumberField(
        label="Installments", min_value=1, max_value=MAX_INSTALLMENTS - 1, required=False
    )
    offered = forms.CharField(max_length=5000, required=False)
    offered_for = forms.CharField(max_length=100, required=False)


class InstallmentTable:
    """Rows of installments on a form. The page proposes them until the user edits one."""

    def __init__(self, data=None):
        self._action_form = TableActionForm(data or {})
        self._action_form.is_valid()
        has_rows = data and "rows-TOTAL_FORMS" in data
        self.formset = InstallmentFormSet(data, prefix="rows") if has_rows else None
        self.offered, self.offered_for = self._sent("offered"), self._sent("offered_for")
        self.error = ""
        self.was_outdated = False

    def _sent(self, name):
        return self._action_form.cleaned_data.get(name) or ""

    @property
    def action(self):
        """Return "show", "split" or "prorate" for a button of the table; otherwise ""."""
        return self._sent("do")

    @property
    def count(self):
        return self._sent("count") or 3

    def is_valid(self):
        return self.formset is None or self.formset.is_valid()

    @property
    def rows(self):
        """Return the rows sent: pairs of a due date and an amount in rupees."""
        if self.formset is None:
            return []
        rows = [form.cleaned_data for form in self.formset if form.is_valid()]
        return [
            (row["due_on"], row["amount"])
            for row in rows
            if row.get("amount") and row.get("due_on")
        ]

    @property
    def total(self):
        rows = self.rows if self.formset is not None and self.formset.is_bound else self.proposed
        return sum((amount for _, amount in rows), ZERO)

    @property
    def is_edited(self):
        if self.formset is None:
            return False
        return not self.is_valid() or _serialize(self.rows) != self.offered

    def propose(self, rows, offered_for="", *, is_edited=False):
        """Show ``rows``. With ``is_edited`` the page does not replace them any more."""
        self.proposed = rows
        self.offered, self.offered_for = "" if is_edited else _serialize(rows), offered_for
        initial = [{"due_on": due_on, "amount": amount} for due_on, amount in rows]
        self.formset = InstallmentFormSet(initial=initial, prefix="rows")
        self.formset.extra = min(2, MAX_INSTALLMENTS - len(rows))

    def split(self, total, starts_on, offered_for=""):
        """Split the rest of ``total`` into ``count`` more rows; all of it if there is no rest."""
        if not self.is_valid():
            return
        rows = self.rows if self.is_edited else []
        if total <= ZERO:
            self.error = "The fee is ₹0.00, so there is nothing to split."
            return
        if rows and sum((amount for _, amount in rows), ZERO) != total:
            try:
                count = min(self.count, MAX_INSTALLMENTS - len(rows))
                rows = split_rest(rows, total, count)
            except ValidationError as refusal:
                self.error = " ".join(refusal.messages)
                return
        else:
            rows = split_evenly(total, self.count, rows[0][0] if rows else starts_on)
        self.propose(rows, offered_for, is_edited=True)


def _serialize(rows):
    return "; ".join(f"{due_on:%Y-%m-%d} {plain(amount)}" for due_on, amount in rows)


class InstallmentReasonForm(forms.Form):
    reason = SingleLineFormField(max_length=150, help_text="Saved with your name and the date.")
