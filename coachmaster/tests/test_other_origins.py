"""Browser apps at other addresses: `API_ORIGINS`."""

import pytest

APP, OTHER = "https://app.example.in", "https://other.example.in"


@pytest.fixture(autouse=True)
def app_may_call(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(client, path, origin):
    return client.options(
        path,
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key",
        },
    )


def test_listed_app_may_call_the_api(client, db):
    response = preflight(client, "/api/v1/payments", APP)

    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == APP
    assert "POST" in response["Access-Control-Allow-Methods"]
    allowed = response["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)
    assert "Access-Control-Allow-Credentials" not in response


def test_listed_app_can_read_refusals(client, db):
    response = client.get("/api/v1/auth/me", headers={"origin": APP})

    assert response.status_code == 401
    assert response["Access-Control-Allow-Origin"] == APP
    assert "x-request-id" in response["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", [OTHER, "null", "http://app.example.in", f"{APP}.evil.example"])
def test_other_apps_may_not(client, db, origin):
    for response in (
        preflight(client, "/api/v1/payments", origin),
        client.get("/api/v1/auth/me", headers={"origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in response


def test_no_app_may_read_pages(client, db):
    response = client.get("/accounts/login/", headers={"origin": APP})

    assert "Access-Control-Allow-Origin" not in response


def test_nobody_is_listed_by_default(client, db, settings):
    settings.CORS_ALLOWED_ORIGINS = []

    response = preflight(client, "/api/v1/payments", APP)

    assert "Access-Control-Allow-Origin" not in response
