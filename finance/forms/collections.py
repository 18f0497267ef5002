from django import forms
from django.utils import timezone

from academics.models import Course
from coachmaster.core.dates import financial_year, financial_year_label
from coachmaster.core.forms import FilterForm
from finance.models import ReceiptSeries


class CollectionsFilter(FilterForm):
    q = None
    year = forms.TypedChoiceField(label="Financial year", coerce=int, empty_value=None)
    course = forms.TypedChoiceField(coerce=int, empty_value=None)

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.this_year = financial_year(timezone.localdate())
        years = {self.this_year, *ReceiptSeries.objects.order_by().values_list("year", flat=True)}
        courses = Course.objects.order_by("name").values_list("pk", "name")
        self.fields["year"].choices = [
            (year if year != self.this_year else "", financial_year_label(year))
            for year in sorted(years, reverse=True)
        ]
        self.fields["course"].choices = [("", "All courses"), *courses]
