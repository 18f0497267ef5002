"""Log lines: one for each event, with the request that it belongs to, without secrets."""

import datetime
import json
import logging
import re
import secrets
import time
from contextvars import ContextVar

from django.conf import settings
from django.core.signals import request_finished
from django.db import transaction
from django.dispatch import receiver

from .addresses import client_ip

logger = logging.getLogger("coachmaster.events")
access_logger = logging.getLogger("coachmaster.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_SECRET_PATHS = re.compile(rf"({'|'.join(settings.SECRET_PATHS)}).+", re.IGNORECASE | re.DOTALL)
_context: ContextVar[dict] = ContextVar("log_context")


def log_event(event, **fields):
    """Log an event with fields that are ids, numbers or words of the program, never input.

    Inside a transaction, the line is written after the commit.
    """
    fields |= _context.get({})
    transaction.on_commit(lambda: logger.info(event, extra={"fields": fields}))


def set_user(user):
    """Name the person in the lines of this request."""
    _context.set({**_context.get({}), "user": user.pk})


def request_id():
    return _context.get({}).get("request", "")


def access_log(get_response):
    """Give each request an id, and log it when it is answered."""

    def middleware(request):
        start = time.monotonic()
        _context.set({"request": _new_id(request), "address": str(client_ip(request) or "")})
        response = get_response(request)
        response["X-Request-ID"] = request_id()
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "ms": round((time.monotonic() - start) * 1000),
        }
        access_logger.info("request", extra={"fields": fields})
        return response

    return middleware


def _new_id(request):
    given = request.headers.get("X-Request-ID", "") if settings.TRUSTED_PROXIES else ""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


@receiver(request_finished)
def _end_request(sender, **kwargs):
    _context.set({})


# Format ----------------------------------------------------------------------------------------


class OneLineFilter(logging.Filter):
    """Keep refused requests to one line, without a traceback."""

    def filter(self, record):
        status = getattr(record, "status_code", 500)
        if status < 500:
            record.exc_info = None
        # The module of outages, or of health, has logged the reason.
        return status != 503


class PlainFormatter(logging.Formatter):
    """`2026-11-24 17:30:05,123 INFO coachmaster.events receipt cancelled payment=7 user=3`."""

    def __init__(self):
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record):
        record.message = _mask(record.message)
        if "=" in record.message:  # it could be taken for fields
            record.message = json.dumps(record.message)
        fields = (f"{name}={_plain(_masked(value))}" for name, value in _fields(record).items())
        line = " ".join([super().formatMessage(record), *fields])
        return line.replace("\r", "\\r").replace("\n", "\\n")

    def formatException(self, exc_info):
        return _mask_lines(super().formatException(exc_info))


class JsonFormatter(logging.Formatter):
    def format(self, record):
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        line = {name: _masked(value) for name, value in line.items()}
        if record.exc_info:
            line["traceback"] = _mask_lines(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


def _fields(record):
    return {**getattr(record, "fields", {}), **_context.get({})}


def _plain(value):
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


def _masked(value):
    return _mask(value) if isinstance(value, str) else value


def _mask_lines(text):
    return "\n".join(map(_mask, text.split("\n")))


def is_secret_link(path):
    return _SECRET_PATHS.match(path) is not None


def _mask(text):
    """Hide everything after the start of a secret link, whatever it was followed by."""
    return _SECRET_PATHS.sub(r"\1*", text)
