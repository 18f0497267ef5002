from django import forms
from django.utils import timezone

from academics.forms.batch_filters import batch_filter_choices
from accounts.models import User
from coachmaster.core.forms import FilterForm
from coachmaster.core.querysets import restricted_id


class ShortageFilter(FilterForm):
    show = forms.ChoiceField(label="Show")
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    batch = forms.TypedChoiceField(coerce=int, empty_value=None)
    instructor = forms.TypedChoiceField(coerce=int, empty_value=None)

    def __init__(self, data, *, user, institute):
        super().__init__(data)
        self.fields["q"].label = "Student"
        self.fields["show"].choices = [
            ("", "All"),
            ("short", "Attendance shortage"),
            ("edge", "Short after the next absence"),
            ("away", f"Absent {institute.absences_in_a_row} times in a row or more"),
        ]
        scope = restricted_id(user)
        batch_filter_choices(self.data, not_over_on=timezone.localdate(), user_id=scope).apply_to(
            self
        )
        if scope is not None:
            del self.fields["instructor"]

    def narrow(self, presences):
        for name, path in (
            ("course", "batch__course"),
            ("batch", "batch"),
            ("instructor", "batch__instructor"),
        ):
            if pk := self.value(name):
                presences = presences.filter(**{f"enrollment__{path}": pk})
        if text := self.value("q"):
            users = User.objects.search(text).order_by()
            presences = presences.filter(enrollment__student__user__in=users)
        return presences

    def filter(self, rows):
        reasons = {"short": "is_short", "edge": "is_borderline", "away": "is_repeatedly_absent"}
        reason = reasons.get(self.value("show"))
        return [row for row in rows if getattr(row, reason)] if reason else rows
