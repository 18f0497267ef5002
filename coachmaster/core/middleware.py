from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponseNotAllowed

from .api import STATUS_MESSAGES, ApiResponse
from .logs import is_secret_link


def browser_policies(get_response):
    def middleware(request):
        response = get_response(request)
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Cross-Origin-Embedder-Policy"] = "require-corp"
        response["Permissions-Policy"] = (
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        # Static files are answered before, and stay cacheable.
        response.setdefault("Cache-Control", "no-store")
        if is_secret_link(request.path):
            response["X-Robots-Tag"] = "noindex"
        return response

    return middleware


def json_under_api(get_response):
    """Answer errors under /api/ in JSON, those raised before an operation too."""

    def middleware(request):
        response = get_response(request)
        if (
            response.status_code >= 400
            and request.path.startswith("/api/")
            and not _is_json(response)
        ):
            message = STATUS_MESSAGES.get(response.status_code, STATUS_MESSAGES[400])
            return ApiResponse({"message": message}, response.status_code)
        return response

    return middleware


def _is_json(response):
    return response.get("Content-Type", "").startswith("application/json")


PAGE_METHODS = ["GET", "HEAD", "POST"]
API_METHODS = [*PAGE_METHODS, "PUT", "PATCH", "DELETE", "OPTIONS"]


def api_needs_https(get_response):
    """Refuse calls of the API over http, if the site has https."""

    def middleware(request):
        is_insecure = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if is_insecure and request.path.startswith("/api/"):
            return ApiResponse({"message": "Use https. Renew a token that was sent."}, 403)
        return get_response(request)

    return middleware


def refuse_methods(get_response):
    """Refuse TRACE and every method that no page has; most views would take it for GET."""

    def middleware(request):
        methods = API_METHODS if request.path.startswith("/api/") else PAGE_METHODS
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        return get_response(request)

    return middleware


def refuse_nul(get_response):
    """Refuse URLs with a NUL character, which PostgreSQL cannot store."""

    def middleware(request):
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains a NUL character.")
        return get_response(request)

    return middleware
