from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import known_devices
from accounts.forms.passwords import PasswordChangeForm
from accounts.forms.people import ProfileForm
from accounts.models import CalendarLink, User
from accounts.services import calendar_links
from accounts.services.passwords import set_password
from accounts.services.people import update_person
from accounts.services.sessions import continue_session
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page


def me(request):
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if form.is_valid():
        try:
            update_person(request.user, by=request.user, **form.person)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Name and phone saved.")
            return redirect("accounts:me")
    link = CalendarLink.objects.filter(user=request.user).first()
    return render(
        request,
        "accounts/profile/detail.html",
        {
            "form": form,
            "calendar_link": link,
            "calendar_token": link and calendar_links.link_token(link),
        },
    )


@require_POST
def calendar_link_renew(request):
    had_link = CalendarLink.objects.filter(user=request.user).exists()
    calendar_links.renew_link(request.user)
    message = "New link created. The old link no longer works." if had_link else "Link created."
    messages.success(request, message)
    return redirect(f"{reverse('accounts:me')}#calendar")


@sensitive_post_parameters()
def password_change(request):
    form = PasswordChangeForm(request.POST or None, request=request)
    if form.is_valid():
        try:
            set_password(request.user, form.cleaned_data["password"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            update_session_auth_hash(request, request.user)
            known_devices.remember(request, request.user)
            continue_session(request)
            message = "Password changed. You were signed out on all other devices."
            messages.success(request, message)
            return redirect("accounts:me")
    return form_page(
        request,
        form,
        title="Change your password",
        submit="Change password",
        back=reverse("accounts:me"),
        back_label="My account",
    )
