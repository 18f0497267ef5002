from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import throttling
from accounts.forms.sign_in import SignInForm
from accounts.unsaved_input import store_unsaved_input


def public_page(view):
    """Decorator for pages open to everybody. They take passwords: no caching, no error details."""
    return login_not_required(never_cache(sensitive_post_parameters()(throttling.throttled(view))))


def _after_sign_in(request):
    wanted = request.POST.get("next", request.GET.get("next", ""))
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
            wanted = request.POST.get("next", request.GET.get("next", ""))
            unsaved = request.POST.get("typed", "")
            return sign_in_page(request, form, next=wanted, unsaved=unsaved)
        login(request, form.user)
    wanted = _after_sign_in(request)
    store_unsaved_input(request, wanted)
    return HttpResponseRedirect(wanted)


def sign_in_page(request, form=None, *, next, unsaved):
    form = form or SignInForm(request=request)
    context = {
        "form": form,
        "next": next,
        "unsaved": unsaved,
        "registration_open": settings.REGISTRATION_OPEN,
    }
    return render(request, "accounts/sign_in/form.html", context)


@require_POST
def sign_out(request):
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect(settings.LOGOUT_REDIRECT_URL)
