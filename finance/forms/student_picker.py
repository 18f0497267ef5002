from django import forms

from coachmaster.core.form_fields import MAX_ID, SingleLineFormField


class IdField(forms.IntegerField):
    """The key of a row in an address."""

    def __init__(self, **kwargs):
        super().__init__(**{"required": False, "min_value": 1, "max_value": MAX_ID, **kwargs})


class StudentPickerForm(forms.Form):
    """Which student a form at the desk is about, and the words to find one by."""

    student = IdField()
    batch = IdField()
    q = SingleLineFormField(required=False, max_length=100)
    #: The words to find a batch by, where there are many.
    find = SingleLineFormField(required=False, max_length=100)

    def value(self, name):
        """What the address says of ``name``; None or "" when nothing or nonsense."""
        self.is_valid()
        return self.cleaned_data.get(name)
