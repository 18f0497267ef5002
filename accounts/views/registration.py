from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from accounts import throttling
from accounts.forms.registration import RegistrationForm
from accounts.services import registration
from coachmaster.core.forms import add_errors

from .sign_in import public_page


@public_page
def register(request):
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if not settings.REGISTRATION_OPEN:
        return render(request, "accounts/registration/closed.html", status=404)
    form = RegistrationForm(request.POST or None)
    if form.is_valid():
        try:
            person = registration.register(
                address=throttling.client_address(request),
                full_name=form.cleaned_data["full_name"],
                email=form.cleaned_data["email"],
                phone=form.cleaned_data["phone"],
                password=form.cleaned_data["password"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            login(request, person)
            messages.success(
                request,
                f"Welcome, {person}. Your admission number is {person.student_profile.admission_number}.",
            )
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/registration/form.html", {"form": form})
