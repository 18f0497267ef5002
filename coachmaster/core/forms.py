import datetime
from decimal import Decimal

from django import forms

from .dates import format_date
from .form_fields import DateFormField, SingleLineFormField
from .money import display


class FilterForm(forms.Form):
    """Filters of a list. An invalid value filters nothing and shows its error."""

    q = SingleLineFormField(
        label="Search",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        for field in self.fields.values():
            field.required = False
            is_select = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if is_select else "form-control")

    def value(self, name):
        """Return the value of a field; None or "" if it is empty or invalid."""
        self.is_valid()
        return self.cleaned_data.get(name)

    @property
    def is_filtering(self):
        self.is_valid()
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)

    @property
    def labels(self):
        """Pairs of a filter and its value, as text for paper."""
        values = ((name, self.value(name)) for name in self.fields)
        return [
            (self[name].label, self._text(self.fields[name], value))
            for name, value in values
            if value not in (None, "")
        ]

    @staticmethod
    def _text(field, value):
        choices = {str(key): label for key, label in getattr(field.widget, "choices", ())}
        if str(value) in choices:
            return choices[str(value)]
        if isinstance(value, datetime.date):
            return format_date(value)
        return display(value) if isinstance(value, Decimal) else str(value)


class PeriodFilter(FilterForm):
    """Filters with a first and a last day, `?from=&to=`."""

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        # `from` is a keyword of Python.
        for name in ("from", "to"):
            self.fields[name] = DateFormField(label=name.capitalize(), required=False)
            self.fields[name].widget.attrs["class"] = "form-control"

    def in_period(self, rows, lookup):
        """Limit ``rows`` by a day, like `ended_on` or `at__date`."""
        if first := self.value("from"):
            rows = rows.filter(**{f"{lookup}__gte": first})
        if last := self.value("to"):
            rows = rows.filter(**{f"{lookup}__lte": last})
        return rows


def add_errors(form, error, **fields):
    """Add the ValidationError of a service; ``fields`` maps its argument names to field names."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        name = fields.get(name, name)
        form.add_error(name if name in form.fields else None, errors)
