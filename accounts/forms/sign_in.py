from django import forms
from django.core.exceptions import ValidationError

from accounts.services import sign_in
from coachmaster.core.form_fields import SingleLineFormField

from .passwords import PasswordField


class SignInForm(forms.Form):
    name = SingleLineFormField(max_length=254)
    password = PasswordField()

    user = None

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean(self):
        """Raise TooManyTries before checking the password."""
        if self.errors:
            raise ValidationError(
                "Enter your email address or admission number, and your password."
            )
        values = self.cleaned_data
        self.user = sign_in.authenticate_person(self.request, values["name"], values["password"])
