from django.apps import AppConfig


class AcademicsConfig(AppConfig):
    """The institute, its courses and batches, and who is enrolled."""

    name = "academics"
