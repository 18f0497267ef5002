import re

from django import forms

from academics.models import DropReason
from academics.services.clashes import (
    TimetableConflict,
    find_student_clashes,
    without_hidden_batches,
)
from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    MultiLineFormField,
    SelectedRowsField,
    SingleLineFormField,
)
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from coachmaster.core.text import folded
from finance.services.transfers import fee_after_transfer

from .batch_choice import BatchChoiceField
from .student_picker import IdField, StudentPickerForm


class ClashMixin:
    """Ask for confirmation, by the box ``despite_clash``, if students have two classes at once."""

    clashes = ()

    def check_clashes(self, students, batch, *, by, leaving=None):
        """Raise TimetableConflict if there are any and the box is not ticked."""
        if self.cleaned_data["despite_clash"]:
            return
        clashes = find_student_clashes(students, batch, leaving=leaving)
        if clashes := without_hidden_batches(clashes, by):
            raise TimetableConflict([str(clash) for clash in clashes])

    def refuse(self, refusal, **field_names):
        """Show a ValidationError of a service; clashes are shown with the box."""
        if isinstance(refusal, TimetableConflict):
            self.clashes = refusal.messages
        else:
            add_errors(self, refusal, **field_names)


class EnrollmentForm(ClashMixin, forms.Form):
    enrolled_on = DateFormField(label="From")
    agreed_fee = AmountField(
        label="Agreed fee (₹)",
        allow_zero=True,
        required=False,
        help_text="Leave empty for the fee shown with the batch.",
    )
    fee_reason = SingleLineFormField(
        label="Reason for a lower fee",
        max_length=200,
        required=False,
        help_text="Required only for a lower fee.",
    )
    plan = IdField(label="Fee plan")
    despite_clash = forms.BooleanField(label="Enroll anyway", required=False)
    field_order = ["batch", "enrolled_on", "agreed_fee", "fee_reason"]

    def __init__(self, *args, batches, query="", **kwargs):
        super().__init__(*args, **kwargs)
        batch = self.data.get("batch") or self.initial.get("batch")
        chosen = StudentPickerForm({"batch": batch}).value("batch")
        self.fields["batch"] = BatchChoiceField(batches, query=query or "", chosen=chosen)
        self.order_fields(self.field_order)


class TransferForm(EnrollmentForm):
    """A transfer. Unpaid installments keep their due dates, so there is no fee plan to choose."""

    plan = None
    despite_clash = forms.BooleanField(label="Transfer anyway", required=False)
    reason = SingleLineFormField(label="Reason for the transfer", max_length=150, required=False)
    field_order = ["batch", "enrolled_on", "reason", "agreed_fee", "fee_reason"]

    def __init__(self, *args, enrollment, batches, **kwargs):
        self.enrollment = enrollment
        super().__init__(*args, batches=batches.exclude(pk=enrollment.batch_id), **kwargs)
        self.fields["batch"].widget.fee_of = lambda batch: fee_after_transfer(enrollment, batch)[0]
        self.fields["enrolled_on"].help_text = "First day in the new batch."
        self.fields["agreed_fee"].help_text = (
            "Leave empty for the fee shown with the batch. "
            "Within the same course the agreed fee does not change."
        )

    def clean(self):
        """Drop a fee that equals the one offered, since it needs no reason."""
        cleaned = super().clean()
        if cleaned.get("batch") and not cleaned.get("fee_reason"):
            offered, _ = fee_after_transfer(self.enrollment, cleaned["batch"])
            if cleaned.get("agreed_fee") == offered:
                cleaned["agreed_fee"] = None
        return cleaned


class CompletionForm(forms.Form):
    ended_on = DateFormField(
        label="Not in the batch from",
        help_text="The day after the student’s last day.",
    )


class DropForm(CompletionForm):
    """A student leaves early. ``shown`` is the fee that the page proposed."""

    reason = forms.ChoiceField(
        label="Reason", choices=[("", "Choose a reason"), *DropReason.choices]
    )
    note = SingleLineFormField(
        max_length=100, required=False, help_text="Required for the reason “Other”."
    )
    fee_to_keep = AmountField(
        label="Fee to retain (₹)",
        allow_zero=True,
        required=False,
        help_text="Leave empty for the proposed fee.",
    )
    fee_reason = SingleLineFormField(label="Reason for another fee", max_length=80, required=False)
    shown = AmountField(allow_zero=True, required=False, widget=forms.HiddenInput)

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("reason") == DropReason.OTHER and not cleaned.get("note"):
            self.add_error("note", "Enter the other reason.")
        return cleaned

    def accepts(self, proposal):
        """Return whether the fee is the proposed one or has a reason; add an error if not."""
        fee = self.cleaned_data["fee_to_keep"]
        if fee in (None, proposal.amount) or self.cleaned_data["fee_reason"]:
            return True
        self.add_error(
            "fee_reason",
            f"Enter a reason for retaining another fee than the proposed "
            f"{display(proposal.amount)}.",
        )
        return False

    def was_shown_another(self, proposal):
        """Return whether the user accepts the proposed fee but was shown another amount."""
        shown = self.cleaned_data.pop("shown")
        return self.cleaned_data["fee_to_keep"] is None and shown not in (None, proposal.amount)


class BatchCompletionForm(forms.Form):
    last_day = DateFormField(
        label="Last day", help_text="The last day of all students listed on this page."
    )


class PlanChoiceField(forms.ModelChoiceField):
    widget = forms.RadioSelect

    def label_from_instance(self, plan):
        parts = ", ".join(f"{part.share_label} {part.due_label}" for part in plan.parts.all())
        return f"{plan}: {parts}" if parts else str(plan)


class BatchEnrollForm(ClashMixin, forms.Form):
    """Students ticked in the list, and admission numbers pasted below it."""

    q = SingleLineFormField(label="Find students", max_length=100, required=False)
    students = SelectedRowsField(queryset=None, required=False)
    numbers = MultiLineFormField(
        label="Or paste admission numbers",
        max_length=5000,
        required=False,
        help_text="Separate them by spaces, commas or new lines.",
    )
    enrolled_on = DateFormField(label="From")
    despite_clash = forms.BooleanField(label="Enroll anyway", required=False)
    plan = PlanChoiceField(
        label="Installments",
        queryset=None,
        required=False,
        blank=True,
        empty_label="Full payment",
        initial="",
    )

    def __init__(self, *args, students, plans, **kwargs):
        super().__init__(*args, **kwargs)
        self.everybody = self.fields["students"].queryset = students
        self.fields["plan"].queryset = plans

    def clean_numbers(self):
        numbers = list(filter(None, re.split(r"[\s,;]+", self.cleaned_data["numbers"])))
        found = {
            folded(student.admission_number): student
            for student in self.everybody.numbered(numbers)
        }
        if unknown := [n for n in dict.fromkeys(numbers) if folded(n) not in found]:
            raise forms.ValidationError(
                f"No student has the admission number {', '.join(unknown[:20])}. Check it."
            )
        return [found[number] for number in dict.fromkeys(map(folded, numbers))]

    def clean(self):
        cleaned = super().clean()
        if "students" in cleaned and "numbers" in cleaned:
            students = [*cleaned["students"], *cleaned["numbers"]]
            cleaned["chosen"] = list({student.pk: student for student in students}.values())
            if not cleaned["chosen"]:
                self.add_error(
                    None, "Tick the students to enroll, or paste their admission numbers."
                )
        return cleaned
