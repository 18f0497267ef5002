from accounts.models import User
from accounts.roles import STUDENT
from accounts.services.people import unsaved_person

from .passwords import NewPasswordForm


class RegistrationForm(NewPasswordForm):
    full_name = User._meta.get_field("full_name").formfield(label="Your full name")
    email = User._meta.get_field("email").formfield(label="Email", required=True, help_text="")
    phone = User._meta.get_field("phone").formfield(required=False)

    PERSON_FIELDS = ["full_name", "email", "phone", "password"]
    field_order = ["full_name", "email", "phone", "password", "password_again"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, user=None, **kwargs)
        self.fields["password"].label = "Password"
        self.fields["password_again"].label = "Password again"
        self.fields["full_name"].widget.attrs["autocomplete"] = "name"
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["phone"].widget.attrs["autocomplete"] = "tel"

    @property
    def person_fields(self):
        return {name: self.cleaned_data[name] for name in self.PERSON_FIELDS}

    def person(self):
        values = getattr(self, "cleaned_data", {})
        fields = {name: values.get(name, "") for name in ("full_name", "email", "phone")}
        return unsaved_person(role=STUDENT, **fields)
