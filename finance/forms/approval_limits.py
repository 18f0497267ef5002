from django import forms

from coachmaster.core.concurrency import ConflictCheckForm
from coachmaster.core.form_fields import AmountField
from coachmaster.core.money import display


class ApprovalLimitsForm(ConflictCheckForm, forms.Form):
    """Two amounts for each role that gives or approves concessions, and that of other roles.

    ``roles`` have the attributes ``gives`` and ``approves``, ``default`` is in rupees.
    """

    default = AmountField(
        label="Without approval up to (₹)",
        allow_zero=True,
        help_text="For roles without an amount of their own.",
    )

    def __init__(self, *args, roles, default, **kwargs):
        stored = {"default": default}
        for role in roles:
            limit = getattr(role, "approval_limit", None)
            if role.gives:
                stored[f"gives_{role.pk}"] = limit and limit.gives_up_to
            if role.approves:
                stored[f"approves_{role.pk}"] = limit and limit.approves_up_to
        super().__init__(*args, initial=stored, **kwargs)
        self.roles = roles
        for name in stored.keys() - {"default"}:
            self.fields[name] = AmountField(allow_zero=True, required=False)
            if name.startswith("gives"):
                self.fields[name].label = "Gives without approval up to (₹)"
                help_text = f"Leave empty for {display(default)}, as other roles."
            else:
                self.fields[name].label = "Approves up to (₹)"
                help_text = "Leave empty for any amount."
            self.fields[name].help_text = help_text

    @property
    def groups(self):
        """Pairs of a role and its fields."""
        for role in self.roles:
            names = (f"gives_{role.pk}", f"approves_{role.pk}")
            yield role, [self[name] for name in names if name in self.fields]

    @property
    def limits(self):
        data = self.cleaned_data
        return {
            role: (data.get(f"gives_{role.pk}"), data.get(f"approves_{role.pk}"))
            for role in self.roles
        }
