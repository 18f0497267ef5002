"""Rules for passwords beyond Django's own."""

from django.contrib.auth.password_validation import UserAttributeSimilarityValidator


class NotAboutThePersonValidator(UserAttributeSimilarityValidator):
    """A password must not be like the person's name, e-mail or phone."""

    def __init__(self):
        super().__init__(user_attributes=("full_name", "email", "phone"))


class EndsTokensValidator:
    """No rule: a new password, from whatever page or command, ends the API tokens that the old one gave."""

    def validate(self, password, user=None):
        """Accept every password."""

    def get_help_text(self):
        return "A new password signs out the programs that use the API in your name."

    def password_changed(self, password, user=None):
        """Delete the tokens; Django calls this when the password was saved."""
        user.api_tokens.all().delete()
