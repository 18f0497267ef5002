from django import forms

from academics.models import DropReason
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm

from .batch_filters import batch_filter_choices


class DropFilter(FilterForm):
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    reason = forms.ChoiceField(choices=[("", "All reasons"), *DropReason.choices])

    def __init__(self, data, *, user_id, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student"
        self.fields["course"].choices = batch_filter_choices(user_id=user_id).course
        for name, label in (("from", "From"), ("to", "To")):
            self.fields[name] = DateFormField(label=label, required=False)
            self.fields[name].widget.attrs["class"] = "form-control"
        self.order_fields(["q", "from", "to", "course", "reason"])

    def apply(self, dropped):
        if first := self.value("from"):
            dropped = dropped.filter(ended_on__gte=first)
        if last := self.value("to"):
            dropped = dropped.filter(ended_on__lte=last)
        if course := self.value("course"):
            dropped = dropped.filter(batch__course=course)
        if reason := self.value("reason"):
            dropped = dropped.filter(drop_reason=reason)
        return dropped.search(self.value("q") or "")
