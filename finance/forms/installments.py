"""The forms about installments: the rows of a student's fee, and the plans of a course."""

from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    SingleLineFormField,
    WholeNumberField,
)
from coachmaster.core.money import ZERO, plain
from finance.services import installments

#: So many installments a fee has at most.
MAX_INSTALLMENTS = 60


class InstallmentForm(forms.Form):
    """One installment; a row left empty is none."""

    due_on = DateFormField(label="Due on", required=False)
    amount = AmountField(label="Amount (₹)", required=False)

    def clean(self):
        values = self.cleaned_data
        if not self.errors and (values.get("due_on") is None) != (values.get("amount") is None):
            raise ValidationError("Give it both a date and an amount, or empty both.")


InstallmentFormSet = forms.formset_factory(
    InstallmentForm, extra=0, max_num=MAX_INSTALLMENTS, absolute_max=MAX_INSTALLMENTS
)


class TableActionForm(forms.Form):
    """What a button of the table asks for, and what the page has proposed."""

    do = forms.ChoiceField(
        choices=[(name, name) for name in ("show", "split", "prorate")], required=False
    )
    count = WholeNumberField(
        label="Parts", min_value=1, max_value=MAX_INSTALLMENTS - 1, required=False
    )
    offered = forms.CharField(max_length=5000, required=False)
    offered_for = forms.CharField(max_length=100, required=False)


class InstallmentTable:
    """The rows of installments on a form: the page proposes them, and they follow it until somebody edits them."""

    def __init__(self, data=None):
        self._step = TableActionForm(data or {})
        self._step.is_valid()
        self.formset = (
            InstallmentFormSet(data, prefix="rows") if data and "rows-TOTAL_FORMS" in data else None
        )
        self.offered, self.offered_for = self._asked("offered"), self._asked("offered_for")
        self.error = ""
        self.was_outdated = False

    def _asked(self, name):
        return self._step.cleaned_data.get(name) or ""

    @property
    def step(self):
        """ "show", "split" or "prorate" when one of the table's own buttons was pressed, else ""."""
        return self._asked("do")

    @property
    def count(self):
        """Into how many parts to split."""
        return self._asked("count") or 3

    def is_valid(self):
        """Whether each row is complete."""
        return self.formset is None or self.formset.is_valid()

    @property
    def rows(self):
        """The rows as typed: pairs of a due date and rupees."""
        if self.formset is None:
            return []
        values = [form.cleaned_data for form in self.formset if form.is_valid()]
        return [
            (row["due_on"], row["amount"])
            for row in values
            if row.get("amount") and row.get("due_on")
        ]

    @property
    def total(self):
        """What the rows add up to, in rupees."""
        rows = self.rows if self.formset is not None and self.formset.is_bound else self.proposed
        return sum((amount for _, amount in rows), ZERO)

    @property
    def is_edited(self):
        """Whether somebody has changed what the page proposed."""
        return self.formset is not None and (
            not self.is_valid() or _serialize(self.rows) != self.offered
        )

    def propose(self, rows, offered_for="", *, is_edited=False):
        """Show ``rows``. With ``is_edited`` they stand for what the person wants, and follow nothing any more."""
        self.proposed = rows
        self.offered, self.offered_for = "" if is_edited else _serialize(rows), offered_for
        self.formset = InstallmentFormSet(
            initial=[{"due_on": due_on, "amount": amount} for due_on, amount in rows], prefix="rows"
        )
        self.formset.extra = min(2, MAX_INSTALLMENTS - len(rows))

    def split(self, total, starts_on, offered_for=""):
        """Split what the rows leave of ``total`` rupees into so many parts; all of it when they leave nothing."""
        if not self.is_valid():
            return
        rows = self.rows if self.is_edited else []
        if total <= ZERO:
            self.error = "Nothing is left to split: the fee is ₹0.00."
            return
        if rows and sum((amount for _, amount in rows), ZERO) != total:
            try:
                rows = installments.split_rest(
                    rows, total, min(self.count, MAX_INSTALLMENTS - len(rows))
                )
            except ValidationError as refusal:
                self.error = " ".join(refusal.messages)
                return
        else:
            rows = installments.split_evenly(total, self.count, rows[0][0] if rows else starts_on)
        self.propose(rows, offered_for, is_edited=True)


def _serialize(rows):
    """Rows as one text, to be compared."""
    return "; ".join(f"{due_on:%Y-%m-%d} {plain(amount)}" for due_on, amount in rows)


class InstallmentReasonForm(forms.Form):
    """Why something that was agreed changes."""

    reason = SingleLineFormField(max_length=150, help_text="It is kept with your name and the day.")
