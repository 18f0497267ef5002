from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import render
from django.urls import reverse

from accounts import throttling
from accounts.forms.passwords import NewPasswordForm, PasswordResetForm
from accounts.models import User
from accounts.services import emails, invitations
from accounts.services.passwords import set_password

from .sign_in import public_page, sign_in_person


@public_page
def password_reset(request):
    form = PasswordResetForm(request.POST or None)
    if settings.SENDS_MAIL and form.is_valid():
        email = form.cleaned_data["email"]
        throttling.count_tries(
            (throttling.RESET_NAME, email),
            (throttling.RESET_ADDRESS, throttling.client_address(request)),
        )
        return emails.RedirectAndSend(
            reverse("accounts:password-reset-done"), compose=lambda: _reset_email(email)
        )
    return render(
        request, "accounts/passwords/reset.html", {"form": form, "sends_mail": settings.SENDS_MAIL}
    )


def _reset_email(email):
    person = User.objects.filter(email=email, is_active=True).first()
    return person and emails.password_reset_email(person, invitations.reset_link(person))


@public_page
def password_reset_done(request):
    return render(request, "accounts/passwords/reset_done.html")


@public_page
def password_reset_confirm(request, token):
    return _set_password(request, invitations.resetting_person(token))


@public_page
def invitation(request, token):
    return _set_password(request, invitations.invited_person(token))


def _set_password(request, person):
    if person is None:
        return _link_expired(request)
    form = NewPasswordForm(request.POST or None, user=person)
    if form.is_valid():
        try:
            set_password(person, form.cleaned_data["password"])
        except ValidationError:
            return _link_expired(request)  # used by another request meanwhile
        messages.success(request, "Password set.")
        return sign_in_person(request, person)
    return render(request, "accounts/passwords/set.html", {"form": form, "person": person})


def _link_expired(request):
    context = {"sends_mail": settings.SENDS_MAIL}
    return render(request, "accounts/passwords/link_expired.html", context, status=404)
