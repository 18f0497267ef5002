from django import forms

from accounts import throttling
from accounts.services import passkeys, second_factors, sign_in

from .passwords import PasswordField


class CodeInput(forms.TextInput):
    """Input of a code, with a button for passkeys if ``passkey_options`` returns some."""

    template_name = "accounts/second_factors/code_input.html"

    def __init__(self, attrs=None):
        super().__init__({"autocomplete": "one-time-code", "spellcheck": "false", **(attrs or {})})

    def passkey_options(self):
        return ""

    def get_context(self, name, value, attrs):
        # Options are for one answer, so new ones are made for every page.
        return {**super().get_context(name, "", attrs), "options": self.passkey_options()}

    def value_from_datadict(self, data, files, name):
        return data.get(f"{name}-passkey") or data.get(name)


class CodeField(forms.CharField):
    """A code of the person's second factor, or the answer of a passkey."""

    widget = CodeInput

    def __init__(self, **kwargs):
        help_text = "From your authenticator app, or a recovery code."
        super().__init__(**{"help_text": help_text, "max_length": 10_000, **kwargs})

    def ask(self, request, person):
        self.request, self.person = request, person
        self.widget.passkey_options = lambda: passkeys.options_to_ask(request, person)

    def clean(self, value):
        """Raise TooManyTries at a limit."""
        second_factors.check_answer(self.request, self.person, super().clean(value))
        return ""


class OwnCodeField(CodeField):
    @throttling.as_form_error()
    def clean(self, value):
        return super().clean(value)


class ConfirmationMixin:
    """Ask for the password, or for a second factor where one is set, if that was entered more than
    ten minutes ago.

    Wrong answers are counted. Call `is_valid()` outside of a transaction, so that a rollback does
    not undo the count.
    """

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request
        if sign_in.is_confirmed(request):
            return
        if second_factors.has_second_factor(request.user):
            self.fields["own_code"] = OwnCodeField(label="Your code")
            self.fields["own_code"].ask(request, request.user)
        else:
            self.fields["own_password"] = PasswordField(
                label="Your password", help_text="Enter your password again to confirm this step."
            )

    def clean_own_password(self):
        sign_in.check_own_password(self.request, self.cleaned_data["own_password"])
        sign_in.record_confirmation(self.request)
        return ""

    def clean_own_code(self):
        sign_in.record_confirmation(self.request, by_factor=True)
        return ""

    def clean(self):
        cleaned = super().clean()
        # A form with other errors does not ask for a confirmation again.
        for name in ("own_password", "own_code"):
            if name in self.fields and name not in self.errors:
                del self.fields[name]
        return cleaned


class ConfirmedForm(ConfirmationMixin, forms.Form):
    """A step without other fields."""
