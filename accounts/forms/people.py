from django import forms
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied

from accounts.models import StudentProfile, User
from coachmaster.core.concurrency import EditForm
from coachmaster.core.forms import FilterForm
from coachmaster.core.states import State

from .passwords import ConfirmPasswordMixin


class PeopleFilter(FilterForm):
    """The filters of the list of people."""

    role = forms.ChoiceField(label="Role")
    show = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "Everybody"),
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
        """The people who were asked for."""
        if role := self.value("role"):
            people = people.filter(membership__group=self.roles[role])
        show = self.value("show")
        if show == "enrolled":
            return self._named(people.enrolled())
        if show:
            # `in`, since a bare boolean column in WHERE finds no index on SQLite.
            people = people.filter(is_active__in=[show != "inactive"])
        if show == "invited":
            people = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        return self._named(people)

    def _named(self, people):
        if words := self.value("q"):
            people = people.search(words)
        return people


class ProfileForm(EditForm):
    """What people change about themselves."""

    class Meta:
        model = User
        fields = ["full_name", "phone"]

    @property
    def person(self):
        """The fields of the person."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}

    @property
    def record(self):
        """The fields of the student's record; None where there is none."""
        return None


class PersonForm(ProfileForm):
    """A person, by an Admin."""

    needs_email = True

    class Meta(ProfileForm.Meta):
        fields = ["full_name", "email", "phone"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.needs_email:
            self.fields["email"].required = True
            self.fields["email"].help_text = "They sign in with it."


class StudentForm(PersonForm):
    """A student with their record, by an Admin."""

    needs_email = False

    RECORD = [
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
        for name, field in forms.fields_for_model(StudentProfile, self.RECORD).items():
            self.fields[name] = field
        self.fields["state"].choices = [("", "As the institute"), *State.choices]
        self.fields["guardian_name"].label = "Guardian's name"
        is_new = self.instance.pk is None
        self.fields["admission_number"].required = not is_new
        if is_new:
            self.fields["admission_number"].help_text = "Left empty, the next one is given."
        else:
            self.initial = {
                **forms.model_to_dict(self.instance.student_profile, self.RECORD),
                **self.initial,
            }

    @property
    def edited_records(self):
        return [self.instance, self.instance.student_profile]

    @property
    def record(self):
        return {name: self.cleaned_data[name] for name in self.RECORD}


def form_to_edit(person, by):
    """The form by which ``by`` may edit ``person`` (loaded `for_page`). Raises PermissionDenied when there is none."""
    if by.has_perm("accounts.change_user"):
        # An e-mail address is a key to the account: not to one that may do what one may not oneself.
        return (
            ProfileForm
            if not person.is_manageable
            else StudentForm
            if person.is_student
            else PersonForm
        )
    if person.pk == by.pk:
        return ProfileForm
    raise PermissionDenied


class RoleForm(ConfirmPasswordMixin, forms.Form):
    """Another role for somebody."""

    role = forms.ModelChoiceField(
        queryset=Group.objects.none(), empty_label=None, widget=forms.RadioSelect
    )

    def __init__(self, *args, roles, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["role"].queryset = roles
