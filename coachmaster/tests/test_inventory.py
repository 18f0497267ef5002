"""URLs, API operations, access and commands of the site.

A change to `inventory.txt` is a change that users, programs or operators notice.
"""

from pathlib import Path

from django.core.management import get_commands

from coachmaster.api import api

from . import test_api_permissions, test_permissions

INVENTORY = Path(__file__).with_name("inventory.txt")
OWN_APPS = ("accounts", "academics", "finance", "attendance", "coachmaster")


def inventory():
    urls = [f"url {name or '-'} /{path}" for name, path, _ in test_permissions.routes()]
    calls = [
        f"api {method.upper()} {path}"
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    ]
    pages = [" ".join(["page", *row]) for row in test_permissions.ROWS]
    operations = [" ".join(["operation", *row]) for row in test_api_permissions.ROWS]
    commands = [
        f"command {name}" for name, app in get_commands().items() if app.startswith(OWN_APPS)
    ]
    return sorted([*urls, *calls, *pages, *operations, *commands])


def test_urls_operations_access_and_commands_match_inventory():
    written = INVENTORY.read_text().splitlines()

    assert inventory() == written
