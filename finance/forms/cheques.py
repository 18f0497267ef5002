from django import forms

from coachmaster.core.form_fields import DateFormField, SelectedRowsField
from coachmaster.core.forms import FilterForm
from finance.reports.cheques import ChequeState


class ChequeFilter(FilterForm):
    state = forms.ChoiceField(choices=ChequeState.choices, widget=forms.HiddenInput)

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student, receipt or cheque number"

    @property
    def shown_state(self):
        return ChequeState(self.value("state") or ChequeState.TO_DEPOSIT)

    @property
    def is_filtering(self):
        return bool(self.value("q"))


class ChequeChoiceForm(forms.Form):
    """The cheques that were ticked in the list."""

    cheque = SelectedRowsField(queryset=None, widget=forms.MultipleHiddenInput)

    def __init__(self, *args, cheques, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["cheque"].queryset = cheques


class ChequeDayForm(ChequeChoiceForm):
    on = DateFormField(label="Date")
