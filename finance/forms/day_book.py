from django import forms

from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.forms import FilterForm
from coachmaster.core.money import ZERO, display

from .student_picker import IdField


class DayBookFilter(FilterForm):
    q = None
    on = DateFormField(label="Day")
    person = IdField(label="Person", widget=forms.Select)

    def __init__(self, data, *, today):
        super().__init__({"on": today, **data.dict()})
        self.today = today

    @property
    def is_filtering(self):
        return bool(self.value("person")) or self.value("on") not in (None, self.today)

    def set_people(self, people):
        self.fields["person"].widget.choices = [("", "Everybody"), *people]


class DayCloseFilter(FilterForm):
    q = None
    person = forms.TypedChoiceField(label="Person", coerce=int, empty_value=None)
    first = DateFormField(label="From")
    last = DateFormField(label="To")
    shows = forms.ChoiceField(
        label="Closes", choices=[("", "All"), ("difference", "With a difference")]
    )

    def __init__(self, data, *, closes):
        super().__init__(data)
        people = closes.order_by("person__full_name", "person").values_list(
            "person", "person__full_name"
        )
        self.fields["person"].choices = [("", "Everybody"), *people.distinct()]

    def apply(self, closes):
        if person := self.value("person"):
            closes = closes.filter(person=person)
        if first := self.value("first"):
            closes = closes.filter(closed_on__gte=first)
        if last := self.value("last"):
            closes = closes.filter(closed_on__lte=last)
        return closes.with_difference() if self.value("shows") else closes


class DayCloseForm(forms.Form):
    opening_cash = AmountField(label="Opening cash (₹)", allow_negative=True, required=False)
    opening_note = SingleLineFormField(
        label="Reason for another opening cash", max_length=200, required=False
    )
    banked_cash = AmountField(
        label="Cash taken to the bank (₹)",
        allow_zero=True,
        required=False,
        help_text="Of this drawer, since the last close.",
    )
    counted_cash = AmountField(
        label="Cash counted (₹)",
        allow_negative=True,
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}
        ),
        help_text="What is left in the drawer. "
        "Below zero only if refunds were paid with own money, like -50.",
    )
    note = SingleLineFormField(
        label="Note",
        max_length=200,
        required=False,
        help_text="Required if the cash counted differs from the expected cash, or is below zero.",
    )
    #: The cash before the bank, as shown on the page.
    seen_cash = AmountField(allow_negative=True, required=False, widget=forms.HiddenInput)

    def __init__(self, data, *, carried, available):
        initial = {"opening_cash": carried.amount, "banked_cash": ZERO, "seen_cash": available}
        super().__init__(data, initial=initial)
        self.fields[
            "opening_cash"
        ].help_text = f"{carried.origin}: {display(carried.amount)}. Another amount needs a reason."

    def clean_banked_cash(self):
        return self.cleaned_data["banked_cash"] or ZERO
