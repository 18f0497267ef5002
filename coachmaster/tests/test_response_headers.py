"""Headers and cookies of all kinds of responses, as browsers get them over https."""

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import PASSWORD

from .api import Caller
from .test_permissions import ROUTES, address

pytestmark = pytest.mark.django_db

STATIC = ["/static/css/coachmaster.css", "/static/js/coachmaster.js", "/static/favicon.svg"]
OTHERS = ["/healthz", "/nothing", "/static/", "/static/css/", "/%00", "/api/v1/nothing"]


class SecureClient(Client):
    def generic(self, *args, **kwargs):
        return super().generic(*args, **{**kwargs, "secure": True})


@pytest.fixture
def secure(settings):
    """A client of a site with https."""
    settings.SECURE_SSL_REDIRECT = settings.HTTPS = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    return SecureClient()


@pytest.fixture
def responses(people, secure):
    """A response of every page, static files, errors and the API, by address."""
    secure.force_login(people["admin"])
    paths = [address(name, people["objects"]) for name in ROUTES]
    paths += [*STATIC, *OTHERS, reverse("admin:index"), "/api/v1/docs", "/api/v1/openapi.json"]
    paths += [f"{reverse('dashboards:person-list')}?as={kind}" for kind in ("csv", "xlsx")]
    answers = {path: secure.get(path) for path in paths}
    return answers | {
        "/api/v1/courses": Caller(people["admin"], client=secure).send("GET", "/courses")
    }


def test_every_response_tells_browsers_not_to_guess_or_frame_it(responses):
    for path, response in responses.items():
        policy = response.get("Content-Security-Policy", "")
        assert response.get("X-Content-Type-Options") == "nosniff", path
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "Access-Control-Allow-Origin" not in response, path


def test_pages_load_only_what_this_policy_allows(responses):
    policy = responses[reverse("academics:institute")]["Content-Security-Policy"]

    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self' https://wa.me https://api.whatsapp.com",
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
    }


def test_pages_are_bound_to_https_and_their_origin(responses):
    for path, response in responses.items():
        if path == "/healthz":  # asked by address and over http
            continue
        hsts = response.get("Strict-Transport-Security")
        assert hsts.startswith("max-age=31536000; includeSubDomains"), path
        assert response.get("Referrer-Policy") == "same-origin", path
        assert response.get("Cross-Origin-Resource-Policy") == "same-origin", path
        assert response.get("Cross-Origin-Embedder-Policy") == "require-corp", path
        assert "camera=(), microphone=()" in response.get("Permissions-Policy"), path


def test_every_response_with_content_names_its_type_and_charset(responses):
    for path, response in responses.items():
        kind = response.get("Content-Type", "")
        has_content = response.streaming or response.content
        assert kind or not has_content, path
        if kind.startswith("text/") and has_content:
            assert "charset=utf-8" in kind.lower().replace('"', ""), path


def test_personal_pages_are_not_stored(responses):
    for path, response in responses.items():
        # A logo never changes, and is no secret.
        is_logo = path.startswith("/logos/")
        if not is_logo and path not in (*STATIC, *OTHERS, "/api/v1/docs", "/api/v1/openapi.json"):
            assert "no-store" in response.get("Cache-Control", ""), path


def test_secret_links_are_not_for_search_engines(client):
    paths = ["/r/x/", "/R/x/", "/calendar/feed/7/x.ics", "/check-in/x/", "/accounts/invitation/x/"]
    for path in [*paths, "/accounts/reset/x/"]:
        assert client.get(path).get("X-Robots-Tag") == "noindex", path
    assert "X-Robots-Tag" not in client.get("/accounts/login/")


def test_there_are_no_directory_listings(responses):
    assert [responses[path].status_code for path in ("/static/", "/static/css/")] == [404, 404]


def test_exports_are_files_to_save(responses):
    exports = [path for path in responses if "?as=" in path]

    assert len(exports) == 2
    for path in exports:
        assert responses[path]["Content-Disposition"].startswith("attachment; filename="), path


def test_cookies_are_only_for_this_host_and_not_for_scripts(secure, people):
    secure.get(reverse("accounts:login"))
    sign_in = {"name": people["admin"].email, "password": PASSWORD}
    secure.post(reverse("accounts:login"), sign_in)
    secure.post(reverse("academics:holiday-create"), {"name": "Holi", "first": "2027-03-22"})

    names = {name.partition("-")[0] for name in secure.cookies}
    assert names == {site.SESSION_COOKIE_NAME, site.CSRF_COOKIE_NAME, "device"}
    for name, cookie in secure.cookies.items():
        assert (cookie["secure"], cookie["httponly"], cookie["path"]) == (True, True, "/"), name
        assert (cookie["samesite"], cookie["domain"]) == ("Lax", ""), name


def test_api_over_http_is_refused_not_redirected(settings, admin):
    settings.SECURE_SSL_REDIRECT = True
    page = Client().get(reverse("accounts:login"))
    call = Caller(admin).send("GET", "/courses")

    assert (page.status_code, page.url[:8]) == (301, "https://")
    assert (call.status_code, call.json()) == (
        403,
        {"message": "Use https. Renew a token that was sent."},
    )
