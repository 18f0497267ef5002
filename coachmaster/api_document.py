"""What tells of the JSON API: the OpenAPI document, with an example of every body and answer, and the page made from it."""

import functools
import json
import re
from dataclasses import dataclass, field

from django.utils.html import escape
from django.utils.safestring import mark_safe
from ninja import NinjaAPI

from coachmaster.core.api import STATUS_MESSAGES

# The document ----------------------------------------------------------------------------------------------------


def _wrong(name, sentence):
    return {"message": f"Check {name}.", "errors": {name: [sentence]}}


#: What is refused for what was sent, by operation; and by what is asked where a call takes no body.
_BAD_INPUT = {
    "register": _wrong("email", "Somebody has this e-mail address already."),
    "login": _wrong("password", "This field is required."),
    "update_user": _wrong("email", "Somebody has this e-mail address already."),
    "list_users": _wrong("role", "Choose 'admin', 'instructor' or 'student'."),
    "create_course": _wrong("total_fee", "An amount cannot be negative."),
    "update_course": _wrong("total_fee", "An amount cannot be negative."),
    "create_batch": _wrong("end_date", "A batch cannot end before it starts."),
    "update_batch": _wrong(
        "start_date", "Attendance was taken on 3 Jun 2026. Choose that day or an earlier one."
    ),
    "enroll": _wrong("enrollment_date", "Write a date that exists, like 2026-11-24."),
    "record_payment": _wrong(
        "reference", "Enter the reference of the UPI payment, as the bank shows it."
    ),
    "mark_attendance": _wrong(
        "records", "Not in JEE morning on 24 Nov 2026: student_id 43. Nothing was written."
    ),
    "list_batch_attendance": _wrong("to", "Choose 24 Nov 2026 or a later day."),
}
_BAD_PAGE = _wrong("per_page", "At most 1000.")
_CONFLICTS = {
    "enroll": _wrong("batch_id", "JEE morning is full: all 40 seats are taken."),
    "record_payment": _wrong(
        "amount", "₹7,000.00 is owed. Send “advance”: true to keep the rest as an advance."
    ),
}


#: What a field is, where nothing more is to be said of it than in every other place of that name.
_WORDS = {
    "id": "Its key.",
    "user_id": "The person, by their key.",
    "student_id": "The student, by the key of the person.",
    "course_id": "The course, by its key.",
    "batch_id": "The batch, by its key.",
    "enrollment_id": "The enrollment, by its key.",
    "full_name": "As it shall stand on receipts.",
    "phone": "Ten digits, or with the code of a country.",
    "password": "At least eight characters, and not a usual one.",
    "role": "The one role of the person.",
    "created_at": "When it was made.",
    "name": "What it is called.",
    "description": "What is taught, in some sentences.",
    "batch_name": "What the batch is called.",
    "student_name": "Who it is.",
    "admission_number": "The student's number at the institute.",
    "start_date": "The first day.",
    "end_date": "The last day. null: open-ended.",
    "enrollment_date": "From this day on.",
    "due_date": "The day by which it is to be paid.",
    "date": "The day of the class.",
    "status": "How it stands.",
    "amount": "In rupees.",
    "payment_date": "The day on which it was received.",
    "payment_mode": "How it was paid.",
    "notes": "What the office noted.",
    "receipt_number": "The number of its receipt.",
    "present": "Days on which the student came.",
    "absent": "Days on which the student did not come.",
    "late": "Days on which the student came late.",
    "excused": "Days that count neither way.",
    "collected_today": "What payments of today come to.",
    "collected_this_month": "What payments of this month come to.",
    "students_who_owe": "How many students that is.",
    "students_overdue": "How many students that is.",
    "active_students": "Students with an enrollment that goes on.",
    "running_batches": "Batches that have begun and are not over.",
    "classes_today": "The classes of today.",
    "classes_taken": "Of these, with attendance taken.",
    "absences_today": "How many were absent, once for each class they missed.",
    "registers_not_taken": "Classes of today and the days before whose attendance is still to be taken.",
    "recent_enrollments": "The last ones, the newest first.",
    "next_due": "What is to be paid next; null when nothing is owed.",
    "enrollment": "null: none yet.",
    "records": "Each student once.",
    **dict.fromkeys(
        ("users", "courses", "batches", "students", "payments", "attendance"),
        "The rows of this page.",
    ),
}


