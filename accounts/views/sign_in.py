from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import throttling
from accounts.forms.second_factors import SecondStepForm
from accounts.forms.sign_in import SignInForm
from accounts.middleware import open_without_second_factor
from accounts.services import second_factors
from accounts.services.sign_in import open_session
from accounts.unsaved_input import posted_input, store_unsaved_input

#: Characters. Servers accept no longer address.
_MOST_OF_NEXT = 4000


def public_page(view):
    """Decorator for pages open to everybody. They take passwords: no caching, no error details."""
    return login_not_required(never_cache(sensitive_post_parameters()(throttling.throttled(view))))


def _wanted_page(request):
    wanted = request.POST.get("next", request.GET.get("next", ""))
    return wanted if len(wanted) <= _MOST_OF_NEXT else ""


def _after_sign_in(request):
    wanted = _wanted_page(request)
    if url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@public_page
def sign_in(request):
    form = SignInForm(request.POST or None, request=request)
    if not request.user.is_authenticated:
        if not form.is_valid():
            unsaved = posted_input(request)
            return sign_in_page(request, form, next=_wanted_page(request), unsaved=unsaved)
        return sign_in_person(request, form.user)
    return _enter(request, _after_sign_in(request), posted_input(request))


def sign_in_person(request, person):
    """Sign in a person whose password was right, or ask for their second factor first."""
    wanted, unsaved = _after_sign_in(request), posted_input(request)
    if second_factors.has_second_factor(person):
        second_factors.begin_second_step(request, person, next=wanted, unsaved=unsaved)
        return redirect("accounts:second-step")
    return _open_session(request, person, next=wanted, unsaved=unsaved)


def _open_session(request, person, *, next, unsaved, by_factor=False):
    if open_session(request, person, by_factor=by_factor):
        return _enter(request, next, unsaved)
    return _ask_for_the_password(request, next=next, unsaved=unsaved)


def _ask_for_the_password(request, **kwargs):
    messages.info(request, "Enter your name and password first.")
    return sign_in_page(request, **kwargs)


def _enter(request, wanted, unsaved):
    store_unsaved_input(request, wanted, unsaved)
    return HttpResponseRedirect(wanted)


@public_page
def second_step(request):
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    person, state = second_factors.second_step(request)
    if person is None:
        second_factors.end_second_step(request)
        return _ask_for_the_password(request, next=state["next"], unsaved=state["unsaved"])
    form = SecondStepForm(request.POST or None, request=request, person=person)
    if form.is_valid():
        second_factors.end_second_step(request)
        sent_on = {"next": state["next"], "unsaved": state["unsaved"]}
        return _open_session(request, person, by_factor=True, **sent_on)
    context = {"form": form, "unsaved": state["unsaved"]}
    return render(request, "accounts/sign_in/second_step.html", context)


def sign_in_page(request, form=None, *, next, unsaved):
    form = form or SignInForm(request=request)
    context = {
        "form": form,
        "next": next,
        "unsaved": unsaved,
        "registration_open": settings.REGISTRATION_OPEN,
    }
    return render(request, "accounts/sign_in/form.html", context)


@open_without_second_factor
@require_POST
def sign_out(request):
    logout(request)
    messages.success(request, "You are signed out.")
    response = redirect(settings.LOGOUT_REDIRECT_URL)
    # Not "cookies": Django deletes that of the session, and the device remains a known one.
    # Browsers obey it over https and on localhost. static/js/sign_out.js warns of unsaved marks.
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response
