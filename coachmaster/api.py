"""The JSON API at `/api/v1`."""

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
from django.http import Http404, HttpResponseNotAllowed, UnreadablePostError
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as SchemaError

from academics.api import batches as batches_api
from academics.api import courses as courses_api
from academics.api import enrollments as enrollments_api
from accounts.api import people as people_api
from accounts.api import sign_in as sign_in_api
from accounts.throttling import TooManyTries
from attendance import api as attendance_api
from coachmaster.core.api import (
    BODY_REQUIRED,
    STATUS_MESSAGES,
    ApiResponse,
    ExactParser,
    error_body,
    schema_error_body,
)
from coachmaster.core.exceptions import Conflict
from coachmaster.core.outages import is_outage
from finance import api as finance_api

from .dashboards import api as dashboards_api

logger = logging.getLogger(__name__)

DESCRIPTION = """\
The operations of CoachMaster as JSON, with the same rules and permissions as its pages.

**Sign-in.** `POST /auth/login` returns a token. Every other call sends it as
`Authorization: Bearer …`. A token is valid for 24 hours, and ends with signing out, a new password,
another role or deactivation.

**Values.** Dates are `YYYY-MM-DD`, times ISO 8601 with offset. Amounts are rupees as JSON numbers
with at most two decimals; in requests they may be text, and have no exponent. Lists take `page` and
`per_page`, and return `total`, and `next` if there is another page.

**Errors** are `{"message": "…"}`, or `{"message": "…", "errors": {"<field>": ["…"]}}`.
"""


class Api(NinjaAPI):
    @functools.cached_property
    def document(self):
        """The OpenAPI document; to build it takes a third of a second."""
        return super().get_openapi_schema(path_prefix="/api/v1/")

    def get_openapi_schema(self, **kwargs):
        return self.document


api = Api(
    title="CoachMaster",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    parser=ExactParser(),
    docs_url=None,
)
for prefix, router in (
    ("/auth", sign_in_api.auth),
    ("/users", people_api.users),
    ("/courses", courses_api.courses),
    ("/batches", batches_api.batches),
    ("/enrollments", finance_api.enrollments),
    ("/payments", finance_api.payments),
    ("/students", enrollments_api.students),
    ("/students", finance_api.students),
    ("/attendance", attendance_api.attendance),
    ("/batches", attendance_api.batches),
    ("/students", attendance_api.students),
    ("/dashboard", dashboards_api.dashboard),
):
    api.add_router(prefix, router)


# Errors ----------------------------------------------------------------------------------------


def error_response(status, message=None, **headers):
    return ApiResponse({"message": message or STATUS_MESSAGES[status]}, status, **headers)


@api.exception_handler(AuthenticationError)
def handle_no_token(request, error):
    return error_response(401, WWW_Authenticate="Bearer")


@api.exception_handler(PermissionDenied)
def handle_permission_denied(request, error):
    return error_response(403, str(error))


@api.exception_handler(Http404)
def handle_not_found(request, error):
    # Django's own message names a model.
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
    return error_response(429, error.message, Retry_After=error.seconds)


@api.exception_handler(Exception)
def handle_unexpected_error(request, error):
    if is_outage(error):
        raise error  # The middleware tries once more, or answers 503.
    if isinstance(error, RequestDataTooBig):
        return error_response(413)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return error_response(400)
    logger.exception("API: %s %s", request.method, request.path)
    return error_response(500)


# URLs ------------------------------------------------------------------------------------------


def by_token_only(view):
    """Ignore the session, and so need no CSRF token."""

    @functools.wraps(view)
    def inner(request, *args, **kwargs):
        request.user = AnonymousUser()
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponseNotAllowed):
            return error_response(405, Allow=response["Allow"])
        return response

    return login_not_required(csrf_exempt(inner))


def not_found(request):
    return error_response(404)


@login_not_required
def docs(request):
    return api.docs.render_page(request, api)


def _urls():
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if pattern.name == "openapi-json":
            pattern.callback = login_not_required(
                functools.wraps(pattern.callback.func)(pattern.callback)
            )
        else:
            pattern.callback = by_token_only(pattern.callback)
    operations = [pattern for pattern in patterns if pattern.name != "api-root"]
    return [*operations, path("docs", docs, name="docs")], app_name, namespace


urlpatterns = [
    path("v1/", _urls()),
    re_path("", by_token_only(not_found), name="api-unknown"),
]
