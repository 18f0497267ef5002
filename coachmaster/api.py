"""The JSON API, mounted: the operations of each app at `/api/v1`, what is refused and how, and the document about it.

An app's own `api.py` holds its operations, thin over the querysets, forms and services of its pages. Calls are vouched
for by a token alone: no session is looked at, and so no form's token is asked for.
"""

import functools
import logging

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import OperationalError
from django.http import Http404, HttpResponseNotAllowed, UnreadablePostError
from django.shortcuts import render
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as SchemaError

from academics.api.batches import batches
from academics.api.courses import courses
from academics.api.enrollments import students
from accounts import api as accounts
from accounts.throttling import TooManyTries
from attendance import api as attendance
from coachmaster.core.api import (
    BODY_REQUIRED,
    STATUS_MESSAGES,
    ApiResponse,
    ExactParser,
    error_body,
    schema_error_body,
)
from coachmaster.core.exceptions import Conflict
from finance import api as finance

from .api_document import DocumentedApi, told
from .dashboards import api as dashboards

logger = logging.getLogger(__name__)

DESCRIPTION = """\
The twenty-seven operations of CoachMaster as JSON, on the same rules and rights as its pages.

**Signing in.** `POST /auth/login` answers a token; every other call sends it as `Authorization: Bearer …`. It lasts 24
hours and ends at once with signing out, a new password, another role, or the closing of the account.

**Values.** Dates are `YYYY-MM-DD`, moments ISO 8601 with offset, amounts rupees as JSON numbers with at most two decimals
(sent, they may be text too). Lists take `page` and `per_page`; beside the rows stand `total` and, where there is more, `next`.

**Refusals** are `{"message": "<sentence>"}`, and by field `{"message": …, "errors": {"<field>": ["<sentence>", …]}}`.
"""


api = DocumentedApi(
    title="CoachMaster",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    parser=ExactParser(),
    docs_url=None,
)
for prefix, router in (
    ("/auth", accounts.auth),
    ("/users", accounts.users),
    ("/courses", courses),
    ("/batches", batches),
    ("/enrollments", finance.enrollments),
    ("/payments", finance.payments),
    ("/students", students),
    ("/students", finance.students),
    ("/attendance", attendance.attendance),
    ("/batches", attendance.batches),
    ("/students", attendance.students),
    ("/dashboard", dashboards.dashboard),
):
    api.add_router(prefix, router)


# Refusals --------------------------------------------------------------------------------------------------------


def error_response(status, message=None, **headers):
    """The answer that says in one sentence why nothing was done."""
    return ApiResponse({"message": message or STATUS_MESSAGES[status]}, status, **headers)


@api.exception_handler(AuthenticationError)
def handle_no_token(request, error):
    return error_response(401, WWW_Authenticate="Bearer")


@api.exception_handler(PermissionDenied)
def handle_permission_denied(request, error):
    return error_response(403, str(error))


@api.exception_handler(Http404)
def handle_not_found(request, error):
    # Django's own words name a table.
    return error_response(404, None if str(error).startswith("No ") else str(error))


@api.exception_handler(ValidationError)
def handle_validation_error(request, error):
    return ApiResponse(error_body(error), 409 if isinstance(error, Conflict) else 400)


@api.exception_handler(SchemaError)
def handle_schema_error(request, error):
    status, body = schema_error_body(error.errors)
    return ApiResponse(body, status)


@api.exception_handler(HttpError)
def handle_http_error(request, error):
    if isinstance(error.__cause__, RequestDataTooBig):
        return error_response(413)
    return error_response(error.status_code, BODY_REQUIRED if error.status_code == 400 else None)


@api.exception_handler(TooManyTries)
def handle_too_many_tries(request, error):
    return error_response(429, error.sentence, Retry_After=error.seconds)


@api.exception_handler(OperationalError)
def handle_busy_database(request, error):
    raise error  # to the middleware that tries once more, as with a page


@api.exception_handler(Exception)
def handle_unexpected_error(request, error):
    if isinstance(error, RequestDataTooBig):
        return error_response(413)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return error_response(400)
    logger.exception("API: %s %s", request.method, request.path)
    return error_response(500)


# Addresses -------------------------------------------------------------------------------------------------------


def by_token_only(view):
    """``view`` for callers without a session: whoever the cookie says is nobody here."""

    @functools.wraps(view)
    def inner(request, *args, **kwargs):
        request.user = AnonymousUser()
        answer = view(request, *args, **kwargs)
        if isinstance(answer, HttpResponseNotAllowed):
            return error_response(405, Allow=answer["Allow"])
        return answer

    return login_not_required(csrf_exempt(inner))


def not_found(request):
    """An address under `/api/` that is none."""
    return error_response(404)


@login_not_required
def docs(request):
    """The page that tells of every call, made from the document."""
    return render(
        request,
        "api/documentation.html",
        {"base": f"{request.scheme}://{request.get_host()}", **told(api.document)},
    )


def _urls():
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if pattern.name == "openapi-json":
            pattern.callback = login_not_required(
                functools.wraps(pattern.callback.func)(pattern.callback)
            )
        else:
            pattern.callback = by_token_only(pattern.callback)
    calls = [entry for entry in patterns if entry.name != "api-root"]
    return [*calls, path("docs", docs, name="docs")], app_name, namespace


urlpatterns = [
    path("v1/", _urls()),
    re_path("", by_token_only(not_found), name="api-unknown"),
]
