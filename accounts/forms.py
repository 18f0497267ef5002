"""Request data in, clean values out."""

from django import forms
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError

from coachmaster.core.concurrency import EditForm
from coachmaster.core.forms import FilterForm
from coachmaster.core.statuses import State
from coachmaster.core.text import AddressFormField, LineFormField

from . import signing_in
from .models import StudentProfile, User


class PasswordField(forms.CharField):
    """A password that exists already; spaces at its ends belong to it."""

    def __init__(self, *, autocomplete="current-password", **kwargs):
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(**{"strip": False, "max_length": 1000, "widget": widget, **kwargs})


class PasswordAgainMixin:
    """For forms whose act is not undone easily: asks for one's own password when it was last typed over ten minutes ago.

    Takes the keyword ``request``. A right password is noted for the next ten minutes, wrong ones count as failed sign-ins.
    Call `is_valid()` outside of a transaction: the count has to outlast a refusal.
    """

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request
        if not signing_in.password_is_fresh(request):
            self.fields["own_password"] = PasswordField(
                label="Your password", help_text="You typed it a while ago; this step asks again."
            )

    def clean_own_password(self):
        signing_in.check_own_password(self.request, self.cleaned_data["own_password"])
        return ""

    def clean(self):
        cleaned = super().clean()
        # Once it was right, a form that comes back for another reason does not ask again.
        if "own_password" in self.fields and "own_password" not in self.errors:
            del self.fields["own_password"]
        return cleaned


class SignInForm(forms.Form):
    """Name and password. Valid, it has the ``user``."""

    name = LineFormField(max_length=254)
    password = PasswordField()

    user = None

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean(self):
        """Raises TooManyTries before the password is looked at."""
        if self.errors:
            raise ValidationError("Enter your e-mail address or admission number, and your password.")
        values = self.cleaned_data
        self.user = signing_in.person_by_password(self.request, values["name"], values["password"])
        if self.user is None:
            raise ValidationError(signing_in.WRONG)


class NewPasswordForm(forms.Form):
    """A password set by the person themselves, typed twice."""

    password = PasswordField(
        label="New password",
        autocomplete="new-password",
        help_text="At least 8 characters; a few words are better than one.",
    )
    password_again = PasswordField(label="The same again", autocomplete="new-password")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self):
        validate_password(self.cleaned_data["password"], self.person())
        return self.cleaned_data["password"]

    def person(self):
        """Whom the password must not be about."""
        return self.user

    def clean(self):
        cleaned = super().clean()
        again = self.cleaned_data.get("password_again")
        if again and "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            self.add_error("password_again", "The two passwords differ. Type the same one twice.")
        return cleaned


class PasswordChangeForm(NewPasswordForm):
    """One's own password: the old one vouches for who sits there."""

    old_password = PasswordField(label="Your password until now")

    field_order = ["old_password", "password", "password_again"]

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, user=request.user, **kwargs)
        self.request = request

    def clean_old_password(self):
        signing_in.check_own_password(self.request, self.cleaned_data["old_password"])
        return ""


class RegisterForm(NewPasswordForm):
    """A new student, by themselves."""

    full_name = User._meta.get_field("full_name").formfield(label="Your full name")
    email = User._meta.get_field("email").formfield(label="E-mail", required=True, help_text="")
    phone = User._meta.get_field("phone").formfield(required=False)

    field_order = ["full_name", "email", "phone", "password", "password_again"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, user=None, **kwargs)
        self.fields["password"].label = "Password"
        self.fields["full_name"].widget.attrs["autocomplete"] = "name"
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["phone"].widget.attrs["autocomplete"] = "tel"

    def person(self):
        return User(**{name: self.cleaned_data.get(name, "") for name in ("full_name", "email", "phone")})


class ResetForm(forms.Form):
    """Whose password is forgotten."""

    email = AddressFormField(
        label="Your e-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


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


class OwnDetailsForm(EditForm):
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


class PersonForm(OwnDetailsForm):
    """A person, by an Admin."""

    needs_email = True

    class Meta(OwnDetailsForm.Meta):
        fields = ["full_name", "email", "phone"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.needs_email:
            self.fields["email"].required = True
            self.fields["email"].help_text = "They sign in with it."


class StudentForm(PersonForm):
    """A student with their record, by an Admin."""

    needs_email = False

    RECORD = ["admission_number", "birth_on", "guardian_name", "guardian_phone", "guardian_email", "address", "state"]

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
            self.initial = {**forms.model_to_dict(self.instance.student_profile, self.RECORD), **self.initial}

    @property
    def records(self):
        return [self.instance, self.instance.student_profile]

    @property
    def record(self):
        return {name: self.cleaned_data[name] for name in self.RECORD}


def form_to_edit(person, by):
    """The form by which ``by`` may edit ``person`` (loaded `for_page`). Raises PermissionDenied when there is none."""
    if by.has_perm("accounts.change_user"):
        # An e-mail address is a key to the account: not to one that may do what one may not oneself.
        return OwnDetailsForm if not person.in_reach else StudentForm if person.is_student else PersonForm
    if person.pk == by.pk:
        return OwnDetailsForm
    raise PermissionDenied


class RoleForm(PasswordAgainMixin, forms.Form):
    """Another role for somebody."""

    role = forms.ModelChoiceField(queryset=Group.objects.none(), empty_label=None, widget=forms.RadioSelect)

    def __init__(self, *args, roles, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["role"].queryset = roles
