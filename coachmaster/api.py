"""The JSON API, mounted: the operations of each app at `/api/v1`, what is refused and how, and the document about it.

An app's own `api.py` holds its operations, thin over the querysets, forms and services of its pages. Calls are vouched
for by a token alone: no session is looked at, and so no form's token is asked for.
"""

import functools
import logging

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpResponseNotAllowed, UnreadablePostError
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as SchemaError
from ninja.openapi.docs import Swagger

from academics import api as academics
from accounts import api as accounts
from accounts.throttling import TooManyTries
from attendance import api as attendance
from coachmaster.ground.api import SENTENCES, Answer, ExactParser, body_of, refusal_of_schema
from coachmaster.ground.refusals import Conflict
from coachmaster.pages import api as pages
from finance import api as finance

logger = logging.getLogger(__name__)

DESCRIPTION = """\
The twenty-seven operations of CoachMaster as JSON, on the same rules and rights as its pages.

**Signing in.** `POST /auth/login` answers a token; every other call sends it as `Authorization: Bearer …`. It lasts 24
hours and ends at once with signing out, a new password, another role, or the closing of the account.

**Values.** Dates are `YYYY-MM-DD`, moments ISO 8601 with offset, amounts rupees as JSON numbers with at most two decimals
(sent, they may be text too). Lists take `page` and `per_page`; beside the rows stand `total` and, where there is more, `next`.

**Refusals** are `{"message": "<sentence>"}`, and by field `{"message": …, "errors": {"<field>": ["<sentence>", …]}}`.
"""


class Api(NinjaAPI):
    """Ninja's API with a document in which each refusal has its example."""

    @functools.cached_property
    def document(self):
        """What `/api/v1/openapi.json` answers."""
        document = super().get_openapi_schema(path_prefix="api/v1/")
        for operations in document["paths"].values():
            for operation in operations.values():
                for parameter in operation["parameters"]:
                    parameter.pop("examples", None)  # they stand in its schema, as OpenAPI 3.1 wants it
                operation["responses"] = {str(code): answer for code, answer in operation["responses"].items()}
                for code, answer in operation["responses"].items():
                    _exemplify(operation, int(code), answer)
        return document

    def get_openapi_schema(self, **kwargs):
        return self.document


def _exemplify(operation, code, answer):
    if code < 400:
        return
    example = {"message": SENTENCES[code]}
    body = operation.get("requestBody")
    if code == 400 and body:
        example = {"message": "Check email.", "errors": {"email": ["Somebody has this e-mail address already."]}}
        example = _EXAMPLES.get(operation["operationId"], example)
    elif code == 409:
        example = _CONFLICTS[operation["operationId"]]
    answer["content"]["application/json"]["example"] = example
    if code == 429:
        answer["headers"] = {"Retry-After": {"description": "In how many seconds.", "schema": {"type": "integer"}}}


def _wrong(field, sentence):
    return {"message": f"Check {field}.", "errors": {field: [sentence]}}


_EXAMPLES = {
    "login": _wrong("password", "This field is required."),
    "create_course": _wrong("total_fee", "An amount cannot be negative."),
    "update_course": _wrong("total_fee", "An amount cannot be negative."),
    "create_batch": _wrong("end_date", "A batch cannot end before it starts."),
    "update_batch": _wrong("start_date", "Attendance was taken on 3 Jun 2026. Choose that day or an earlier one."),
    "enroll": _wrong("enrollment_date", "Enter a date that exists, like 24/11/2026."),
    "record_payment": _wrong("reference", "Enter the reference of the UPI payment, as the bank shows it."),
    "mark_attendance": _wrong("records", "Not in JEE morning on 24 Nov 2026: student_id 43. Nothing was written."),
}
_CONFLICTS = {
    "enroll": _wrong("batch_id", "JEE morning is full: all 40 seats are taken."),
    "record_payment": _wrong("amount", "₹7,000.00 is owed. Send “advance”: true to keep the rest as an advance."),
}

api = Api(
    title="CoachMaster",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    parser=ExactParser(),
    docs=Swagger(settings={"tryItOutEnabled": True}),
)
for prefix, router in (
    ("/auth", accounts.signing),
    ("/users", accounts.people),
    ("/courses", academics.courses),
    ("/batches", academics.batches),
    ("/enrollments", finance.enrollments),
    ("/payments", finance.payments),
    ("/students", academics.students),
    ("/students", finance.students),
    ("/attendance", attendance.attendance),
    ("/batches", attendance.batches),
    ("/students", attendance.students),
    ("/dashboard", pages.dashboard),
):
    api.add_router(prefix, router)


# Refusals --------------------------------------------------------------------------------------------------------


def refuse(status, message=None, **headers):
    """The answer that says in one sentence why nothing was done."""
    return Answer({"message": message or SENTENCES[status]}, status, **headers)


@api.exception_handler(AuthenticationError)
def _no_token(request, error):
    return refuse(401, WWW_Authenticate="Bearer")


@api.exception_handler(PermissionDenied)
def _not_your_right(request, error):
    return refuse(403, str(error))


@api.exception_handler(Http404)
def _not_there(request, error):
    # Django's own words name a table.
    return refuse(404, None if str(error).startswith("No ") else str(error))


@api.exception_handler(ValidationError)
def _refused(request, error):
    return Answer(body_of(error), 409 if isinstance(error, Conflict) else 400)


@api.exception_handler(SchemaError)
def _not_by_the_schema(request, error):
    status, body = refusal_of_schema(error.errors)
    return Answer(body, status)


@api.exception_handler(HttpError)
def _not_json(request, error):
    if isinstance(error.__cause__, RequestDataTooBig):
        return refuse(413)
    return refuse(error.status_code, "Send a body of JSON." if error.status_code == 400 else None)


@api.exception_handler(TooManyTries)
def _too_often(request, error):
    return refuse(429, error.sentence, Retry_After=error.seconds)


@api.exception_handler(OperationalError)
def _busy(request, error):
    logger.exception("database busy: %s", request.path)
    return refuse(503)


@api.exception_handler(Exception)
def _broken(request, error):
    if isinstance(error, RequestDataTooBig):
        return refuse(413)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return refuse(400)
    logger.exception("API: %s %s", request.method, request.path)
    return refuse(500)


# Addresses -------------------------------------------------------------------------------------------------------


def by_token_only(view):
    """``view`` for callers without a session: whoever the cookie says is nobody here."""

    @functools.wraps(view)
    def inner(request, *args, **kwargs):
        request.user = AnonymousUser()
        answer = view(request, *args, **kwargs)
        if isinstance(answer, HttpResponseNotAllowed):
            return refuse(405, Allow=answer["Allow"])
        return answer

    return login_not_required(csrf_exempt(inner))


def unknown(request):
    """An address under `/api/` that is none."""
    return refuse(404)


def _urls():
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if pattern.name in ("openapi-json", "openapi-view"):
            pattern.callback = login_not_required(functools.wraps(pattern.callback.func)(pattern.callback))
        else:
            pattern.callback = by_token_only(pattern.callback)
    return [entry for entry in patterns if entry.name != "api-root"], app_name, namespace


urlpatterns = [
    path("v1/", _urls()),
    re_path("", by_token_only(unknown), name="api-unknown"),
]
