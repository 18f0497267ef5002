from accounts.models import User

from .passwords import NewPasswordForm


class RegistrationForm(NewPasswordForm):
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
        return User(
            **{name: self.cleaned_data.get(name, "") for name in ("full_name", "email", "phone")}
        )
