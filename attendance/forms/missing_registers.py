from django import forms

from coachmaster.core.forms import FilterForm


class MissingRegisterFilter(FilterForm):
    q = None
    instructor = forms.ChoiceField(label="Instructor")
    back = forms.ChoiceField(label="Days before today")

    def __init__(self, data, *, by_instructor, days, most_days):
        super().__init__(data)
        self.fields["back"].choices = [("", days), ("most", most_days)]
        if days >= most_days:
            del self.fields["back"]
        people = [
            (str(key or "none"), f"{name or 'No instructor'} ({number})")
            for key, name, number in by_instructor
        ]
        self.fields["instructor"].choices = [("", "All instructors"), *people]

    def filter(self, rows):
        chosen = self.value("instructor")
        return [row for row in rows if not chosen or str(row.instructor_id or "none") == chosen]
