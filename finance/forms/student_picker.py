from django import forms

from coachmaster.core.form_fields import MAX_ID, SingleLineFormField


class IdField(forms.IntegerField):
    def __init__(self, **kwargs):
        super().__init__(**{"required": False, "min_value": 1, "max_value": MAX_ID, **kwargs})


class StudentPickerForm(forms.Form):
    """Query string of a page about one student: who it is, or words to find the student by."""

    student = IdField()
    batch = IdField()
    q = SingleLineFormField(required=False, max_length=100)
    #: Words to find a batch by.
    find = SingleLineFormField(required=False, max_length=100)

    def value(self, name):
        self.is_valid()
        return self.cleaned_data.get(name)
