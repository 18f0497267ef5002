"""Request data in, clean values out."""

import secrets

from django import forms
from django.db.models import Q

from accounts.forms.passwords import ConfirmPasswordMixin
from accounts.models import User
from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    MultiLineFormField,
    SingleLineFormField,
)
from coachmaster.core.forms import FilterForm, add_errors
from finance.models import Mode, ReceiptSeries, Reversal
from finance.services.payments import ExceedsDues, PossibleDuplicate


class PaymentForm(forms.Form):
    """Money received. The token is made once a form, so that sending it twice pays once."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)
    amount = AmountField(
        label="Amount (₹)",
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}
        ),
    )
    mode = forms.ChoiceField(
        label="How it was paid", choices=Mode.choices, widget=forms.RadioSelect
    )
    reference = SingleLineFormField(
        max_length=60,
        required=False,
        help_text="UPI and bank transfer: as the bank shows it. Cheque: its number. Card: the slip’s number, if you like.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    cheque_on = DateFormField(label="Date of the cheque", required=False)
    paid_on = DateFormField(label="Date")
    notes = MultiLineFormField(
        label="Note", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    as_advance = forms.BooleanField(label="Keep the rest as an advance", required=False)
    confirm_duplicate = forms.BooleanField(label="Record it again", required=False)

    #: The ticks are shown once a refusal has asked for them, and stay while the form does.
    asks_advance = asks_duplicate = False

    @staticmethod
    def new_token():
        """192 random bits."""
        return secrets.token_urlsafe(24)

    def refuse(self, refusal):
        """Show why the payment was not taken, and the tick that takes it all the same, where there is one."""
        self.asks_advance = self["as_advance"].data or isinstance(refusal, ExceedsDues)
        self.asks_duplicate = self["confirm_duplicate"].data or isinstance(
            refusal, PossibleDuplicate
        )
        add_errors(self, refusal)

    def clean(self):
        if "token" in self.errors:
            self.add_error(
                None, "This form has lost its one-time token. Open the payment form again."
            )
        return super().clean()


class ReceiptCancelForm(ConfirmPasswordMixin, forms.Form):
    """Why a payment is voided; with the password again when it was typed a while ago."""

    reason = SingleLineFormField(
        max_length=200,
        label="Reason",
        help_text="It stays on the receipt, with your name and the time.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class BounceForm(ConfirmPasswordMixin, forms.Form):
    """A cheque came back from the bank; with the password again when it was typed a while ago."""

    bounced_on = DateFormField(label="Returned by the bank on")
    reason = SingleLineFormField(
        max_length=200,
        label="Reason",
        help_text="As the bank’s memo says, like “Funds insufficient”.",
    )
    charge = AmountField(
        label="Charge for it (₹)",
        allow_zero=True,
        required=False,
        help_text="0 or empty: nothing is charged.",
    )


class PaymentFilter(FilterForm):
    """The filters of the list of payments."""

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student or receipt"
        self._add("from", DateFormField(label="From"))
        self._add("to", DateFormField(label="To"))
        self._add(
            "mode", forms.ChoiceField(label="Mode", choices=[("", "All modes"), *Mode.choices])
        )
        self._add(
            "state",
            forms.ChoiceField(
                label="State", choices=[("", "All"), ("standing", "Standing"), ("void", "Void")]
            ),
        )

    def _add(self, name, field):
        """`from` cannot be declared: it is a word of Python."""
        field.required = False
        field.widget.attrs["class"] = (
            "form-select" if isinstance(field.widget, forms.Select) else "form-control"
        )
        self.fields[name] = field

    def _of_days_and_mode(self, rows):
        """``rows`` (payments or day totals) of the days and the mode that were asked for."""
        if first := self.value("from"):
            rows = rows.filter(paid_on__gte=first)
        if last := self.value("to"):
            rows = rows.filter(paid_on__lte=last)
        if mode := self.value("mode"):
            rows = rows.filter(mode=mode)
        return rows

    def filter(self, payments):
        """The payments that were asked for."""
        payments = self._of_days_and_mode(payments)
        if words := self.value("q"):
            payments = (
                payments.with_receipt_number(words)
                if "/" in words
                else payments.filter(self._named(words))
            )
        if state := self.value("state"):
            voided = Q(
                pk__in=Reversal.objects.values("payment")
            )  # few, and not looked for among all
            payments = payments.filter(voided) if state == "void" else payments.active()
        return payments

    def filter_days(self, day_totals):
        """The day totals that add up to the same payments that stand, or None when only the payments can tell."""
        return (
            None
            if self.value("q") or self.value("state") == "void"
            else self._of_days_and_mode(day_totals)
        )

    @property
    def shows_void(self):
        """Whether only voided payments are asked for."""
        return self.value("state") == "void"

    @staticmethod
    def _named(words):
        """By the student, or by the count of a receipt number."""
        by_student = Q(student__in=User.objects.order_by().matching(words).values("pk"))
        if words.isascii() and words.isdigit() and len(words) <= 7:
            numbers = [series.number(int(words)) for series in ReceiptSeries.objects.all()]
            return by_student | Q(receipt_number__in=numbers)
        return by_student
