from django import forms
from django.db.models import Q

from accounts.forms.confirmation import ConfirmationMixin
from accounts.models import User
from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    MultiLineFormField,
    SingleLineFormField,
)
from coachmaster.core.forms import FilterForm, add_errors
from coachmaster.core.money import display
from finance.models import Mode, Payment, ReceiptSeries, Reversal
from finance.services.payments import ExceedsDues, PossibleDuplicate

from .charges import OneTimeForm


class PaymentForm(OneTimeForm):
    amount = AmountField(
        label="Amount (₹)",
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}
        ),
    )
    mode = forms.ChoiceField(label="Mode", choices=Mode.choices, widget=forms.RadioSelect)
    reference = SingleLineFormField(
        max_length=60,
        required=False,
        help_text=(
            "UPI or bank transfer: the bank’s reference. Cheque: its number. "
            "Card: the slip number, optional."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    cheque_on = DateFormField(label="Cheque date", required=False)
    paid_on = DateFormField(label="Date")
    notes = MultiLineFormField(
        label="Note", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    as_advance = forms.BooleanField(label="Keep the rest as an advance", required=False)
    confirm_duplicate = forms.BooleanField(label="Record it again", required=False)

    #: Whether to show the boxes that confirm an advance and a possible duplicate.
    asks_advance = asks_duplicate = False

    def refuse(self, refusal):
        self.asks_advance = self["as_advance"].data or isinstance(refusal, ExceedsDues)
        self.asks_duplicate = self["confirm_duplicate"].data or isinstance(
            refusal, PossibleDuplicate
        )
        add_errors(self, refusal)


class ReceiptCancelForm(ConfirmationMixin, forms.Form):
    reason = SingleLineFormField(
        max_length=200,
        label="Reason",
        help_text="Shown on the receipt, with your name and the date.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class BounceForm(ConfirmationMixin, forms.Form):
    bounced_on = DateFormField(label="Bounced on")
    reason = SingleLineFormField(
        max_length=200,
        label="Reason",
        help_text="From the bank’s memo, for example “Funds insufficient”.",
    )
    charge = AmountField(
        label="Bounce charge (₹)",
        allow_zero=True,
        required=False,
        help_text="Leave empty for no charge.",
    )

    def __init__(self, data, *, most_charge, **kwargs):
        super().__init__(data, **kwargs)
        if most_charge is not None:
            self.fields["charge"].help_text = (
                f"At most {display(most_charge)}, as in the settings: your role may not charge "
                "more. Leave empty for no charge."
            )


class PaymentFilter(FilterForm):
    STATUSES = [("", "All"), ("valid", "Valid"), ("cancelled", "Cancelled")]

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student, receipt or reference"
        # `from` is a keyword of Python, so the fields cannot be declared in this order.
        self._add("from", DateFormField(label="From"))
        self._add("to", DateFormField(label="To"))
        self._add("mode", forms.ChoiceField(choices=[("", "All modes"), *Mode.choices]))
        self._add("status", forms.ChoiceField(choices=self.STATUSES))

    def _add(self, name, field):
        field.required = False
        is_select = isinstance(field.widget, forms.Select)
        field.widget.attrs["class"] = "form-select" if is_select else "form-control"
        self.fields[name] = field

    def apply(self, payments):
        payments = self._filter_days_and_mode(payments)
        if search := self.value("q"):
            if "/" in search:
                payments = payments.with_receipt_number(search)
            else:
                payments = payments.filter(
                    self._student_or_number(search)
                    | Q(pk__in=Payment.objects.with_reference(search).values("pk"))
                )
        if self.shows_cancelled:
            # A subquery, since few payments are cancelled.
            return payments.filter(pk__in=Reversal.objects.values("payment"))
        return payments.active() if self.value("status") else payments

    def apply_to_day_totals(self, day_totals):
        """Return the totals of valid payments; None if a filter needs the payments themselves."""
        if self.value("q") or self.shows_cancelled:
            return None
        return self._filter_days_and_mode(day_totals)

    def _filter_days_and_mode(self, rows):
        if first := self.value("from"):
            rows = rows.filter(paid_on__gte=first)
        if last := self.value("to"):
            rows = rows.filter(paid_on__lte=last)
        if mode := self.value("mode"):
            rows = rows.filter(mode=mode)
        return rows

    @property
    def shows_cancelled(self):
        return self.value("status") == "cancelled"

    @staticmethod
    def _student_or_number(search):
        by_student = Q(student__in=User.objects.order_by().matching(search).values("pk"))
        if search.isascii() and search.isdigit() and len(search) <= 7:
            numbers = [series.number(int(search)) for series in ReceiptSeries.objects.all()]
            return by_student | Q(receipt_number__in=numbers)
        return by_student
