from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.services.devices import other_devices
from coachmaster.core.logs import log_event

from .confirmation import asks_again
from .people import manageable_person


def device_list(request):
    devices = list(request.user.devices.signed_in())
    context = {
        "devices": devices,
        "has_others": len(devices) > 1,
        "has_programs": any(device.token_id for device in devices),
    }
    return render(request, "accounts/devices/list.html", context)


@require_POST
@asks_again()
def device_sign_out(request, pk):
    devices = other_devices(request, request.user)
    device = get_object_or_404(devices, pk=pk)
    devices.filter(pk=pk).sign_out()
    log_event("devices signed out", account=request.user.pk)
    messages.success(request, f"{device.description} was signed out.")
    return redirect("accounts:device-list")


@require_POST
@asks_again()
def sign_out_others(request):
    other_devices(request, request.user).sign_out()
    log_event("devices signed out", account=request.user.pk)
    messages.success(request, "You were signed out everywhere else.")
    return redirect("accounts:device-list")


@require_POST
def person_sign_out(request, pk):
    person = manageable_person(request, pk)
    other_devices(request, person).sign_out()
    log_event("devices signed out", account=person.pk)
    messages.success(request, f"{person} was signed out everywhere.")
    return redirect(person)
