from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.services import sign_in
from accounts.validators import min_password_length
from coachmaster.core.form_fields import LowercaseEmailFormField


class PasswordField(forms.CharField):
    def __init__(self, *, autocomplete="current-password", **kwargs):
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(**{"strip": False, "max_length": 1000, "widget": widget, **kwargs})


class NewPasswordForm(forms.Form):
    password = PasswordField(label="New password", autocomplete="new-password")
    password_again = PasswordField(label="New password again", autocomplete="new-password")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].help_text = (
            f"At least {min_password_length(self.person())} characters. Several words are better "
            "than one. Not your name, the institute’s, or a common password."
        )

    def clean_password(self):
        validate_password(self.cleaned_data["password"], self.person())
        return self.cleaned_data["password"]

    def person(self):
        return self.user

    def clean(self):
        cleaned = super().clean()
        again = self.cleaned_data.get("password_again")
        if again and "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            message = "The two passwords differ. Enter the same password twice."
            self.add_error("password_again", message)
        return cleaned


class PasswordChangeForm(NewPasswordForm):
    old_password = PasswordField(label="Current password")

    field_order = ["old_password", "password", "password_again"]

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, user=request.user, **kwargs)
        self.request = request

    def clean_old_password(self):
        sign_in.check_own_password(self.request, self.cleaned_data["old_password"])
        return ""


class PasswordResetForm(forms.Form):
    email = LowercaseEmailFormField(
        label="Your email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