class DocumentedApi(NinjaAPI):
    """Ninja's API with a document in which each body, answer and refusal has its example."""

    @functools.cached_property
    def document(self):
        """What `/api/v1/openapi.json` answers."""
        document = super().get_openapi_schema(path_prefix="api/v1/")
        for schema in document["components"]["schemas"].values():
            for name, one in schema["properties"].items():
                _describe(name, one)
        for operations in document["paths"].values():
            for operation in operations.values():
                for parameter in operation["parameters"]:
                    parameter.pop(
                        "examples", None
                    )  # they stand in its schema, as OpenAPI 3.1 wants it
                    _describe(parameter["name"], parameter["schema"])
                    parameter["description"] = parameter["schema"]["description"]
                if "requestBody" in operation:
                    _exemplify(document, operation["requestBody"]["content"])
                operation["responses"] = {
                    str(code): _answer(document, operation, code, answer)
                    for code, answer in sorted(operation["responses"].items())
                }
        return document

    def get_openapi_schema(self, **kwargs):
        return self.document


def _describe(name, schema):
    if "$ref" not in schema:
        schema.setdefault("description", _WORDS.get(name, ""))


def _answer(document, operation, code, answer):
    if code < 400:
        _exemplify(document, answer["content"])
        return answer
    refusal = {"message": STATUS_MESSAGES[code]}
    if code == 400:
        refusal = _BAD_INPUT.get(operation["operationId"], _BAD_PAGE)
    elif code == 409:
        refusal = _CONFLICTS[operation["operationId"]]
    answer["content"]["application/json"]["example"] = refusal
    if code == 429:
        answer["headers"] = {
            "Retry-After": {"description": "In how many seconds.", "schema": {"type": "integer"}}
        }
    return answer


def _exemplify(document, content):
    media = content["application/json"]
    media["example"] = example_of(document, media["schema"])


