from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from coachmaster.core.logs import set_user
from coachmaster.core.outages import is_outage

from . import known_devices
from .services import second_factors
from .services.sessions import record_use
from .unsaved_input import unsaved_input


class EndedSessionMiddleware(SessionMiddleware):
    """Lead to the sign-in page if the session was ended while the request was running."""

    def process_response(self, request, response):
        try:
            return super().process_response(request, response)
        except SessionInterrupted as error:
            if is_outage(error):
                raise
            return redirect_to_login(request.path)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Carry the unsaved input of a form to the sign-in page; scripts keep theirs."""

    def process_view(self, request, view_func, view_args, view_kwargs):
        if getattr(view_func, "login_required", True) and request.user.is_authenticated:
            set_user(request.user)
            record_use(request)
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request, view_func):
        by_script = request.headers.get("X-Requested-With") == "fetch"
        if not by_script and (text := unsaved_input(request, view_func)):
            return _sign_in_page(request, next=request.path, unsaved=text)
        return super().handle_no_permission(request, view_func)


def open_without_second_factor(view):
    view.open_without_second_factor = True
    return view


def second_factor_required(get_response):
    """Lead people who must set up a second factor to the page for it, from every other page."""

    def middleware(request):
        return get_response(request)

    def process_view(request, view, args, kwargs):
        if (
            not request.user.is_authenticated
            or getattr(view, "open_without_second_factor", False)
            or not getattr(view, "login_required", True)
            or not second_factors.must_set_up(request.user)
        ):
            return None
        return redirect("accounts:second-factor")

    middleware.process_view = process_view
    return middleware


@never_cache
@sensitive_post_parameters()
def _sign_in_page(request, **context):
    from accounts.views.sign_in import sign_in_page

    return sign_in_page(request, **context)


def remember_device(get_response):
    """Set the cookies of a known device after a sign-in or a new password."""

    def middleware(request):
        response = get_response(request)
        if person := getattr(request, "signed_in_person", None):
            known_devices.set_cookies(request, response, person)
        return response

    return middleware
