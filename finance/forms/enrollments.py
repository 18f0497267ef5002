import re

from django import forms

from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    MultiLineFormField,
    SelectedRowsField,
    SingleLineFormField,
)
from coachmaster.core.money import display
from finance.services.transfers import fee_after_transfer

from .batch_choice import BatchChoiceField
from .student_picker import IdField, StudentPickerForm


class EnrollmentForm(forms.Form):
    """A student joins a batch."""

    enrolled_on = DateFormField(label="From")
    agreed_fee = AmountField(
        label="Agreed fee (₹)",
        allow_zero=True,
        required=False,
        help_text="Left empty: the fee shown with the batch.",
    )
    fee_reason = SingleLineFormField(
        label="Reason for a lower fee",
        max_length=200,
        required=False,
        help_text="Only when it is lowered.",
    )
    plan = IdField(label="How it is paid")
    despite_clash = forms.BooleanField(label="Enroll anyway", required=False)
    field_order = ["batch", "enrolled_on", "agreed_fee", "fee_reason"]

    def __init__(self, *args, batches, words="", **kwargs):
        super().__init__(*args, **kwargs)
        chosen = StudentPickerForm(
            {"batch": self.data.get("batch") or self.initial.get("batch")}
        ).value("batch")
        self.fields["batch"] = BatchChoiceField(batches, words=words or "", chosen=chosen)
        self.order_fields(self.field_order)


class TransferForm(EnrollmentForm):
    """A student moves to another batch."""

    plan = None  # what was open is paid on the dates it had
    despite_clash = forms.BooleanField(label="Move anyway", required=False)
    reason = SingleLineFormField(label="Reason for the move", max_length=150, required=False)
    field_order = ["batch", "enrolled_on", "reason", "agreed_fee", "fee_reason"]

    def __init__(self, *args, enrollment, batches, **kwargs):
        self.enrollment = enrollment
        super().__init__(*args, batches=batches.exclude(pk=enrollment.batch_id), **kwargs)
        self.fields["batch"].widget.fee_of = lambda batch: fee_after_transfer(enrollment, batch)[0]
        self.fields["enrolled_on"].help_text = "The first day in the new batch."
        self.fields[
            "agreed_fee"
        ].help_text = "Left empty: the fee shown with the batch. Within a course what was agreed stays agreed."

    def clean(self):
        """The fee that was offered needs no new reason: it is left to the service, as when nothing was typed."""
        cleaned = super().clean()
        if cleaned.get("batch") and not cleaned.get("fee_reason"):
            offered, _ = fee_after_transfer(self.enrollment, cleaned["batch"])
            if cleaned.get("agreed_fee") == offered:
                cleaned["agreed_fee"] = None
        return cleaned


class CompletionForm(forms.Form):
    """A student's time in a batch ends."""

    ended_on = DateFormField(
        label="Not in the batch from",
        help_text="The first day without them; the day before was the last.",
    )


class DropForm(CompletionForm):
    """A student leaves before the end. ``shown`` is the fee that was proposed on the page that was sent."""

    reason = SingleLineFormField(label="Reason", max_length=100)
    fee_to_keep = AmountField(
        label="Another fee to keep (₹)",
        allow_zero=True,
        required=False,
        help_text="Left empty: what is proposed.",
    )
    fee_reason = SingleLineFormField(label="Reason for another fee", max_length=80, required=False)
    shown = AmountField(allow_zero=True, required=False, widget=forms.HiddenInput)

    def accepts(self, proposal):
        """Whether the fee to keep is the one proposed, or a reason says why not; otherwise the form says so."""
        kept = self.cleaned_data["fee_to_keep"]
        if kept in (None, proposal.amount) or self.cleaned_data["fee_reason"]:
            return True
        self.add_error(
            "fee_reason", f"Say why it is not the {display(proposal.amount)} that is proposed."
        )
        return False

    def was_shown_another(self, proposal):
        """Whether the proposal is about to be taken, and is not the one that was on the page."""
        shown = self.cleaned_data.pop("shown")
        return self.cleaned_data["fee_to_keep"] is None and shown not in (None, proposal.amount)


class BatchCompletionForm(forms.Form):
    """The last day of a batch."""

    last_day = DateFormField(
        label="Last day", help_text="Everybody below completes it with this day."
    )


class PlanChoiceField(forms.ModelChoiceField):
    """One of the plans of a course, with its parts in words."""

    widget = forms.RadioSelect

    def label_from_instance(self, plan):
        parts = ", ".join(f"{part.share_label} {part.due_label}" for part in plan.parts.all())
        return f"{plan}: {parts}" if parts else str(plan)


class BatchEnrollForm(forms.Form):
    """Students ticked in the list, and admission numbers pasted below it."""

    q = SingleLineFormField(label="Find students", max_length=100, required=False)
    students = SelectedRowsField(queryset=None, required=False)
    numbers = MultiLineFormField(
        label="Or paste admission numbers",
        max_length=5000,
        required=False,
        help_text="Separated by spaces, commas or lines.",
    )
    enrolled_on = DateFormField(label="From")
    despite_clash = forms.BooleanField(label="Enroll them anyway", required=False)

    plan = PlanChoiceField(
        label="How it is paid",
        queryset=None,
        required=False,
        blank=True,
        empty_label="All at once",
        initial="",
    )

    def __init__(self, *args, students, plans, **kwargs):
        super().__init__(*args, **kwargs)
        self.everybody = self.fields["students"].queryset = students
        self.fields["plan"].queryset = plans

    def clean_numbers(self):
        """The students whose admission numbers were pasted."""
        numbers = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["numbers"].strip())))
        numbers = [number for number in numbers if number]
        found = {
            student.admission_number: student
            for student in self.everybody.filter(admission_number__in=numbers)
        }
        if unknown := [number for number in numbers if number not in found]:
            raise forms.ValidationError(
                f"No student has the admission number {', '.join(unknown[:20])}. Check it."
            )
        return list(found.values())

    def clean(self):
        cleaned = super().clean()
        if "students" in cleaned and "numbers" in cleaned:
            cleaned["chosen"] = list(
                {s.pk: s for s in [*cleaned["students"], *cleaned["numbers"]]}.values()
            )
            if not cleaned["chosen"]:
                self.add_error(
                    None, "Tick the students to enroll, or paste their admission numbers."
                )
        return cleaned
