from django import forms

from accounts.models import SignInRules
from accounts.services import sign_in
from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import SingleLineFormField

from .confirmation import CodeField, CodeInput, ConfirmationMixin
from .passwords import PasswordField


class SecondStepForm(forms.Form):
    code = CodeField(label="Code", widget=CodeInput({"autofocus": True}))

    def __init__(self, *args, request, person, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].ask(request, person)


class AppForm(ConfirmationMixin, forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="The six digits that the app shows now.",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class FactorChangeForm(ConfirmationMixin, forms.Form):
    """Replace or remove a factor or the recovery codes; asks for the password in any case."""

    password = PasswordField(label="Your password")

    field_order = ["password", "own_code"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields.pop("own_password", None)

    def clean_password(self):
        sign_in.check_own_password(self.request, self.cleaned_data["password"])
        return ""


class AppReplaceForm(FactorChangeForm, AppForm):
    pass


class PasskeyNameForm(forms.Form):
    name = SingleLineFormField(
        label="Name", max_length=50, help_text="Of the device, like Office laptop or Phone."
    )


class PasskeyForm(ConfirmationMixin, PasskeyNameForm):
    pass


class SignInRulesForm(ConfirmationMixin, EditForm):
    class Meta:
        model = SignInRules
        fields = ["second_factor_required"]
        widgets = {"second_factor_required": forms.RadioSelect}
