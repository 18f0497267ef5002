from django.core.exceptions import ValidationError

from accounts.validators import contains_name

from .models import Institute

PRODUCT = "CoachMaster"


class InstituteNameValidator:
    """Refuse what everybody who attacks this site tries first."""

    def validate(self, password, user=None):
        for institute in Institute.objects.all():
            if contains_name(password, institute.name):
                raise ValidationError(
                    "The institute’s name is in this password. Leave it out.", code="institute_name"
                )
        if contains_name(password, PRODUCT):
            raise ValidationError(
                f"“{PRODUCT}” is in this password. Leave it out.", code="institute_name"
            )

    def get_help_text(self):
        return "Not the name of the institute."
