from django import forms

from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm


class ClassDayFilter(FilterForm):
    """The filters of the classes of a day."""

    q = None
    on = DateFormField(label="Day")
    show = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "All classes of the day"),
            ("taken", "Taken"),
            ("open", "Not taken yet"),
        ],
    )

    def __init__(self, data, *, today):
        super().__init__({"on": today, **data.dict()})
        self.today = today

    @property
    def day(self):
        """The day to show: today unless another one was chosen."""
        return self.value("on") or self.today

    @property
    def is_filtering(self):
        """Whether anything but all of today is shown."""
        return bool(self.value("show")) or self.day != self.today
