import re

from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError

from coachmaster.core.text import folded

# Spaces and punctuation. `\W` would also match the vowel signs of Indic scripts.
_SEPARATORS = re.compile(r"[\s!-/:-@\[-`{-~‘’“”–]+")
#: Shorter names occur in other words too.
_SHORTEST_NAME = 4


def contains_name(password, name):
    """Return whether the password has a word of the name, or all of it, in any letter case.

    Words of less than four letters only count as a part of the whole name.
    """
    password, words = folded(password), _SEPARATORS.split(folded(name))
    whole = "".join(words)
    return any(word in password for word in words if len(word) >= _SHORTEST_NAME) or (
        len(whole) >= _SHORTEST_NAME and whole in _SEPARATORS.sub("", password)
    )


def min_password_length(user):
    return 12 if user is None or user.is_employee else 8


class LengthByRoleValidator:
    """Staff need longer passwords than students; so does a person whose role is not known yet."""

    def validate(self, password, user=None):
        MinimumLengthValidator(min_password_length(user)).validate(password, user)

    def get_help_text(self):
        return "At least 12 characters for staff, 8 for students."


class NotAboutThePersonValidator(UserAttributeSimilarityValidator):
    def __init__(self):
        super().__init__(user_attributes=("full_name", "email", "phone"))

    def validate(self, password, user=None):
        if user and contains_name(password, user.full_name):
            raise ValidationError("Your name is in this password. Leave it out.", code="own_name")
        super().validate(password, user)

    def get_help_text(self):
        return "Not your name, email address or phone number."


class EndsDevicesValidator:
    """Accept every password; sign out everywhere when it was changed, on a page or in the shell."""

    def validate(self, password, user=None):
        pass

    def get_help_text(self):
        return "A new password signs you out on all other devices and in all programs."

    def password_changed(self, password, user=None):
        user.devices.all().sign_out()
