"""Small middleware: what a browser may do with our pages, and two kinds of trouble answered with a sentence."""

import logging
import sqlite3

from django.core.exceptions import BadRequest
from django.db import DatabaseError, OperationalError
from django.shortcuts import render

from .api import STATUS_MESSAGES, ApiResponse

logger = logging.getLogger(__name__)


def browser_policies(get_response):
    """Keep other sites out of our pages, and pages of signed-in people out of caches."""

    def middleware(request):
        response = get_response(request)
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Cross-Origin-Embedder-Policy"] = "require-corp"
        response["Permissions-Policy"] = (
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        # Only a request that loaded its user is a page of somebody's; static files stay cacheable.
        if getattr(request, "_cached_user", None) and request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def json_under_api(get_response):
    """Whoever calls the API is a program: what was refused before a call was reached is told in JSON too, never in HTML."""

    def middleware(request):
        response = get_response(request)
        if (
            response.status_code >= 400
            and request.path.startswith("/api/")
            and not _is_json(response)
        ):
            sentence = STATUS_MESSAGES.get(response.status_code, STATUS_MESSAGES[400])
            return ApiResponse({"message": sentence}, response.status_code)
        return response

    return middleware


def _is_json(response):
    return response.get("Content-Type", "").startswith("application/json")


def refuse_nul(get_response):
    """No text has a NUL in it; PostgreSQL refuses it deep inside a query, so it is refused at the door."""

    def middleware(request):
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address holds a character that no text has.")
        return get_response(request)

    return middleware


def busy_database(get_response):
    """When the database stays locked (another process writes) or two acts are in each other's way (a deadlock), try the
    page once more; then say that nothing was saved.

    An act is one transaction, and that is undone when it fails, so that it can be sent again as it was. A file that was
    sent along has been read already: such a page is not tried again. What no waiting mends (a table that is not there, a
    full disk) is a fault like any other.
    """

    def middleware(request):
        return get_response(request)

    def process_exception(request, exception):
        if not _may_pass(exception):
            if _lacks_a_table(exception):
                logger.error("the tables are not those of this version: run `manage.py migrate`")
            return None
        if not request.FILES:
            logger.warning("database busy, trying again: %s", request.path)
            view, args, kwargs = request.resolver_match
            try:
                return view(request, *args, **kwargs)
            except OperationalError as again:
                if not _may_pass(again):
                    raise
                exception = again
        logger.error("database busy: %s", request.path, exc_info=exception)
        return render(request, "503.html", status=503)

    middleware.process_exception = process_exception
    return middleware


def _lacks_a_table(exception):
    """Whether the database has no such table or column: somebody forgot to migrate."""
    said = str(exception)
    return isinstance(exception, DatabaseError) and (
        said.startswith(("no such table", "no such column"))
        or getattr(exception.__cause__, "sqlstate", "") in ("42P01", "42703")
    )


def _may_pass(exception):
    """Whether waiting can help. SQLite calls all of its troubles operational; "busy" and "locked" alone pass by themselves."""
    if not isinstance(exception, OperationalError):
        return False
    cause = exception.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True
