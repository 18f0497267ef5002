from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class GroundConfig(AppConfig):
    """What every app stands on: money, text and date fields, lists, the importer's base."""

    name = "coachmaster.ground"
    label = "ground"


class BackOfficeConfig(admin_apps.AdminConfig):
    """Django admin, on our own site."""

    default = False
    default_site = "coachmaster.ground.back_office.BackOffice"
