from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.core import checks
from phonenumbers import SUPPORTED_REGIONS


class CoreConfig(AppConfig):
    name = "coachmaster.core"

    def ready(self):
        checks.register(check_phone_region)


def check_phone_region(**kwargs):
    if settings.PHONE_REGION in SUPPORTED_REGIONS:
        return []
    return [checks.Error(f"PHONE_REGION is {settings.PHONE_REGION!r}, not a country like “IN”.")]


class BackOfficeConfig(admin_apps.AdminConfig):
    """Django admin, on our own site."""

    default = False
    default_site = "coachmaster.core.admin.BackOfficeSite"
