from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.services import sign_in
from coachmaster.core.form_fields import LowercaseEmailFormField


class PasswordField(forms.CharField):
    """A password that exists already; spaces at its ends belong to it."""

    def __init__(self, *, autocomplete="current-password", **kwargs):
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(**{"strip": False, "max_length": 1000, "widget": widget, **kwargs})


class ConfirmPasswordMixin:
    """For forms whose act is not undone easily: asks for one's own password when it was last typed over ten minutes ago.

    Takes the keyword ``request``. A right password is noted for the next ten minutes, wrong ones count as failed sign-ins.
    Call `is_valid()` outside of a transaction: the count has to outlast a refusal.
    """

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request
        if not sign_in.is_password_confirmed(request):
            self.fields["own_password"] = PasswordField(
                label="Your password", help_text="You typed it a while ago; this step asks again."
            )

    def clean_own_password(self):
        sign_in.confirm_password(self.request, self.cleaned_data["own_password"])
        return ""

    def clean(self):
        cleaned = super().clean()
        # Once it was right, a form that comes back for another reason does not ask again.
        if "own_password" in self.fields and "own_password" not in self.errors:
            del self.fields["own_password"]
        return cleaned


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
        sign_in.confirm_password(self.request, self.cleaned_data["old_password"])
        return ""


class PasswordResetForm(forms.Form):
    """Whose password is forgotten."""

    email = LowercaseEmailFormField(
        label="Your e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
