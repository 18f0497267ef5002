from django.apps import AppConfig


class PagesConfig(AppConfig):
    """What draws on every app: dashboards, the student's hub, search, the demo institute."""

    name = "coachmaster.pages"
    label = "pages"
