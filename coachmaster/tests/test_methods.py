import pytest
from django.urls import reverse

from .api import Caller
from .test_permissions import ROUTES, address

pytestmark = pytest.mark.django_db

METHODS = ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACK", "X"]


@pytest.mark.parametrize("method", METHODS)
def test_pages_accept_no_other_methods(people, client, method):
    client.force_login(people["admin"])
    paths = [*(address(name, people["objects"]) for name in ROUTES), "/static/css/coachmaster.css"]

    answers = {path: client.generic(method, path).status_code for path in paths}

    assert {path: code for path, code in answers.items() if code != 405} == {}
    assert {client.generic(method, path).content for path in paths if "static" not in path} == {b""}


@pytest.mark.parametrize("method", METHODS)
def test_django_admin_accepts_no_other_methods(client_of, admin, method):
    assert client_of(admin).generic(method, reverse("admin:index")).status_code == 405


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PATCH", "OPTIONS", "TRACK"])
def test_api_answers_other_methods_in_json(client, admin, method):
    response = client.generic(
        method, "/api/v1/courses", headers={"authorization": f"Bearer {Caller(admin).token}"}
    )

    assert response.status_code == 405
    assert response.json() == {"message": "This address does not accept this method."}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_accept_no_other_methods(client, path):
    assert client.generic("TRACE", path).status_code == 405
