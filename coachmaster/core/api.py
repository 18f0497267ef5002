"""What every operation of the JSON API stands on: how values are read and written, lists, and refusals.

Operations answer plain dicts by `Answer`; the schemas beside them describe these for the document, and the tests hold
the two against each other. Checking each row once more while it is written would double the time of a long list.
"""

import datetime
import json
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse
from django.utils import timezone
from ninja import Field, Schema
from ninja.parser import Parser
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from .money import parse_amount

LARGEST_ID = 2**63 - 1
MAX_PER_PAGE = 1000

# Values that come in ---------------------------------------------------------------------------------------------


def _refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


class ExactParser(Parser):
    """Bodies as JSON says them: a fraction stays decimal, and text that no database can hold is refused."""

    def parse_body(self, request):
        body = json.loads(request.body, parse_float=Decimal, parse_constant=_refuse_constant)
        if b"\\u" in request.body:
            json.dumps(
                body, ensure_ascii=False, default=str
            ).encode()  # half of a surrogate pair is no text
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return body


def read_json_amount(value):
    """An amount as `parse_amount` says, from a JSON number or text. Raises PydanticCustomError with its sentence."""
    if (
        isinstance(value, Decimal)
        and abs(value.adjusted()) < 20
        and len(value.as_tuple().digits) < 20
    ):
        value = f"{value:f}"
    elif isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        value = "?"
    try:
        # As text of bounded length: an integer of thousands of digits cannot even be written.
        return parse_amount(
            str(value) if not isinstance(value, int) or abs(value) < 10**20 else "9" * 20
        )
    except ValidationError as error:
        raise PydanticCustomError("amount", "{sentence}", {"sentence": error.messages[0]}) from None


_AMOUNT_TEXT = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
Amount = Annotated[
    Decimal,
    BeforeValidator(read_json_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 99999999.99, "multipleOf": 0.01},
                {"type": "string", "pattern": _AMOUNT_TEXT},
            ]
        },
        mode="validation",
    ),
]


def _refuse_bool(value):
    if isinstance(value, bool):  # to Python `true` is 1, and somebody has that key
        raise PydanticCustomError("int_type", "no whole number")
    return value


Id = Annotated[int, BeforeValidator(_refuse_bool), Field(ge=1, le=LARGEST_ID)]


def _refuse_missing_day(text):
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("day", "Write a date that exists, like 2026-11-24.") from None
    return text


#: A date as the API writes it, still text; whether it lies within bounds is the form's question.
IsoDate = Annotated[
    str,
    AfterValidator(_refuse_missing_day),
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        json_schema_extra={"format": "date"},
        examples=["2026-11-24"],
    ),
]

# Values that go out ----------------------------------------------------------------------------------------------

#: An amount of rupees in an answer: a JSON number with at most two decimals.
Rupees = Annotated[Decimal, WithJsonSchema({"type": "number"}, mode="serialization")]


