from django.apps import AppConfig


class AttendanceConfig(AppConfig):
    """Sheets and marks: who came."""

    name = "attendance"
