from django.apps import AppConfig


class KeepingConfig(AppConfig):
    """Backups and their restoring; everything out to files and in again."""

    name = "coachmaster.keeping"
    label = "keeping"
