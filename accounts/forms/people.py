from django import forms
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied

from accounts.models import StudentProfile, User
from coachmaster.core.concurrency import EditForm
from coachmaster.core.forms import FilterForm
from coachmaster.core.states import State

from .confirmation import ConfirmationMixin


class PeopleFilter(FilterForm):
    role = forms.ChoiceField(label="Role")
    show = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "All people"),
            ("active", "Active"),
            ("enrolled", "Enrolled students"),
            ("invited", "Invited, no password yet"),
            ("inactive", "Inactive"),
        ],
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.roles = {group.name: group for group in Group.objects.order_by("pk")}
        self.fields["role"].choices = [("", "All roles"), *((name, name) for name in self.roles)]

    def filter(self, people):
        if role := self.value("role"):
            people = people.filter(membership__group=self.roles[role])
        people = self._shown(people, self.value("show"))
        text = self.value("q")
        return people.search(text, by_email=True) if text else people

    def _shown(self, people, show):
        if show == "enrolled":
            return people.enrolled()
        if show:
            # `in`, since SQLite uses no index for a bare boolean column.
            people = people.filter(is_active__in=[show != "inactive"])
        if show == "invited":
            people = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        return people


class ProfileForm(EditForm):
    class Meta:
        model = User
        fields = ["full_name", "phone"]

    @property
    def person(self):
        return {name: self.cleaned_data[name] for name in self.Meta.fields}

    @property
    def record(self):
        return None


class PersonForm(ProfileForm):
    requires_email = True

    class Meta(ProfileForm.Meta):
        fields = ["full_name", "email", "phone"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.requires_email:
            self.fields["email"].required = True
            self.fields["email"].help_text = "Used to sign in."


class StudentForm(PersonForm):
    requires_email = False

    RECORD_FIELDS = [
        "admission_number",
        "birth_on",
        "guardian_name",
        "guardian_phone",
        "guardian_email",
        "address",
        "state",
    ]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in forms.fields_for_model(StudentProfile, self.RECORD_FIELDS).items():
            self.fields[name] = field
        self.fields["state"].choices = [("", "Same as the institute"), *State.choices]
        self.fields["guardian_name"].label = "Guardian's name"
        is_new = self.instance.pk is None
        self.fields["admission_number"].required = not is_new
        if is_new:
            self.fields["admission_number"].help_text = "Leave empty for the next number."
        else:
            self.initial = {
                **forms.model_to_dict(self.instance.student_profile, self.RECORD_FIELDS),
                **self.initial,
            }

    @property
    def edited_records(self):
        return [self.instance, self.instance.student_profile]

    @property
    def record(self):
        return {name: self.cleaned_data[name] for name in self.RECORD_FIELDS}


def form_to_edit(person, by):
    """Return the form class by which ``by`` may edit ``person``, or raise PermissionDenied."""
    if not (by.has_perm("accounts.change_user") and person.is_manageable):
        if person.pk != by.pk:
            raise PermissionDenied
        return ProfileForm
    return StudentForm if person.is_student else PersonForm


class RoleForm(ConfirmationMixin, forms.Form):
    role = forms.ModelChoiceField(
        queryset=Group.objects.none(), empty_label=None, widget=forms.RadioSelect
    )

    def __init__(self, *args, roles, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["role"].queryset = roles
