from django import forms

from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm


class AbsentFilter(FilterForm):
    """The day, and a further reason to call; overdue fees only with ``shows_fees``."""

    on = DateFormField(label="Date")
    also = forms.ChoiceField(label="Show")

    def __init__(self, data, *, today, shows_fees):
        super().__init__({"on": today, **data.dict()})
        self.today = today
        self.fields["q"].label = "Student"
        choices = [("", "All"), ("shortage", "Attendance shortage")]
        if shows_fees:
            choices.append(("overdue", "Fees overdue"))
        self.fields["also"].choices = choices

    @property
    def day(self):
        """The selected day, today at the latest."""
        return min(self.value("on") or self.today, self.today)

    @property
    def is_filtering(self):
        return bool(self.value("q") or self.value("also"))