def json_number(amount):
    """A Decimal as JSON writes it. Fifteen digits pass through a float unharmed, and no sum of ours has more."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _json_default(zone, value):
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in an answer")


class ApiResponse(HttpResponse):
    """Plain data as JSON, kept by no cache."""

    def __init__(self, data, status=200, **headers):
        plain = partial(_json_default, timezone.get_current_timezone())
        content = json.dumps(data, default=plain, ensure_ascii=False, separators=(",", ":"))
        headers = {
            "Cache-Control": "no-store",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        super().__init__(content, content_type="application/json", status=status, headers=headers)


# Lists -----------------------------------------------------------------------------------------------------------


class Paging(Schema):
    """Which rows of a list."""

    page: int = Field(1, ge=1, le=10**9, description="Which page, from 1 on.")
    per_page: int = Field(MAX_PER_PAGE, ge=1, le=MAX_PER_PAGE, description="Rows a page.")


class ResultPage(Schema):
    """What stands beside the rows of a list."""

    total: int = Field(description="Rows on all pages.", examples=[1])
    next: str | None = Field(
        None, description="The address of the next page; left out on the last one."
    )


def list_response(request, paging, name, rows, as_json, **beside):
    """The answer of a list: the page asked for of ``rows`` (an ordered queryset), under ``name``."""
    first = (paging.page - 1) * paging.per_page
    found = list(rows[first : first + paging.per_page])
    is_whole = paging.page == 1 and len(found) < paging.per_page
    total = len(found) if is_whole else rows.count()
    data = {name: [as_json(row) for row in found], "total": total, **beside}
    if first + len(found) < total and found:
        query = request.GET.copy()
        query["page"] = paging.page + 1
        data["next"] = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return ApiResponse(data)


# Refusals --------------------------------------------------------------------------------------------------------


class Message(Schema):
    """One sentence."""

    message: str = Field(
        description="What happened, or what to do.", examples=["You are logged out."]
    )


class FieldErrors(Message):
    """A sentence, and sentences by field where the refusal belongs to fields."""

    errors: dict[str, list[str]] | None = Field(None, description="By the field they belong to.")


#: What is said of a body that cannot be read.
BODY_REQUIRED = "Send a JSON object as the body."

#: What each code means, and the sentence it comes with where nothing better is known.
STATUS_MESSAGES = {
    400: "This is not understood. Check what was sent.",
    401: "Sign in: send a token that is in force, as “Authorization: Bearer …”.",
    403: "This is not for your role.",
    404: "This is not there, or not yours to see.",
    405: "This address does not take that method.",
    409: "What is there already stands against it.",
    413: "This is too large.",
    429: "Too many tries. Wait 15 minutes, then try again.",
    500: "Something went wrong here. Nothing was saved.",
    503: "The database is busy, and nothing was saved. Try again in a minute.",
}


def responses(status, schema, *refusals):
    """The answers of an operation for the document: the good one, the refusals named, and those of every call."""
    return {
        status: schema,
        **{code: FieldErrors if code in (400, 409) else Message for code in (*refusals, 503)},
    }


def error_body(refusal):
    """What the API says of a ValidationError."""
    if not hasattr(refusal, "error_dict"):
        return {"message": " ".join(refusal.messages)}
    errors = {
        name: [text for error in several for text in error.messages]
        for name, several in refusal.error_dict.items()
    }
    own = " ".join(errors.pop(NON_FIELD_ERRORS, []))
    if not errors:
        return {"message": own}
    return {"message": own or f"Check {', '.join(errors)}.", "errors": errors}


@contextmanager
def with_field_names(names):
    """Inside, a ValidationError comes out with the API's ``names`` of its fields: `{"paid_on": "payment_date"}`."""
    try:
        yield
    except ValidationError as refusal:
        if hasattr(refusal, "error_dict"):
            refusal.error_dict = {
                names.get(name, name): errors for name, errors in refusal.error_dict.items()
            }
        raise


def cleaned(form):
    """The clean values of ``form``. Raises ValidationError with what it says of its fields."""
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data


_TYPE_MESSAGES = {
    "missing": "This field is required.",
    "string_type": "Send text.",
    "bool_type": "Send true or false.",
    "bool_parsing": "Send true or false.",
    "string_pattern_mismatch": "Write a date that exists, like 2026-11-24.",
    "list_type": "Send a list.",
    "model_type": "Send a JSON object.",
    "model_attributes_type": "Send a JSON object.",
    "greater_than_equal": "At least {ge}.",
    "less_than_equal": "At most {le}.",
    "literal_error": "Choose {expected}.",
    "too_long": "At most {max_length}.",
    "too_short": "At least {min_length}.",
}


def schema_error_body(errors):
    """What the API says where a schema was not met: ``(status, body)`` from the errors that ninja collected."""
    by_field = {}
    for error in errors:
        source, *place = error["loc"]
        if source == "path":
            return 404, {"message": STATUS_MESSAGES[404]}
        # The first word within a body is ours for the whole of it.
        place = place[1:] if source == "body" and len(place) > 1 else place
        sentence = _TYPE_MESSAGES.get(error["type"])
        if sentence:
            sentence = sentence.format(**error.get("ctx", {}))
        elif error["type"].startswith("int"):
            sentence = "Send a whole number."
        else:
            sentence = error["msg"]
        if source == "body" and len(error["loc"]) == 2:
            return 400, {"message": BODY_REQUIRED}
        words = [f"row {word + 1}" if isinstance(word, int) else str(word) for word in place[1:]]
        field = str(place[0]) if source == "body" else str(place[-1])
        if words and source == "body":
            sentence = f"In {', '.join(words)}: {sentence[0].lower()}{sentence[1:]}"
        by_field.setdefault(field, []).append(sentence)
    return 400, {"message": f"Check {', '.join(by_field)}.", "errors": by_field}


def sent_values(payload, names=None) -> dict[str, Any]:
    """The fields that a body named, under the names that our forms have for them."""
    names = names or {}
    return {
        names.get(name, name): value for name, value in payload.dict(exclude_unset=True).items()
    }


def inverse(names):
    """The way back: from the names of our forms to those of the API."""
    return {ours: theirs for theirs, ours in names.items()}
