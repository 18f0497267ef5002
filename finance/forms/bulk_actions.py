from django import forms

from accounts.forms.confirmation import ConfirmationMixin
from coachmaster.core.forms import PeriodFilter
from finance.models import BulkActionKind

from .charges import CancelReasonForm, OneTimeForm


class BulkConfirmationForm(OneTimeForm):
    """The button of a confirmation page, with the digest of the rows that the page shows.

    Subclasses add what else was chosen, as hidden fields.
    """

    digest = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def show_digest(self, digest):
        """Set the digest of the rows that the page shows now, also after a refusal."""
        self.initial["digest"] = digest
        if self.is_bound:
            self.data = self.data.copy()
            self.data["digest"] = digest


class UndoForm(ConfirmationMixin, CancelReasonForm):
    """The reason for undoing a bulk action, with the password if it was not typed recently."""


class BulkActionFilter(PeriodFilter):
    STATUSES = [("", "All"), ("active", "Not undone"), ("undone", "Undone")]

    kind = forms.ChoiceField(choices=[("", "All kinds"), *BulkActionKind.choices])
    status = forms.ChoiceField(choices=STATUSES)

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Description"

    def apply(self, actions):
        if search := self.value("q"):
            actions = actions.filter(description__icontains=search)
        if kind := self.value("kind"):
            actions = actions.filter(kind=kind)
        if status := self.value("status"):
            actions = actions.undone() if status == "undone" else actions.active()
        return self.in_period(actions, "at__date")
