import logging
import sqlite3

from django.core.exceptions import BadRequest
from django.db import DatabaseError, OperationalError
from django.shortcuts import render

from .api import STATUS_MESSAGES, ApiResponse

logger = logging.getLogger(__name__)


def browser_policies(get_response):
    def middleware(request):
        response = get_response(request)
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Cross-Origin-Embedder-Policy"] = "require-corp"
        response["Permissions-Policy"] = (
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        # Static files load no user and stay cacheable.
        if getattr(request, "_cached_user", None) and request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def json_under_api(get_response):
    """Answer errors under /api/ in JSON, those raised before an operation too."""

    def middleware(request):
        response = get_response(request)
        if (
            response.status_code >= 400
            and request.path.startswith("/api/")
            and not _is_json(response)
        ):
            message = STATUS_MESSAGES.get(response.status_code, STATUS_MESSAGES[400])
            return ApiResponse({"message": message}, response.status_code)
        return response

    return middleware


def _is_json(response):
    return response.get("Content-Type", "").startswith("application/json")


def refuse_nul(get_response):
    """Refuse URLs with a NUL character, which PostgreSQL cannot store."""

    def middleware(request):
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains a NUL character.")
        return get_response(request)

    return middleware


def busy_database(get_response):
    """Repeat a request once if the database is locked or in a deadlock, then answer 503."""

    def middleware(request):
        return get_response(request)

    def process_exception(request, exception):
        if not _is_temporary(exception):
            if _is_table_missing(exception):
                logger.error("the database is of another version: run `manage.py migrate`")
            return None
        if not request.FILES:
            logger.warning("database busy, trying again: %s", request.path)
            view, args, kwargs = request.resolver_match
            try:
                return view(request, *args, **kwargs)
            except OperationalError as error:
                if not _is_temporary(error):
                    raise
                exception = error
        logger.error("database busy: %s", request.path, exc_info=exception)
        return render(request, "503.html", status=503)

    middleware.process_exception = process_exception
    return middleware


def _is_table_missing(exception):
    return isinstance(exception, DatabaseError) and (
        str(exception).startswith(("no such table", "no such column"))
        or getattr(exception.__cause__, "sqlstate", "") in ("42P01", "42703")
    )


def _is_temporary(exception):
    if not isinstance(exception, OperationalError):
        return False
    cause = exception.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True
