from django import forms

from coachmaster.core.form_fields import SingleLineFormField


class SearchForm(forms.Form):
    q = SingleLineFormField(required=False, max_length=100)

    @property
    def text(self):
        """The text to search for; empty if invalid."""
        return self.cleaned_data.get("q", "") if self.is_valid() else ""
