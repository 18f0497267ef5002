from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    """The three dashboards, the student page, search."""

    name = "coachmaster.dashboards"
