from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Files uploaded, checked, corrected and imported in the browser."""

    name = "coachmaster.imports"
