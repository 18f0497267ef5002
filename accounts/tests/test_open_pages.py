from django.urls import URLPattern, get_resolver

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
