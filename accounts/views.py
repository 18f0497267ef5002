"""Signing in and one's own account: fetch, decide, render. The pages about other people are in `people`."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from coachmaster.core.forms import show_refusal

from . import calendar_links, expired, invitations, mails, services, throttling
from .forms import NewPasswordForm, OwnDetailsForm, PasswordChangeForm, RegisterForm, ResetForm, SignInForm
from .models import ApiToken, CalendarLink, User


def open_page(view):
    """A page for people who are not signed in; it takes passwords, so neither caches nor error reports keep any of it."""
    return login_not_required(never_cache(sensitive_post_parameters()(throttling.slowed(view))))


def _after_sign_in(request):
    """Where a person wanted to go, when that is a page of ours; else their dashboard."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@open_page
def sign_in(request):
    form = SignInForm(request.POST or None, request=request)
    if not request.user.is_authenticated:
        if not form.is_valid():
            wanted = request.POST.get("next", request.GET.get("next", ""))
            return sign_in_page(request, form, next=wanted, typed=request.POST.get("typed", ""))
        login(request, form.user)
    wanted = _after_sign_in(request)
    expired.keep_typed(request, wanted)
    return HttpResponseRedirect(wanted)


def sign_in_page(request, form=None, *, next, typed):
    """The page to sign in, and to go to ``next`` then; what was ``typed`` there goes along."""
    form = form or SignInForm(request=request)
    context = {"form": form, "next": next, "typed": typed, "registration_open": settings.REGISTRATION_OPEN}
    return render(request, "accounts/sign_in.html", context)


@require_POST
def sign_out(request):
    logout(request)
    messages.success(request, "You are logged out.")
    return redirect(settings.LOGOUT_REDIRECT_URL)


@open_page
def register(request):
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if not settings.REGISTRATION_OPEN:
        return render(request, "accounts/registration_closed.html", status=404)
    form = RegisterForm(request.POST or None)
    if form.is_valid():
        try:
            person = services.register(
                address=throttling.client_address(request),
                full_name=form.cleaned_data["full_name"],
                email=form.cleaned_data["email"],
                phone=form.cleaned_data["phone"],
                password=form.cleaned_data["password"],
            )
        except ValidationError as error:
            show_refusal(form, error)
        else:
            login(request, person)
            messages.success(
                request, f"Welcome, {person}. Your admission number is {person.student_profile.admission_number}."
            )
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/register.html", {"form": form})


# One's own account ----------------------------------------------------------------------------------------------


def me(request):
    form = OwnDetailsForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if form.is_valid():
        services.update_person(request.user, **form.person)
        messages.success(request, "Your name and phone are saved.")
        return redirect("accounts:me")
    link = CalendarLink.objects.filter(user=request.user).first()
    return render(
        request,
        "accounts/me.html",
        {
            "form": form,
            "tokens": ApiToken.objects.in_force().filter(user=request.user),
            "calendar_link": link,
            "calendar_token": link and calendar_links.token_of(link),
        },
    )


@require_POST
def calendar_link_renew(request):
    had_one = CalendarLink.objects.filter(user=request.user).exists()
    calendar_links.renew(request.user)
    said = "The link to your calendar is new; the old one is dead." if had_one else "The link to your calendar is made."
    messages.success(request, said)
    return redirect(f"{reverse('accounts:me')}#calendar")


@require_POST
def token_revoke(request, pk):
    get_object_or_404(ApiToken, pk=pk, user=request.user).delete()
    messages.success(request, "The program is signed out.")
    return redirect("accounts:me")


@sensitive_post_parameters()
def password_change(request):
    form = PasswordChangeForm(request.POST or None, request=request)
    if form.is_valid():
        services.set_password(request.user, form.cleaned_data["password"])
        update_session_auth_hash(request, request.user)
        messages.success(request, "Your password is changed. Wherever else you were signed in, you are logged out.")
        return redirect("accounts:me")
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": "Change your password",
            "submit": "Change password",
            "back": reverse("accounts:me"),
            "back_label": "My account",
        },
    )


# Links to set a password ----------------------------------------------------------------------------------------


@open_page
def password_reset(request):
    form = ResetForm(request.POST or None)
    if settings.SENDS_MAIL and form.is_valid():
        email = form.cleaned_data["email"]
        throttling.count((throttling.RESET_NAME, email), (throttling.RESET_ADDRESS, throttling.client_address(request)))
        person = User.objects.filter(email=email, is_active=True).first()
        answer = mails.RedirectThenSend(reverse("accounts:password-reset-done"))
        if person:
            answer.message = mails.reset(person, _reset_link(request, person))
        return answer
    return render(request, "accounts/password_reset.html", {"form": form, "sends_mail": settings.SENDS_MAIL})


def _reset_link(request, person):
    uidb64 = urlsafe_base64_encode(str(person.pk).encode())
    token = default_token_generator.make_token(person)
    return request.build_absolute_uri(reverse("accounts:password-reset-confirm", args=[uidb64, token]))


@open_page
def password_reset_done(request):
    return render(request, "accounts/password_reset_done.html")


@open_page
def password_reset_confirm(request, uidb64, token):
    try:
        person = User.objects.filter(pk=int(urlsafe_base64_decode(uidb64)), is_active=True).first()
    except (ValueError, OverflowError):
        person = None
    if person and not default_token_generator.check_token(person, token):
        person = None
    return _set_password(request, person)


@open_page
def invitation(request, token):
    return _set_password(request, invitations.person_invited_by(token))


def _set_password(request, person):
    """The page behind a link: it sets the password of ``person``, for whom the link vouches, and signs them in."""
    if person is None:
        return render(request, "accounts/link_over.html", {"sends_mail": settings.SENDS_MAIL}, status=404)
    form = NewPasswordForm(request.POST or None, user=person)
    if form.is_valid():
        services.set_password(person, form.cleaned_data["password"])
        login(request, person)
        messages.success(request, "Your password is set, and you are signed in.")
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/set_password.html", {"form": form, "person": person})
