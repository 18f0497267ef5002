from django import forms

from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.forms import FilterForm

from .student_picker import IdField


class DayBookFilter(FilterForm):
    q = None
    on = DateFormField(label="Day")
    person = IdField(label="Entered by", widget=forms.Select)

    def __init__(self, data, *, today):
        super().__init__({"on": today, **data.dict()})
        self.today = today

    @property
    def is_filtering(self):
        return bool(self.value("person")) or self.value("on") not in (None, self.today)

    def set_people(self, people):
        self.fields["person"].widget.choices = [("", "Everybody"), *people]


class DayCloseForm(forms.Form):
    counted_cash = AmountField(
        label="Cash counted (₹)",
        allow_zero=True,
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}
        ),
    )
    note = SingleLineFormField(
        label="Note",
        max_length=200,
        required=False,
        help_text="Required if the cash counted differs from the expected cash.",
    )
