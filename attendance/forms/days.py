from django import forms

from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm


class ClassDayFilter(FilterForm):
    q = None
    on = DateFormField(label="Day")
    show = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "All classes of the day"),
            ("taken", "Marked"),
            ("open", "Not marked yet"),
        ],
    )

    def __init__(self, data, *, today):
        super().__init__({"on": today, **data.dict()})
        self.today = today

    @property
    def day(self):
        return self.value("on") or self.today

    @property
    def is_filtering(self):
        return bool(self.value("show")) or self.day != self.today
