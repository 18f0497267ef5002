from django.apps import AppConfig


class GroundConfig(AppConfig):
    """What every app stands on: money, text and date fields, lists, the importer's base."""

    name = "coachmaster.ground"
    label = "ground"
