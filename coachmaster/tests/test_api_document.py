"""The JSON API as a whole: its document, its page, what it answers to nonsense, and that all of it keeps its word."""

import json
import logging
import re

import jsonschema_rs
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, transaction
from django.test import Client
from django.utils.html import escape
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

BUSY = (503, {"message": "The database is busy, and nothing was saved. Try again in a minute."})
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


def operations():
    for path, methods in api.document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


# The document ----------------------------------------------------------------------------------------------------


def test_the_document_is_open_and_names_the_twenty_seven_operations(client):
    answer = client.get("/api/v1/openapi.json")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert sum(len(methods) for methods in document["paths"].values()) == 27
    assert document["components"]["securitySchemes"] == {
        "Token": {"type": "http", "scheme": "bearer"}
    }


def test_every_operation_is_described_with_its_refusals_and_their_examples():
    for name, operation in operations():
        assert operation["summary"] and operation["description"], name
        codes = set(operation["responses"])
        assert codes & {"200", "201"} and "503" in codes, name
        if operation.get("security"):
            assert "401" in codes, name
        if "requestBody" in operation or operation["parameters"]:
            assert codes & {"400", "404"}, name
        for code, answer in operation["responses"].items():
            assert "schema" in answer["content"]["application/json"], (name, code)
            assert code < "400" or answer["content"]["application/json"]["example"]["message"], (
                name,
                code,
            )


def test_every_field_is_described():
    fields = [
        (f"{schema}.{name}", field)
        for schema, details in api.document["components"]["schemas"].items()
        for name, field in details["properties"].items()
    ] + [
        (f"{name}: {one['name']}", one["schema"])
        for name, operation in operations()
        for one in operation["parameters"]
    ]

    assert [
        name for name, field in fields if not field.get("description") and "$ref" not in field
    ] == []


def test_every_example_is_as_its_schema_says():
    def examples_of(operation):
        if "requestBody" in operation:
            yield operation["requestBody"]["content"]["application/json"]
        for answer in operation["responses"].values():
            yield answer["content"]["application/json"]

    for name, operation in operations():
        for media in examples_of(operation):
            whole = {**media["schema"], "components": api.document["components"]}
            assert jsonschema_rs.is_valid(whole, media["example"], validate_formats=True), (
                name,
                media["example"],
            )
            assert media["example"], name


def test_the_page_about_it_tells_of_every_call_field_and_answer(client):
    answer = client.get("/api/v1/docs")
    text = answer.content.decode()

    assert answer.status_code == 200
    assert "/api/v1/openapi.json" in text
    for name, operation in operations():
        section = text.partition(f'id="{operation["operationId"]}"')[2].partition("</section>")[0]
        assert f"<code>{name}</code>" in section
        for one in operation["parameters"]:
            assert f"<code>{one['name']}</code>" in section, name
        for code, told in operation["responses"].items():
            assert f">{code}</span>" in section, name
            shown = json.dumps(
                told["content"]["application/json"]["example"], ensure_ascii=False, indent=2
            )
            assert escape(shown) in section, (name, code)
    for schema, details in api.document["components"]["schemas"].items():
        for field in details["properties"].values():
            assert escape(field.get("description", "")).replace("`", "") in re.sub(
                "</?code>", "", text
            ), schema


# Nonsense --------------------------------------------------------------------------------------------------------


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
def test_a_body_of_another_kind_is_told_to_be_json(admin, content_type, body):
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
def test_a_body_that_makes_no_sense_is_refused_with_a_sentence(admin, body, message):
    status, data = Caller(admin)("POST", "/courses", body)

    assert (status, data["message"]) == (400, message)


@pytest.mark.parametrize("method", ["head", "options", "trace", "patch", "delete"])
def test_a_method_that_no_call_takes_is_refused_without_html(admin, method):
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
def test_what_is_no_call_is_answered_in_json_too(admin, method, path, status):
    answer = getattr(Client(), method)(
        path, headers={"authorization": f"Bearer {Caller(admin).token}"}
    )

    if path == "/api":  # outside; the pages' own
        assert answer.status_code in (301, 302, 404)
        return
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert list(answer.json()) == ["message"]


def test_a_method_that_is_none_is_told_those_there_are(admin):
    answer = Caller(admin).send("DELETE", "/courses")

    assert answer.json() == {"message": "This address does not take that method."}
    assert set(answer["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_a_host_that_is_not_ours_gets_json_too():
    answer = Client(headers={"host": "evil.example"}).get("/api/v1/courses")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")


def test_a_body_that_is_too_large_is_refused(admin):
    answer = Caller(admin).send("POST", "/courses", b'{"name": "' + b"x" * 3_000_000 + b'"}')

    assert (answer.status_code, answer.json()) == (413, {"message": "This is too large."})


def test_a_call_that_meets_a_busy_database_is_tried_once_more(admin, monkeypatch):
    caller, tries = Caller(admin), []

    def busy_once(request):
        tries.append(request)
        if len(tries) == 1:
            raise OperationalError("deadlock detected")
        return tokens.ApiToken.objects.get()

    monkeypatch.setattr("accounts.tokens.find", busy_once)

    assert caller("POST", "/courses", {"name": "JEE", "total_fee": 1})[0] == 201
    assert len(tries) == 2


def test_a_busy_database_is_told_and_a_mistake_of_ours_has_no_trace(admin, monkeypatch):
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
        {"message": "Something went wrong here. Nothing was saved."},
    )


# That it keeps its word ------------------------------------------------------------------------------------------

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def call(people, request):
    """`call(case)`: the answer to it, for the person whose call it is; what it changed is taken back."""
    logging.disable(logging.ERROR)
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))
    for signal in (
        request_started,
        request_finished,
    ):  # as Django's own client does: the test's connection stays open
        signal.disconnect(close_old_connections)
        request.addfinalizer(lambda signal=signal: signal.connect(close_old_connections))
    owners = {"/dashboard/student": "student", "/dashboard/instructor": "teacher"}

    def call(case):
        before = transaction.savepoint()
        caller = Caller(people[owners.get(case.path.removeprefix("/api/v1"), "admin")])
        answer = case.call(headers={"Authorization": f"Bearer {caller.token}"})
        transaction.savepoint_rollback(before)
        if answer.status_code != 405:  # one word more or less in an address makes it another one
            case.validate_response(answer, checks=CHECKS)
        return answer.status_code

    return call


def about(keys, values):
    """``values`` of a call, about things that are there."""
    if not isinstance(values, dict):
        return values
    return {
        name: keys.get(
            name, [about(keys, one) for one in value] if isinstance(value, list) else value
        )
        for name, value in values.items()
    }


NAMES = [name for name, _ in operations()]


@pytest.mark.size
@pytest.mark.parametrize("name", NAMES)
def test_what_is_in_order_is_answered_as_the_document_says(name, people, call):
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
def test_every_call_is_answered_as_the_document_says(name, people, call):
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
    def keeps_its_word(case, is_there):
        if is_there:
            case.path_parameters, case.body = (
                about(keys, case.path_parameters),
                about(keys, case.body),
            )
        call(case)

    keeps_its_word()
