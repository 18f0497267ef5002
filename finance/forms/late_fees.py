from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import PercentField, WholeNumberField
from finance.models import LateFeeRule


class LateFeeRuleForm(EditForm):
    grace_days = WholeNumberField(
        label="Grace period (days)",
        min_value=0,
        max_value=365,
        help_text=LateFeeRule._meta.get_field("grace_days").help_text,
    )
    percent = PercentField(
        label="Percent", required=False, help_text="Of the unpaid amount of the installment."
    )

    class Meta:
        model = LateFeeRule
        fields = ["name", "grace_days", "kind", "amount", "percent", "cap", "is_active"]

    def clean(self):
        cleaned = super().clean()
        is_percent = cleaned.get("kind") == LateFeeRule.Kind.PERCENT
        needed, other = ("percent", "amount") if is_percent else ("amount", "percent")
        if cleaned.get(needed) is None and needed not in self.errors:
            what = "a percentage" if is_percent else "an amount"
            self.add_error(needed, f"Enter {what} for this kind of late fee.")
        cleaned[other] = None
        return cleaned
