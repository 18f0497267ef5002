"""Request data in, clean values out."""

from django import forms

from . import signing_in


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
