"""Rules for passwords beyond Django's own."""

from django.contrib.auth.password_validation import UserAttributeSimilarityValidator


class NotAboutThePersonValidator(UserAttributeSimilarityValidator):
    """A password must not be like the person's name, e-mail or phone."""

    def __init__(self):
        super().__init__(user_attributes=("full_name", "email", "phone"))
