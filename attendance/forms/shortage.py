from django import forms
from django.utils import timezone

from academics.forms.batch_filters import batch_filter_choices
from accounts.models import User
from coachmaster.core.forms import FilterForm
from coachmaster.core.querysets import restricted_id


class ShortageFilter(FilterForm):
    """Whose attendance, and what is wrong with it; of the batches that are not over, for who is not staff those they teach."""

    show = forms.ChoiceField(label="Show")
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    batch = forms.TypedChoiceField(coerce=int, empty_value=None)
    instructor = forms.TypedChoiceField(coerce=int, empty_value=None)

    def __init__(self, data, *, user, institute):
        super().__init__(data)
        self.fields["q"].label = "Student"
        self.fields["show"].choices = [
            ("", "All"),
            ("short", "Short of attendance"),
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
        """Those of the students, batches, courses and instructors that were asked for."""
        for name, path in (
            ("course", "batch__course"),
            ("batch", "batch"),
            ("instructor", "batch__instructor"),
        ):
            if key := self.value(name):
                presences = presences.filter(**{f"enrollment__{path}": key})
        if words := self.value("q"):
            presences = presences.filter(
                enrollment__student__user__in=User.objects.search(words).order_by()
            )
        return presences

    def filter(self, rows):
        """Those `Judged` that are on the list for the reason that was asked for."""
        shown = {"short": "is_short", "edge": "is_borderline", "away": "is_repeatedly_absent"}.get(
            self.value("show")
        )
        return [row for row in rows if getattr(row, shown)] if shown else rows
