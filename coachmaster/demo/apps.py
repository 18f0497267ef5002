from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo institute, and the benchmark of the pages."""

    name = "coachmaster.demo"
