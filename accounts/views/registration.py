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
                address=throttling.client_address(request), **form.person_fields
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            login(request, person)
            number = person.student_profile.admission_number
            messages.success(request, f"Welcome, {person}. Your admission number is {number}.")
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/registration/form.html", {"form": form})
