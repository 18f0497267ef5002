import json
import logging
import re

import jsonschema_rs
import psycopg
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import tokens
from coachmaster.api import api
from coachmaster.wsgi import application

from .api import Caller
from .test_api_permissions import bodies, keys_of

pytestmark = pytest.mark.django_db

BUSY = (
    503,
    {
        "message": "The database is not available. It is not known whether the change was saved. "
        "Wait a minute; a payment with the same Idempotency-Key can be sent again safely."
    },
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


DOCUMENT = json.loads(json.dumps(api.document))


def operations():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(schema):
    if "$ref" in schema:
        return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def example_of(schema):
    """Return a value made of the examples in ``schema``, as the documentation page does."""
    schema = resolved(schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    if schema["type"] == "array":
        return [example_of(schema["items"])]
    if schema["type"] == "object":
        return {name: example_of(field) for name, field in schema["properties"].items()}
    assert schema["type"] == "boolean", schema
    return True


# The document ----------------------------------------------------------------------------------


def test_document_is_public_and_names_27_operations(client):
    response = client.get("/api/v1/openapi.json")

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    document = response.json()
    assert document == DOCUMENT
    assert document["openapi"] == "3.1.0"
    assert sum(len(methods) for methods in document["paths"].values()) == 27
    assert document["components"]["securitySchemes"] == {
        "Token": {"type": "http", "scheme": "bearer"}
    }


def test_every_operation_is_described_with_its_errors_and_their_examples():
    for name, operation in operations():
        assert operation["summary"] and operation["description"], name
        codes = set(operation["responses"])
        assert codes & {"200", "201"} and "503" in codes, name
        if operation.get("security"):
            assert "401" in codes, name
        if "requestBody" in operation or operation["parameters"]:
            assert codes & {"400", "404"}, name
        for code, response in operation["responses"].items():
            schema = response["content"]["application/json"]["schema"]
            assert code < "400" or example_of(schema)["message"], (name, code)


def test_every_field_is_described():
    fields = [
        (f"{schema}.{name}", field)
        for schema, details in DOCUMENT["components"]["schemas"].items()
        for name, field in details["properties"].items()
    ] + [
        (f"{name}: {parameter['name']}", parameter)
        for name, operation in operations()
        for parameter in operation["parameters"]
    ]

    assert [
        name for name, field in fields if not field.get("description") and "$ref" not in field
    ] == []


def test_every_example_matches_its_schema():
    for name, operation in operations():
        responses = operation["responses"].values()
        for part in filter(None, (operation.get("requestBody"), *responses)):
            media = part["content"]["application/json"]
            whole = {**media["schema"], "components": DOCUMENT["components"]}
            for example in (media.get("example"), example_of(media["schema"])):
                if example is None:
                    continue
                is_valid = jsonschema_rs.is_valid(whole, example, validate_formats=True)
                assert example and is_valid, (name, example)


def test_examples_of_parameters_follow_openapi_3_1():
    for name, operation in operations():
        for parameter in operation["parameters"]:
            assert isinstance(parameter.get("examples", {}), dict), (name, parameter)


def test_documentation_page_reads_the_document_by_vendored_scripts(client):
    response = client.get("/api/v1/docs")

    page = response.content.decode()
    assert response.status_code == 200
    assert '"url": "/api/v1/openapi.json"' in page
    scripts = re.findall(r"<script[^>]*>", page)
    assert scripts
    assert all(
        re.search(r'src="/static/[^"]+"|type="application/json"', script) for script in scripts
    )
    assert re.findall(r'(?:src|href)="(?!/static/)', page) == []


# Invalid requests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"name=JEE&total_fee=100"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nJEE\r\n--x--\r\n',
        ),
        ("multipart/form-data", b""),
        ("text/csv", b"name,total_fee"),
        ("application/xml", b"<course/>"),
        ("", b"JEE"),
    ],
)
def test_body_of_another_content_type_is_refused_with_a_message(admin, content_type, body):
    caller = Caller(admin)

    answer = caller.client.post(
        "/api/v1/courses",
        body,
        content_type=content_type,
        headers={"authorization": f"Bearer {caller.token}"},
    )

    assert (answer.status_code, answer.json()) == (
        400,
        {"message": "Send a JSON object as the body."},
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"name": "J\0EE", "total_fee": 1}', "Send a JSON object as the body."),
        (b'{"name": "J\\u0000EE", "total_fee": 1}', "Check name."),
        (b"[]", "Send a JSON object as the body."),
        (b'"JEE"', "Send a JSON object as the body."),
        (b"null", "Send a JSON object as the body."),
        (b'{"name": "JEE", "total_fee": -Infinity}', "Send a JSON object as the body."),
        (b'{"name": "JEE", "total_fee": "NaN"}', "Check total_fee."),
        (b'{"name": "JEE", "total_fee": 1e309}', "Check total_fee."),
        (b'{"name": "JEE", "total_fee": 0.001}', "Check total_fee."),
        (b'{"name": "' + b"J" * 100_000 + b'", "total_fee": 1}', "Check name."),
    ],
)
def test_invalid_body_is_refused_with_a_message(admin, body, message):
    status, data = Caller(admin)("POST", "/courses", body)

    assert (status, data["message"]) == (400, message)


