"""Values, lists and errors that the JSON APIs of all apps share."""

import datetime
import json
import re
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, ValidationError
from django.http import HttpResponse
from django.utils import timezone
from ninja import Field, Schema
from ninja.parser import Parser
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from .money import parse_amount

LARGEST_ID = 2**63 - 1
MAX_PER_PAGE = 1000
#: Bytes of a request; a sheet of a thousand students has less than half of them.
MAX_BODY = 250_000

# Values in requests ----------------------------------------------------------------------------


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class NumberText:
    """A number of the request as it was written: `1e5` is not `100000`, nor `2.0` an id."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text


class ExactParser(Parser):
    """Leave numbers as written; refuse NaN, unpaired surrogates and anything but an object."""

    def parse_body(self, request):
        # Parsed values take fifty times the memory of their text, and sign-in is open to everybody.
        if len(request.body) > MAX_BODY:
            raise RequestDataTooBig
        body = json.loads(
            request.body,
            parse_int=NumberText,
            parse_float=NumberText,
            parse_constant=_refuse_constant,
        )
        if b"\\u" in request.body:
            # No database stores half of a surrogate pair.
            json.dumps(body, ensure_ascii=False, default=lambda number: number.text).encode()
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return body


def read_json_amount(value):
    """Return the amount that a form would read; raise PydanticCustomError with a message."""
    text = value.text if isinstance(value, NumberText) else value
    try:
        return parse_amount(text if isinstance(text, str) else "?")
    except ValidationError as error:
        raise PydanticCustomError("amount", "{message}", {"message": error.messages[0]}) from None


_AMOUNT_PATTERN = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
Amount = Annotated[
    Decimal,
    BeforeValidator(read_json_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 99999999.99, "multipleOf": 0.01},
                {"type": "string", "pattern": _AMOUNT_PATTERN},
            ]
        },
        mode="validation",
    ),
]


def _read_whole_number(value):
    text = value.text if isinstance(value, NumberText) else value
    if isinstance(text, str) and re.fullmatch("[0-9]{1,99}", text):
        return int(text)
    if type(text) is not int:  # True is 1 to Python, and 1 is an id.
        raise PydanticCustomError("int_type", "not an integer")
    return text


#: Whole number in ASCII digits, as forms take it.
WholeNumber = Annotated[int, BeforeValidator(_read_whole_number)]
Id = Annotated[WholeNumber, Field(ge=1, le=LARGEST_ID)]


def _check_day_exists(text):
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("day", "Enter a valid date, like 2026-11-24.") from None
    return text


#: A date as text; the form decides whether it lies within bounds.
IsoDate = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        json_schema_extra={"format": "date"},
        examples=["2026-11-24"],
    ),
    AfterValidator(_check_day_exists),
]

# Values in responses ---------------------------------------------------------------------------

#: An amount of rupees: a JSON number with at most two decimals.
Rupees = Annotated[Decimal, WithJsonSchema({"type": "number"}, mode="serialization")]


def json_number(amount):
    """Return ``amount`` as int or float; a float is exact up to fifteen digits."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _json_default(zone, value):
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"{value!r} is not JSON serializable")


