from django.core.exceptions import ValidationError


class Conflict(ValidationError):
    """The input is valid, but conflicts with stored rows or needs confirmation."""
