from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backup, restore, export, import, verification."""

    name = "coachmaster.backups"