class ApiResponse(HttpResponse):
    def __init__(self, data, status=200, **headers):
        default = partial(_json_default, timezone.get_current_timezone())
        content = json.dumps(data, default=default, ensure_ascii=False, separators=(",", ":"))
        headers = {
            "Cache-Control": "no-store",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        super().__init__(content, content_type="application/json", status=status, headers=headers)


# Lists -----------------------------------------------------------------------------------------

NextPage = Annotated[
    str | None,
    Field(
        description="Address of the next page; left out on the last page.",
        examples=["https://coachmaster.example/api/v1/courses?page=2"],
    ),
]


class Paging(Schema):
    page: WholeNumber = Field(1, ge=1, le=10**9, description="Page number, from 1.")
    per_page: WholeNumber = Field(MAX_PER_PAGE, ge=1, le=MAX_PER_PAGE, description="Rows per page.")


class ResultPage(Schema):
    total: int = Field(description="Rows on all pages.", examples=[1])
    next: NextPage = None


def list_response(request, paging, name, rows, as_json, **extra):
    """Return the requested page of ``rows``, an ordered queryset, under ``name``."""
    first = (paging.page - 1) * paging.per_page
    page = list(rows[first : first + paging.per_page])
    is_only_page = paging.page == 1 and len(page) < paging.per_page
    total = len(page) if is_only_page else rows.count()
    data = {name: [as_json(row) for row in page], "total": total, **extra}
    if page and first + len(page) < total:
        query = request.GET.copy()
        query["page"] = paging.page + 1
        data["next"] = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return ApiResponse(data)


# Errors ----------------------------------------------------------------------------------------

BODY_REQUIRED = "Send a JSON object as the body."

#: The message of a status where no other message is known.
STATUS_MESSAGES = {
    400: "The request is invalid. Check what was sent.",
    401: "Sign in: send a valid token, as “Authorization: Bearer …”.",
    403: "Your role does not permit this.",
    404: "Not found, or not visible to you.",
    405: "This address does not accept this method.",
    409: "This conflicts with existing records.",
    413: "The request is too large.",
    429: "Too many tries. Wait 15 minutes, then try again.",
    500: "Something went wrong on the server. Check whether the change was saved.",
    503: "The database is not available. It is not known whether the change was saved. "
    "Wait a minute; a payment with the same Idempotency-Key can be sent again safely.",
}

_TYPE_MESSAGES = {
    "missing": "This field is required.",
    "string_type": "Send text.",
    "bool_type": "Send true or false.",
    "bool_parsing": "Send true or false.",
    "string_pattern_mismatch": "Enter a valid date, like 2026-11-24.",
    "list_type": "Send a list.",
    "model_type": "Send a JSON object.",
    "model_attributes_type": "Send a JSON object.",
    "greater_than_equal": "At least {ge}.",
    "less_than_equal": "At most {le}.",
    "literal_error": "Choose {expected}.",
    "too_long": "At most {max_length}.",
    "too_short": "At least {min_length}.",
}


class Message(Schema):
    message: str = Field(description="What happened.", examples=["You are signed out."])


class FieldErrors(Message):
    errors: dict[str, list[str]] | None = Field(
        None, description="Messages by field.", examples=[{"email": ["This field is required."]}]
    )


def _error_schema(status):
    base = FieldErrors if status in (400, 409) else Message
    description = "What went wrong and what to do."
    message = Field(description=description, examples=[STATUS_MESSAGES[status]])
    return create_model(f"Error{status}", __base__=base, message=(str, message))


_ERROR_SCHEMAS = {status: _error_schema(status) for status in (400, 401, 403, 404, 409, 429, 503)}


def responses(status, schema, *errors):
    """Return the response schemas of an operation by status. Every operation may answer 503."""
    return {status: schema, **{code: _ERROR_SCHEMAS[code] for code in (*errors, 503)}}


def error_examples(*examples, retry_after=False):
    """Return ``openapi_extra`` with an example for each ``(status, field, message)``."""
    documented: dict[int, dict] = {}
    for status, field, message in examples:
        body = {"message": f"Check {field}.", "errors": {field: [message]}}
        documented[status] = {"content": {"application/json": {"example": body}}}
    if retry_after:
        header = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        documented[429] = {"headers": {"Retry-After": header}}
    return {"responses": documented}


def error_body(error):
    if not hasattr(error, "error_dict"):
        return {"message": " ".join(error.messages)}
    errors = {
        name: [message for problem in field_errors for message in problem.messages]
        for name, field_errors in error.error_dict.items()
    }
    message = " ".join(errors.pop(NON_FIELD_ERRORS, []))
    if not errors:
        return {"message": message}
    return {"message": message or f"Check {', '.join(errors)}.", "errors": errors}


def schema_error_body(errors):
    """Return ``(status, body)`` for the errors that Ninja collected from a schema."""
    by_field = {}
    for error in errors:
        source, *path = error["loc"]
        if source == "path":
            return 404, {"message": STATUS_MESSAGES[404]}
        if source == "body" and len(path) == 1:
            return 400, {"message": BODY_REQUIRED}
        # Ninja puts the name of the argument, `payload`, before the fields of a body.
        field, *place = path[1:] if source == "body" else path[-1:]
        message = _schema_message(error)
        if place:
            steps = (f"row {step + 1}" if isinstance(step, int) else str(step) for step in place)
            message = f"In {', '.join(steps)}: {message[0].lower()}{message[1:]}"
        by_field.setdefault(str(field), []).append(message)
    return 400, {"message": f"Check {', '.join(by_field)}.", "errors": by_field}


def _schema_message(error):
    if message := _TYPE_MESSAGES.get(error["type"]):
        return message.format(**error.get("ctx", {}))
    return "Send a whole number." if error["type"].startswith("int") else error["msg"]


# Forms -----------------------------------------------------------------------------------------


@contextmanager
def with_field_names(names):
    """Rename the fields of a ValidationError raised inside, from ``names``' keys to values."""
    try:
        yield
    except ValidationError as error:
        if hasattr(error, "error_dict"):
            error.error_dict = {
                names.get(name, name): errors for name, errors in error.error_dict.items()
            }
        raise


def cleaned(form):
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data


def sent_values(payload, names=None) -> dict[str, Any]:
    """Return the fields that the request contains, renamed by ``names`` to those of a form."""
    names = names or {}
    return {
        names.get(name, name): value for name, value in payload.dict(exclude_unset=True).items()
    }


def inverse(names):
    return {value: name for name, value in names.items()}
