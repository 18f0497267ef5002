from django import forms

from academics.models import DropReason
from coachmaster.core.forms import PeriodFilter

from .batch_filters import batch_filter_choices


class DropFilter(PeriodFilter):
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    reason = forms.ChoiceField(choices=[("", "All reasons"), *DropReason.choices])

    def __init__(self, data, *, user_id, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student"
        self.fields["course"].choices = batch_filter_choices(user_id=user_id).course
        self.order_fields(["q", "from", "to", "course", "reason"])

    def apply(self, dropped):
        dropped = self.in_period(dropped, "ended_on")
        if course := self.value("course"):
            dropped = dropped.filter(batch__course=course)
        if reason := self.value("reason"):
            dropped = dropped.filter(drop_reason=reason)
        return dropped.search(self.value("q") or "")
