from django import forms
from django.utils import timezone

from academics.forms.batch_filters import batch_filter_choices
from coachmaster.core.form_fields import AmountField, DateFormField
from coachmaster.core.forms import FilterForm
from coachmaster.core.querysets import restricted_id
from finance.reports.age_groups import AGE_GROUP_BY_KEY, AGE_GROUPS, OVERDUE
from finance.reports.dues import dues_on


class DuesFilter(FilterForm):
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    batch = forms.TypedChoiceField(coerce=int, empty_value=None)
    instructor = forms.TypedChoiceField(coerce=int, empty_value=None)
    age = forms.ChoiceField(
        label="With dues",
        choices=[("", "Any"), *((age.key, age.label) for age in [OVERDUE, *AGE_GROUPS])],
    )
    due_before = DateFormField(label="Due before")
    at_least = AmountField(label="At least (₹)")
    as_of = DateFormField(label="As on")

    def __init__(self, data, *, user, **kwargs):
        super().__init__(data, **kwargs)
        self.user = user
        self.fields["q"].label = "Student"
        self.today = timezone.localdate()
        batch_filter_choices(self.data, user_id=restricted_id(user)).apply_to(self)

    def clean_as_of(self):
        day = self.cleaned_data["as_of"]
        if day and day > self.today:
            raise forms.ValidationError("Choose today or an earlier day.")
        return day

    @property
    def dues(self):
        return dues_on(self.value("as_of") or self.today, self.user)

    def apply(self, dues):
        paths = {"course": "batch__course", "batch": "batch", "instructor": "batch__instructor"}
        return dues.find(
            search=self.value("q"),
            enrollment={path: key for name, path in paths.items() if (key := self.value(name))},
            age=AGE_GROUP_BY_KEY.get(self.value("age")),
            due_before=self.value("due_before"),
            at_least=self.value("at_least"),
        )
