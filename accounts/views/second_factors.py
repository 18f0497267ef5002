"""A person's own second factors, and those that an Admin removes."""

import base64

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from accounts.forms.confirmation import ConfirmedForm
from accounts.forms.second_factors import (
    AppForm,
    AppReplaceForm,
    FactorChangeForm,
    PasskeyForm,
    PasskeyNameForm,
)
from accounts.middleware import open_without_second_factor
from accounts.models import User
from accounts.services import passkeys, second_factors
from accounts.services.sign_in import is_confirmed, record_confirmation
from coachmaster.core.forms import add_errors
from coachmaster.core.qr import qr_svg
from coachmaster.core.views import form_page

_NEW_KEY, _NEW_CODES, _NEW_NAME = "new_app_key", "new_recovery_codes", "new_passkey_name"


def _set_up_page(view):
    """Decorator for the pages that a person needs who must set up a second factor."""
    return open_without_second_factor(sensitive_post_parameters()(view))


def _form_page(request, form, **kwargs):
    back = reverse("accounts:second-factor")
    return form_page(request, form, back=back, back_label="Second factor", **kwargs)


@_set_up_page
def second_factor(request):
    context = {
        "app": TOTPDevice.objects.devices_for_user(request.user, confirmed=True).first(),
        "passkeys": passkeys.passkeys_of(request.user),
        "codes_left": second_factors.recovery_codes_left(request.user),
        "must_set_up": second_factors.must_set_up(request.user),
    }
    return render(request, "accounts/second_factors/detail.html", context)


def _after_adding(request, message, codes):
    record_confirmation(request, by_factor=True)
    messages.success(request, message)
    if not codes:
        return redirect("accounts:second-factor")
    request.session[_NEW_CODES] = codes
    return redirect("accounts:recovery-codes")


# Authenticator app -------------------------------------------------------------------------------


@_set_up_page
def app_add(request):
    if request.method == "GET" or _NEW_KEY not in request.session:
        request.session[_NEW_KEY] = default_key()  # one that somebody saw before is not used
    key = request.session[_NEW_KEY]
    has_app = TOTPDevice.objects.devices_for_user(request.user, confirmed=True).exists()
    form_class = AppReplaceForm if has_app else AppForm
    form = form_class(request.POST or None, request=request)
    if form.is_valid():
        try:
            codes = second_factors.add_app(request, key=key, code=form.cleaned_data["code"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            del request.session[_NEW_KEY]
            return _after_adding(request, "Your authenticator app is set up.", codes)
    device = TOTPDevice(user=request.user, key=key)
    secret = base64.b32encode(device.bin_key).decode()
    return _form_page(
        request,
        form,
        title="Set up an authenticator app",
        template="accounts/second_factors/app.html",
        submit="Confirm",
        context={
            "qr": qr_svg.__wrapped__(device.config_url, title="QR code for the authenticator app"),
            "secret": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
            "link": device.config_url,
        },
    )


@_set_up_page
def app_remove(request):
    get_object_or_404(TOTPDevice, user=request.user, confirmed=True)
    return _remove_page(
        request,
        lambda: second_factors.remove_app(request.user),
        title="Remove the authenticator app",
        message="Your authenticator app was removed.",
    )


def _remove_page(request, remove, *, title, message):
    form = FactorChangeForm(request.POST or None, request=request)
    if form.is_valid():
        remove()
        messages.success(request, message)
        return redirect("accounts:second-factor")
    lead = "From then on, signing in does not ask for it."
    return _form_page(request, form, title=title, lead=lead, submit="Remove")


# Recovery codes ----------------------------------------------------------------------------------


@_set_up_page
def recovery_codes(request):
    """Show new codes once."""
    codes = request.session.pop(_NEW_CODES, None)
    if codes is None:
        return redirect("accounts:second-factor")
    return render(request, "accounts/second_factors/recovery_codes.html", {"codes": codes})


@_set_up_page
def recovery_codes_renew(request):
    if not second_factors.has_second_factor(request.user):
        raise PermissionDenied("Set up an authenticator app or a passkey first.")
    form = FactorChangeForm(request.POST or None, request=request)
    if form.is_valid():
        request.session[_NEW_CODES] = second_factors.renew_recovery_codes(request.user)
        return redirect("accounts:recovery-codes")
    return _form_page(
        request,
        form,
        title="Make new recovery codes",
        lead="The old codes stop working.",
        submit="Make new codes",
    )


# Passkeys ----------------------------------------------------------------------------------------


@_set_up_page
def passkey_add(request):
    """Ask for a name, then let the browser create the passkey and send it in `answer`."""
    if name := ("answer" in request.POST and request.session.get(_NEW_NAME)):
        return _create_passkey(request, name)
    form = PasskeyForm(request.POST or None, request=request)
    if not form.is_valid():
        return _form_page(
            request,
            form,
            title="Add a passkey",
            lead="Your device asks for your fingerprint, face or PIN instead of a code.",
            submit="Continue",
        )
    request.session[_NEW_NAME] = form.cleaned_data["name"]
    context = {"name": form.cleaned_data["name"], "options": passkeys.options_to_create(request)}
    return render(request, "accounts/second_factors/passkey_create.html", context)


def _create_passkey(request, name):
    del request.session[_NEW_NAME]
    if not is_confirmed(request):
        messages.error(request, "That took longer than ten minutes. Start again.")
        return redirect("accounts:passkey-add")
    try:
        codes = second_factors.add_passkey(request, name=name, answer=request.POST["answer"])
    except ValidationError as error:
        messages.error(request, error.message)
        return redirect("accounts:passkey-add")
    return _after_adding(request, f"The passkey {name} is set up.", codes)


def _own_passkey(request, pk):
    return get_object_or_404(passkeys.passkeys_of(request.user), pk=pk)


@_set_up_page
def passkey_update(request, pk):
    passkey = _own_passkey(request, pk)
    form = PasskeyNameForm(request.POST or None, initial={"name": passkey.name})
    if form.is_valid():
        passkeys.rename(passkey, form.cleaned_data["name"])
        messages.success(request, "Name saved.")
        return redirect("accounts:second-factor")
    return _form_page(request, form, title=f"Rename {passkey.name}")


@_set_up_page
def passkey_remove(request, pk):
    passkey = _own_passkey(request, pk)
    return _remove_page(
        request,
        lambda: second_factors.remove_passkey(request.user, passkey),
        title=f"Remove the passkey {passkey.name}",
        message=f"The passkey {passkey.name} was removed.",
    )


# Other people ------------------------------------------------------------------------------------


def person_second_factor_remove(request, pk):
    people = User.objects.visible_to(request.user).for_page(request.user)
    person = get_object_or_404(people, pk=pk)
    if not person.is_manageable or person.pk == request.user.pk:
        raise PermissionDenied
    form = ConfirmedForm(request.POST if request.method == "POST" else None, request=request)
    if form.is_valid():
        if second_factors.remove_second_factor(person):
            messages.success(request, f"{person} was signed out, and needs only the password now.")
        else:
            messages.info(request, f"{person} has no second factor.")
        return redirect(person)
    return form_page(
        request,
        form,
        title=f"Remove the second factor of {person}",
        lead="For somebody who lost the phone and the recovery codes. Make sure that it is them: "
        "call them, or see them.",
        submit="Remove",
        back=person.get_absolute_url(),
        back_label=str(person),
    )
