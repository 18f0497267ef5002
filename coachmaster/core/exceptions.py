"""Refusals by what is there, in distinction from those by what was typed."""

from django.core.exceptions import ValidationError


class Conflict(ValidationError):
    """What was sent is well-formed, but other rows stand against it, or it wants to be confirmed."""
