from django import forms

from accounts.forms.confirmation import ConfirmationMixin
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm
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


class BulkActionFilter(FilterForm):
    STATUSES = [("", "All"), ("active", "Not undone"), ("undone", "Undone")]

    kind = forms.ChoiceField(choices=[("", "All kinds"), *BulkActionKind.choices])
    status = forms.ChoiceField(choices=STATUSES)

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Description"
        # `from` is a keyword of Python.
        for name in ("from", "to"):
            self.fields[name] = DateFormField(label=name.capitalize(), required=False)
            self.fields[name].widget.attrs["class"] = "form-control"

    def apply(self, actions):
        if search := self.value("q"):
            actions = actions.filter(description__icontains=search)
        if kind := self.value("kind"):
            actions = actions.filter(kind=kind)
        if status := self.value("status"):
            actions = actions.undone() if status == "undone" else actions.active()
        if first := self.value("from"):
            actions = actions.filter(at__date__gte=first)
        if last := self.value("to"):
            actions = actions.filter(at__date__lte=last)
        return actions
