"""Probes of load balancers: /healthz for the process, /readyz for the database too."""

import functools
import logging
import os
import pkgutil

from django.apps import apps
from django.db import Error, connection
from django.http import HttpResponse
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)


def probes(get_response):
    """Answer probes before hosts, https and sessions: they come by address and over http."""
    answers = {"/healthz": health, "/readyz": readiness}

    def middleware(request):
        response = answers.get(request.path, get_response)(request)
        if response.status_code == 503:
            response["Retry-After"] = "30"
        response.setdefault("X-Content-Type-Options", "nosniff")
        response.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        return response

    return middleware


@require_safe
def health(request):
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@require_safe
def readiness(request):
    """Answer "ok" if the database answers and has all migrations."""
    try:
        missing = known_migrations() - applied_migrations()
    except Error as error:
        logger.error("not ready: %s", str(error).partition("\n")[0])
        return HttpResponse("unavailable", content_type="text/plain; charset=utf-8", status=503)
    if missing:
        logger.error("not ready: %s migrations are not applied", len(missing))
        return HttpResponse("unavailable", content_type="text/plain; charset=utf-8", status=503)
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@functools.cache
def known_migrations():
    """Return ``{(app, name)}`` of the migrations of this version."""
    return frozenset(
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([os.path.join(app.path, "migrations")])
    )


def applied_migrations():
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())
