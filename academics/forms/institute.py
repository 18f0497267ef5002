from academics.models import Institute
from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import PercentField, SingleLineFormField, WholeNumberField
from coachmaster.core.states import State

INSTITUTE_GROUPS = {
    "The institute": ["name", "address", "state", "phone", "email"],
    "Receipts": ["receipt_prefix", "gstin", "gst_percent", "upi_id"],
    "Fees": [
        "back_dating_days",
        "cash_ceiling",
        "bounce_charge",
        "leaving_deduction_percent",
        "refund_days",
        "reminder_days",
        "fee_reminder",
    ],
    "Enrollment and attendance": ["several_batches_at_once", "attendance_edit_days"],
    "Check-in": ["check_in_by_code", "late_after_minutes"],
    "Low attendance": [
        "low_attendance_percent",
        "low_attendance_classes",
        "absences_in_a_row",
        "attendance_reminder",
        "absence_message",
    ],
}


class GstinField(SingleLineFormField):
    """Accepts spaces and small letters."""

    def to_python(self, value):
        return "".join(super().to_python(value).upper().split())


class InstituteForm(EditForm):
    #: Lowest and highest values.
    BOUNDS = {
        "back_dating_days": (0, 3650),
        "leaving_deduction_percent": (0, 100),
        "refund_days": (1, 365),
        "reminder_days": (0, 365),
        "attendance_edit_days": (0, 365),
        "low_attendance_percent": (1, 100),
        "late_after_minutes": (0, 120),
        "low_attendance_classes": (1, 365),
        "absences_in_a_row": (1, 365),
    }

    class Meta:
        model = Institute
        fields = [name for names in INSTITUTE_GROUPS.values() for name in names]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["state"].choices = [("", "Choose a state"), *State.choices]
        self.fields["bounce_charge"].allow_zero = True
        self.fields["gstin"] = GstinField(
            label="GSTIN",
            max_length=20,
            required=False,
            help_text="With a GSTIN, new receipts are tax invoices; earlier receipts do not "
            "change. Without it receipts show no tax.",
        )
        self.fields["gst_percent"] = PercentField(
            label="GST rate (%)",
            help_text="Included in the fees; used only with a GSTIN. "
            "Coaching (SAC 999293) is taxed at 18 %.",
        )
        self.fields[
            "upi_id"
        ].help_text = "Like sunrise@okaxis. Statements and reminders then show how to pay by UPI."
        for name, (least, most) in self.BOUNDS.items():
            old = self.fields[name]
            self.fields[name] = WholeNumberField(
                label=old.label, help_text=old.help_text, min_value=least, max_value=most
            )

    @property
    def groups(self):
        return [
            (heading, [self[name] for name in names]) for heading, names in INSTITUTE_GROUPS.items()
        ]
