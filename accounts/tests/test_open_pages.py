import pytest
from django.contrib.sessions.models import Session
from django.urls import URLPattern, get_resolver, reverse

OPEN = {
    "accounts:login",
    "accounts:second-step",
    "accounts:register",
    "accounts:password-reset",
    "accounts:password-reset-done",
    "accounts:password-reset-confirm",
    "accounts:invitation",
    "finance:receipt-check",
    "academics:calendar-feed",
    "attendance:check-in-scan",
}


def routes(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name}", pattern.callback
        else:
            namespace = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from routes(pattern, prefix + namespace)


def test_only_these_pages_are_open():
    opened = {
        name for name, view in routes(get_resolver()) if not getattr(view, "login_required", True)
    }
    # The JSON API looks at no session; who may call what stands in a table of its own.
    found = {name for name in opened if not name.startswith("api")}

    assert found == OPEN
    assert len(found) <= 11


ARGUMENTS = {
    "accounts:password-reset-confirm": ["token"],
    "accounts:invitation": ["token"],
    "finance:receipt-check": ["token"],
    "academics:calendar-feed": [1, "token"],
    "attendance:check-in-scan": ["token"],
}


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(OPEN))
def test_visitors_fill_no_table_of_sessions(client, settings, name, method):
    settings.REGISTRATION_OPEN = settings.SENDS_MAIL = True
    sent = {"name": "x", "password": "x", "email": "x@example.com", "typed": "x", "next": "/"}

    getattr(client, method)(reverse(name, args=ARGUMENTS.get(name)), sent)

    assert not Session.objects.exists()
