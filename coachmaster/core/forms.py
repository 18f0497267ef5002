"""Bases of forms that every app uses."""

from django import forms

from .form_fields import SingleLineFormField


class FilterForm(forms.Form):
    """The filters above a list, sent by GET. A value that is not understood filters nothing, and the page says so beside it."""

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
        """What was chosen for ``name``; None or "" when nothing or nonsense was."""
        self.is_valid()
        return self.cleaned_data.get(name)

    @property
    def is_filtering(self):
        """Whether anything is chosen: an empty list then says "nothing matches" and not "nothing yet"."""
        self.is_valid()
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)


def add_errors(form, refusal, **renamed):
    """Put what a service refused (a ValidationError) beside the fields it names.

    ``renamed`` maps a service's words to the form's fields; what belongs to no field stands above the form.
    """
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for name, errors in refusal.error_dict.items():
        name = renamed.get(name, name)
        form.add_error(name if name in form.fields else None, errors)