@pytest.mark.parametrize("method", ["head", "options", "trace", "patch", "delete"])
def test_unknown_method_is_refused_as_json(admin, method):
    caller = Caller(admin)

    answer = getattr(caller.client, method)(
        "/api/v1/courses", headers={"authorization": f"Bearer {caller.token}"}
    )

    assert (answer.status_code, answer["Content-Type"]) == (405, "application/json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api", 404),
        ("get", "/api/", 404),
        ("get", "/api/v1/", 404),
        ("get", "/api/v2/users", 404),
        ("get", "/api/v1/users/x", 404),
        ("get", "/api/v1/users/-1", 404),
        ("post", "/api/v1/nothing", 404),
        ("get", "/api/v1/users?q=%00", 400),
        ("get", "/api/v1/us\0ers", 400),
        ("get", "/api/v1/payments", 405),
        ("delete", "/api/v1/users", 405),
        ("patch", "/api/v1/courses", 405),
        ("put", "/api/v1/auth/login", 405),
    ],
)
def test_unknown_address_is_answered_as_json(admin, method, path, status):
    answer = getattr(Client(), method)(
        path, headers={"authorization": f"Bearer {Caller(admin).token}"}
    )

    if path == "/api":  # outside of the API
        assert answer.status_code in (301, 302, 404)
        return
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert list(answer.json()) == ["message"]


def test_refusal_of_a_method_names_the_allowed_ones(admin):
    answer = Caller(admin).send("DELETE", "/courses")

    assert answer.json() == {"message": "This address does not accept this method."}
    assert set(answer["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_unknown_host_is_answered_as_json():
    answer = Client(headers={"host": "evil.example"}).get("/api/v1/courses")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")


@pytest.mark.parametrize("size", [250_001, 3_000_000])
def test_too_large_body_is_refused(admin, size):
    body = b'{"name": "' + b"x" * (size - 12) + b'"}'

    answer = Caller(admin).send("POST", "/courses", body)

    assert len(body) == size
    assert (answer.status_code, answer.json()) == (413, {"message": "The request is too large."})


def test_call_is_repeated_once_if_the_database_is_busy(admin, monkeypatch):
    caller, tries = Caller(admin), []

    def busy_once(request):
        tries.append(request)
        if len(tries) == 1:
            raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected()
        return tokens.ApiToken.objects.get()

    monkeypatch.setattr("accounts.tokens.find", busy_once)

    assert caller("POST", "/courses", {"name": "JEE", "total_fee": 1})[0] == 201
    assert len(tries) == 2


def test_busy_database_and_unexpected_errors_are_answered_without_a_trace(admin, monkeypatch):
    caller = Caller(admin)

    def raising(error):
        def find(token):
            raise error

        return find

    monkeypatch.setattr("accounts.tokens.find", raising(OperationalError("database is locked")))
    assert caller("GET", "/courses") == BUSY
    monkeypatch.setattr("accounts.tokens.find", raising(ZeroDivisionError("secret")))
    assert caller("GET", "/courses") == (
        500,
        {"message": "Something went wrong on the server. Check whether the change was saved."},
    )


# Conformance -----------------------------------------------------------------------------------

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def call(people, request):
    """Return a function that makes a call as a permitted person and rolls back its changes."""
    logging.disable(logging.ERROR)
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))
    for signal in (
        request_started,
        request_finished,
    ):  # as Django's own client does, so that the test's connection stays open
        signal.disconnect(close_old_connections)
        request.addfinalizer(lambda signal=signal: signal.connect(close_old_connections))
    owners = {"/dashboard/student": "student", "/dashboard/instructor": "teacher"}

    def call(case):
        before = transaction.savepoint()
        caller = Caller(people[owners.get(case.path.removeprefix("/api/v1"), "admin")])
        answer = case.call(headers={"Authorization": f"Bearer {caller.token}"})
        transaction.savepoint_rollback(before)
        if answer.status_code != 405:  # an invalid path parameter may make another address
            case.validate_response(answer, checks=CHECKS)
        return answer.status_code

    return call


def with_existing_ids(keys, values):
    """Replace ids in ``values`` by those of existing rows."""
    if not isinstance(values, dict):
        return values
    return {
        name: keys.get(
            name,
            [with_existing_ids(keys, one) for one in value] if isinstance(value, list) else value,
        )
        for name, value in values.items()
    }


NAMES = [name for name, _ in operations()]


@pytest.mark.size
@pytest.mark.parametrize("name", NAMES)
def test_valid_call_is_answered_as_documented(name, people, call):
    method, path = name.split()
    keys, short = keys_of(people["objects"]), path.removeprefix("/api/v1")
    body = bodies(people["objects"]).get(short) if method != "GET" else None
    case = schema[path][method].Case(
        path_parameters={key: value for key, value in keys.items() if f"{{{key}}}" in path},
        **({"body": body, "media_type": "application/json"} if body else {}),
    )

    expected = {"/auth/login": {401}, "/enrollments": {409}}.get(short, {200, 201})
    assert call(case) in expected


@pytest.mark.size
@pytest.mark.parametrize("name", NAMES)
def test_any_call_is_answered_as_documented(name, people, call):
    method, path = name.split()
    operation, keys = schema[path][method], keys_of(people["objects"])
    cases = some.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, some.booleans())
    def check(case, is_there):
        if is_there:
            case.path_parameters, case.body = (
                with_existing_ids(keys, case.path_parameters),
                with_existing_ids(keys, case.body),
            )
        call(case)

    check()
