from django import forms

from coachmaster.core.dates import DayFormField
from coachmaster.core.forms import FilterForm


class AbsentFilter(FilterForm):
    """Which day, and what there is to say besides. Fees are for who may see them."""

    on = DayFormField(label="Day")
    also = forms.ChoiceField(label="Also")

    def __init__(self, data, *, today, shows_fees):
        super().__init__({"on": today, **data.dict()})
        self.today = today
        self.fields["q"].label = "Student"
        choices = [("", "All"), ("watched", "To be watched"), ("overdue", "Fees overdue")]
        self.fields["also"].choices = choices if shows_fees else choices[:2]

    @property
    def day(self):
        """The day that was asked for: today at the latest."""
        return min(self.value("on") or self.today, self.today)

    @property
    def is_filtering(self):
        """Whether not everybody who was absent is shown."""
        return bool(self.value("q") or self.value("also"))
