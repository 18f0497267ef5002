from django.contrib.auth.password_validation import UserAttributeSimilarityValidator


class NotAboutThePersonValidator(UserAttributeSimilarityValidator):
    def __init__(self):
        super().__init__(user_attributes=("full_name", "email", "phone"))


class EndsTokensValidator:
    """Accept every password; end the API tokens when it was changed, on a page or in the shell."""

    def validate(self, password, user=None):
        pass

    def get_help_text(self):
        return "A new password signs out the programs that use the API as you."

    def password_changed(self, password, user=None):
        user.api_tokens.all().delete()
