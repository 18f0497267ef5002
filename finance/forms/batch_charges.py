from django import forms

from coachmaster.core.form_fields import SelectedRowsField

from .bulk_actions import BulkConfirmationForm
from .charges import ChargeForm


class BatchChargeForm(ChargeForm, BulkConfirmationForm):
    """A charge for several students of a batch. The second page repeats it as hidden fields."""

    students = SelectedRowsField(
        queryset=None,
        error_messages={
            "required": "Tick at least one student.",
            "invalid_choice": "A student is no longer in this batch. Check the list again.",
        },
    )
    charge_again = forms.BooleanField(
        label="Also students who have this charge already", required=False
    )

    def __init__(self, *args, students, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["students"].queryset = students

    #: Whether the second page has a button that leads back to what was entered.
    may_change = True

    @property
    def is_confirmed(self):
        return bool(self.cleaned_data["digest"])

    @property
    def ticked(self):
        """Return the ids of the students to tick: all at first."""
        if not self.is_bound:
            return {student.pk for student in self.fields["students"].queryset}
        return {int(key) for key in self["students"].value() or [] if str(key).isdecimal()}

    def begin_confirmation(self):
        """Use a new token, so that a form that is corrected and sent again is another one."""
        self.data = self.data.copy()
        self.data["token"] = self.new_token()
