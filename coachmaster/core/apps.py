from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class CoreConfig(AppConfig):
    """Shared by every app: money, dates, text, lists, forms, the base of the importers."""

    name = "coachmaster.core"


class BackOfficeConfig(admin_apps.AdminConfig):
    """Django admin, on our own site."""

    default = False
    default_site = "coachmaster.core.admin.BackOffice"
