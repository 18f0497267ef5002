from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path
from ninja import NinjaAPI

from accounts.models import User
from accounts.tokens import Token
from coachmaster.api import by_token_only
from coachmaster.core.api import ApiResponse

#: The session key with the user's id, for the floor.
SESSION_USER = "user_id"
TEMPLATE = "<!doctype html><title>Floor</title><p>Hello, {{ name }}</p>"


@login_not_required
def floor(request):
    """Load a session and its user as Django does, and render a small template."""
    session = SessionStore(request.COOKIES[settings.SESSION_COOKIE_NAME])
    user = User.objects.get(pk=session[SESSION_USER])
    return HttpResponse(engines["django"].from_string(TEMPLATE).render({"name": user.full_name}))


calls = NinjaAPI(urls_namespace="floor", docs_url=None, openapi_url=None)


@calls.get("", auth=Token())
def call_floor(request):
    return ApiResponse({"message": "Hello"})


(_call,) = (entry for entry in calls.urls[0] if entry.name != "api-root")
urlpatterns = [
    path("floor/", floor),
    path("api/floor", by_token_only(_call.callback)),
    path("", include("coachmaster.urls")),
]
