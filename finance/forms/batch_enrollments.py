from django import forms

from finance.services.bulk_actions import find_done

from .bulk_actions import BulkConfirmationForm


class ShownRowsForm(BulkConfirmationForm):
    """The second page of a form: `is_confirmed` once its button is pressed.

    The hidden fields repeat what was chosen on the first page. If the rows have changed since they
    were shown, so that ``digest`` differs, the form is `is_outdated` and asks again.
    """

    def __init__(self, data, *, digest, initial):
        is_sent = "token" in data and "digest" in data
        self.is_outdated = is_sent and data["digest"] != digest
        #: The action, if the button was pressed before.
        self.action = find_done(data["token"][:64]) if is_sent else None
        is_bound = is_sent and not self.is_outdated
        super().__init__(data if is_bound else None, initial={**initial, "digest": digest})

    @property
    def is_confirmed(self):
        return self.is_bound and self.is_valid()


class HiddenIdsField(forms.Field):
    widget = hidden_widget = forms.MultipleHiddenInput


class BatchEnrollConfirmationForm(ShownRowsForm):
    students = HiddenIdsField()
    enrolled_on = forms.DateField(widget=forms.HiddenInput)
    plan = forms.Field(widget=forms.HiddenInput, required=False)
    despite_clash = forms.BooleanField(widget=forms.HiddenInput, required=False)


class BatchCompletionConfirmationForm(ShownRowsForm):
    last_day = forms.DateField(widget=forms.HiddenInput)
