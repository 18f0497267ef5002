"""Answer 503 while the database is down, full, read-only or locked, at any stage of a request."""

import logging
import sqlite3
import sys
from contextvars import ContextVar

from django.db import (
    DatabaseError,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from .logs import request_id

logger = logging.getLogger(__name__)

_SQLITE_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_OUTAGES = {
    *_SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
# lock_not_available, deadlock_detected, serialization_failure
_POSTGRESQL_LOCKED = {"55P03", "40P01", "40001"}
# read_only_sql_transaction, idle_in_transaction_session_timeout
_POSTGRESQL_OUTAGES = {"25006", "25P03"}
# Statements that change nothing; the others have an effect when their transaction is committed.
_NO_EFFECT = ("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "EXPLAIN")

_has_effects = ContextVar("has_effects", default=False)
_failed = ContextVar("failed", default=None)


def is_outage(error):
    """Whether the error, or one that it was raised for, says that the database is unavailable."""
    while error:
        if _is_outage(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_outage(error):
    if isinstance(error.__cause__, sqlite3.Error):
        return isinstance(error, DatabaseError) and _sqlite_code(error) in _SQLITE_OUTAGES
    if isinstance(error, InternalError):
        return _sqlstate(error) in _POSTGRESQL_OUTAGES
    return isinstance(error, OperationalError | InterfaceError)


def _is_lock_failure(error):
    """Whether the database refused a lock, and so has rolled the transaction back."""
    if not isinstance(error, OperationalError):
        return False
    return _sqlite_code(error) in _SQLITE_LOCKED or _sqlstate(error) in _POSTGRESQL_LOCKED


def _sqlite_code(error):
    return getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF


def _sqlstate(error):
    return getattr(error.__cause__, "sqlstate", "")


def _is_table_missing(error):
    return isinstance(error, DatabaseError) and (
        str(error).startswith(("no such table", "no such column"))
        or _sqlstate(error) in ("42P01", "42703")
    )


def unavailable(request, error):
    # The further lines of a message may contain parts of the query.
    logger.error("database unavailable: %s", str(error).partition("\n")[0])
    may_have_saved = request.method not in ("GET", "HEAD", "OPTIONS")
    context = {"may_have_saved": may_have_saved, "request_id": request_id()}
    return HttpResponse(render_to_string("503.html", context), status=503)


# Errors outside of views -----------------------------------------------------------------------


def server_error(request):
    """Handler of errors that nothing else handled."""
    error = sys.exc_info()[1]
    if is_outage(error):
        return unavailable(request, error)
    page = render_to_string("500.html", {"request_id": request_id()})
    return HttpResponse(page, status=500)


def bad_request(request, exception):
    # A session that cannot be written is a bad request to Django, as if it was deleted.
    if is_outage(exception):
        return unavailable(request, exception)
    return defaults.bad_request(request, exception)


# Errors of views -------------------------------------------------------------------------------


def forbid_repeat():
    """Tell that the view had an effect that it must not have twice, like an email."""
    _has_effects.set(True)


def _watch_statements(execute, sql, params, many, context):
    try:
        result = execute(sql, params, many, context)
    except Error as error:
        _failed.set(error if is_outage(error) else None)
        raise
    if not sql.startswith(_NO_EFFECT):
        transaction.on_commit(forbid_repeat)
    return result


def repeat_after_lock(get_response):
    """Call a view again once after a lock or deadlock, if it has committed nothing before."""

    def middleware(request):
        _failed.set(None)
        with connection.execute_wrapper(_watch_statements):
            response = get_response(request)
        # Django's validation of constraints takes a failed query for a violation.
        if response.status_code < 500 and (error := _failed.get()):
            return unavailable(request, error)
        return response

    def process_view(request, view, args, kwargs):
        # What other middleware has committed, like the last use of a session, is not repeated.
        _has_effects.set(False)

    def process_exception(request, exception):
        if _is_table_missing(exception):
            logger.error("the database is of another version: run `manage.py migrate`")
        if not is_outage(exception):
            return None
        if _is_lock_failure(exception) and not _has_effects.get() and not request.FILES:
            logger.warning("database busy, trying again")
            _failed.set(None)
            try:
                return _call_view(request)
            except DatabaseError as error:
                if not is_outage(error):
                    raise
                exception = error
        return unavailable(request, exception)

    middleware.process_view = process_view
    middleware.process_exception = process_exception
    return middleware


def _call_view(request):
    view, args, kwargs = request.resolver_match
    response = view(request, *args, **kwargs)
    return response.render() if hasattr(response, "render") else response