def example_of(document, schema):
    """A value that ``schema`` allows, made of the examples of its fields; what may be left out and has none is left out."""
    schema = _resolved(document, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return example_of(document, schema["anyOf"][0])
    match schema.get("type"):
        case "array":
            return [example_of(document, schema["items"])]
        case "object":
            return {
                name: example_of(document, one)
                for name, one in schema["properties"].items()
                if name in schema.get("required", ()) or _has_example(one)
            }
        case "boolean":
            return True
    raise ValueError(f"{schema} has no example.")


def _has_example(schema):
    return "examples" in schema or (
        schema.get("default") is not None and "description" not in schema
    )


def _resolved(document, schema):
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


# The page --------------------------------------------------------------------------------------------------------


@dataclass
class Field:
    """One field of a body, an answer or an address."""

    name: str
    kind: str
    is_required: bool
    description: str
    example: str
    place: str = ""


@dataclass
class AnswerShown:
    """What comes back with a code."""

    code: str
    meaning: str
    shape: str
    example: str


@dataclass
class Operation:
    """One call, as the page shows it."""

    key: str
    method: str
    path: str
    summary: str
    description: str
    needs_token: str
    fields: list[Field]
    example: str
    answers: list[AnswerShown]


@dataclass
class Shape:
    """An object that answers are made of."""

    name: str
    description: str
    fields: list[Field] = field(default_factory=list)


_MEANINGS = {
    "200": "Done",
    "201": "Made",
    "400": "Not understood",
    "401": "No token in force",
    "403": "Not your right",
}
_MEANINGS |= {
    "404": "Not there, or not yours",
    "409": "Stands against what is there",
    "429": "Too often",
    "503": "Busy",
}
_TOKENS = {0: "needs no token", 1: "needs a token", 2: "with a token or without"}


def told(document):
    """What the page shows of ``document``: its introduction, the operations by tag, and the objects of their answers."""
    by_tag, used = {}, {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(
                _operation(document, path, method, operation)
            )
            for answer in operation["responses"].values():
                _note_used(document, answer["content"]["application/json"]["schema"], used)
    return {
        "introduction": _prose(document["info"]["description"]),
        "sections": by_tag,
        "shapes": [_shape(document, name) for name in sorted(used)],
    }


def _operation(document, path, method, operation):
    fields = [
        _field(one["name"], one["schema"], required=one["required"], place=one["in"])
        for one in operation["parameters"]
    ]
    body = operation.get("requestBody")
    if body:
        schema = _resolved(document, body["content"]["application/json"]["schema"])
        for each in _fields(schema):
            each.place = "body"
            fields.append(each)
            fields += _nested(document, schema["properties"][each.name], each.name)
    return Operation(
        key=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=_prose(operation["description"]),
        needs_token=_TOKENS[len(operation.get("security", ()))],
        fields=fields,
        example=_written(body["content"]["application/json"]["example"]) if body else "",
        answers=[
            AnswerShown(
                code,
                _MEANINGS[code],
                _kind(answer["content"]["application/json"]["schema"]),
                _written(answer["content"]["application/json"]["example"]),
            )
            for code, answer in operation["responses"].items()
        ],
    )


def _nested(document, schema, name):
    """The fields of the rows of a list in a body."""
    if schema.get("type") != "array":
        return []
    fields = _fields(_resolved(document, schema["items"]))
    for one in fields:
        one.name, one.place = f"{name}[].{one.name}", "body"
    return fields


def _fields(schema):
    required = schema.get("required", ())
    return [
        _field(name, one, required=name in required) for name, one in schema["properties"].items()
    ]


def _field(name, schema, *, required, place=""):
    examples = schema.get("examples") or [
        one for kind in schema.get("anyOf", ()) for one in kind.get("examples", ())
    ]
    default = schema.get("default")
    words = schema.get("description", "")
    if default is not None and not isinstance(default, bool):
        words = f"{words} `{default}` when left out.".strip()
    return Field(
        name=name,
        kind=_kind(schema),
        is_required=required,
        description=_inline(words),
        example=_written(examples[0]) if examples else "",
        place=place,
    )


def _shape(document, name):
    schema = document["components"]["schemas"][name]
    return Shape(name, _inline(schema.get("description", "")), _fields(schema))


def _note_used(document, schema, used):
    """Collect the names of the objects that ``schema`` is made of."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in used:
            used[name] = True
            _note_used(document, _resolved(document, schema), used)
        return
    for one in (
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *filter(None, [schema.get("items")]),
    ):
        _note_used(document, one, used)


_KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
}


def _kind(schema):
    """What a value is, in words, with a link where it is an object."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return mark_safe(f'<a href="#{escape(name)}">{escape(name)}</a>')  # noqa: S308
    if "anyOf" in schema:
        kinds = [_kind(one) if one.get("type") != "null" else "null" for one in schema["anyOf"]]
        return mark_safe(" or ".join(dict.fromkeys(kinds)))  # noqa: S308
    if "enum" in schema:
        return mark_safe(", ".join(f"<code>{escape(one)}</code>" for one in schema["enum"]))  # noqa: S308
    if schema.get("type") == "array":
        return mark_safe(f"list of {_kind(schema['items'])}")  # noqa: S308
    if schema.get("type") == "object":
        return "object"
    return {"date": "date", "date-time": "moment"}.get(
        schema.get("format"), _KINDS.get(schema.get("type"), "value")
    )


def _written(value):
    return json.dumps(
        value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None
    )


def _inline(text):
    """``text`` with what it marks as `code` and **strong**."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return mark_safe(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text))  # noqa: S308


def _prose(text):
    return [_inline(" ".join(paragraph.split())) for paragraph in text.split("\n\n")]
