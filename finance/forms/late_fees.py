from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import PercentField, WholeNumberField
from finance.models import LateFeeRule


class LateFeeRuleForm(EditForm):
    """When and how much a late fee is."""

    grace_days = WholeNumberField(
        label="Days of grace",
        min_value=0,
        max_value=365,
        help_text=LateFeeRule._meta.get_field("grace_days").help_text,
    )
    percent = PercentField(
        label="Per cent", required=False, help_text="Of what is open of the installment."
    )

    class Meta:
        model = LateFeeRule
        fields = ["name", "grace_days", "kind", "amount", "percent", "cap", "is_active"]

    def clean(self):
        cleaned = super().clean()
        needed, other = (
            ("percent", "amount")
            if cleaned.get("kind") == LateFeeRule.Kind.PERCENT
            else ("amount", "percent")
        )
        if cleaned.get(needed) is None and needed not in self.errors:
            self.add_error(
                needed,
                "Enter per cent for this kind." if needed == "percent" else "Enter an amount.",
            )
        cleaned[other] = None
        return cleaned
