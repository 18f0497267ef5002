import datetime
import secrets

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from attendance.models import CheckIn, Sheet
from attendance.services import check_in as services
from attendance.services.sheets import (
    attendance_batch_or_404,
    day_schedule,
    enrolled_count,
    reason_not_allowed,
)
from coachmaster.core.qr import qr_svg

_TICKET, _DEVICE = "check-in", "device"
_DEVICE_COOKIE = "__Host-check-in" if settings.HTTPS else "check-in"
_ONE_YEAR = 365 * 24 * 3600


def _institute_or_404():
    institute = Institute.objects.current()
    if not institute.check_in_by_code:
        raise Http404
    return institute


def instructor_page(request, pk):
    context = _instructor_context(request, pk)
    return render(request, "attendance/check_in/instructor.html", context)


def instructor_page_part(request, pk):
    return render(request, "attendance/check_in/_code.html", _instructor_context(request, pk))


def _instructor_context(request, pk):
    institute, today, now = _institute_or_404(), timezone.localdate(), timezone.now()
    batch = attendance_batch_or_404(request.user, pk)
    schedule = day_schedule(batch, today)
    reason = reason_not_allowed(batch, today, today=today, schedule=schedule, user=request.user)
    classes = [] if reason else services.held_classes(schedule)
    current = services.current_class(classes, now)
    starts = [services.at_time(today, scheduled.slot.starts_at) for scheduled in classes]
    next_start = next((start for start in starts if start > now), None)
    sheet = Sheet.objects.filter(batch=batch, held_on=today).first()
    context = {
        "batch": batch,
        "today": today,
        "reason": reason,
        "current": current,
        "opens_at": next_start and next_start - services.EARLY,
        "early_minutes": services.EARLY // datetime.timedelta(minutes=1),
        "late_after": institute.late_after_minutes,
        "sheet": sheet,
        "seconds": services.CODE_SECONDS,
    }
    if current and not (sheet and not sheet.is_open):
        code = services.make_code(batch, today, request.user)
        url = request.build_absolute_uri(reverse("attendance:check-in-scan", args=[code]))
        check_ins = CheckIn.objects.filter(sheet=sheet).select_related("student__user")
        context |= {
            "code": qr_svg(url, title="QR code to check in to this class"),
            "check_ins": check_ins if sheet else [],
            "enrolled": enrolled_count(batch, today),
        }
    return context


@login_not_required
def scan(request, token):
    """Exchange a scanned code for a ticket in the session, which survives signing in."""
    _institute_or_404()
    try:
        request.session[_TICKET] = services.read_code(token).for_session()
    except services.CheckInRefused as error:
        return render(
            request, "attendance/check_in/student.html", {"refusal": error.message}, status=410
        )
    return redirect("attendance:check-in")


def check_in(request):
    """Ask before checking in, so that following a link alone marks nobody."""
    _institute_or_404()
    if not request.user.is_student:
        raise PermissionDenied
    ticket = services.Ticket.from_session(request.session.get(_TICKET))
    device = request.get_signed_cookie(_DEVICE_COOKIE, default="", salt=_DEVICE)
    if ticket and request.method == "POST":
        return _check_in(request, ticket, device)
    context, new_device = {}, ""
    if ticket is None:
        context["refusal"] = "Scan the code that your instructor shows with your phone’s camera."
    else:
        new_device = device or secrets.token_urlsafe(16)
        try:
            context["batch"], context["status"] = services.check_allowed(
                ticket, request.user.student_profile, new_device
            )
        except services.CheckInRefused as error:
            context["refusal"] = error.message
    response = render(request, "attendance/check_in/student.html", context)
    if new_device and not device:
        _set_device(response, new_device)
    return response


def _check_in(request, ticket, device):
    student = request.user.student_profile
    try:
        done = services.check_in(ticket, student, device)
    except services.CheckInRefused as error:
        return render(request, "attendance/check_in/student.html", {"refusal": error.message})
    del request.session[_TICKET]
    at = timezone.localtime(done.at)
    messages.success(
        request,
        f"Checked in to {done.sheet.batch} at {at:%H:%M}: {done.get_status_display().lower()}.",
    )
    return redirect("attendance:student-attendance", student.pk)


def _set_device(response, device):
    response.set_signed_cookie(
        _DEVICE_COOKIE,
        device,
        salt=_DEVICE,
        max_age=_ONE_YEAR,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
