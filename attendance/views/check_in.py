"""Check-in by code: the instructor's screen, and the page that a scanned code leads to."""

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
from attendance.services import check_in as codes
from attendance.services.sheets import (
    attendance_batch_or_404,
    day_schedule,
    enrolled_count,
    reason_not_allowed,
)
from coachmaster.core.qr import qr_svg

_TICKET, _DEVICE = "check-in", "device"
_A_YEAR = 365 * 24 * 3600


def _switched_on():
    """Raises Http404 where the institute does without."""
    institute = Institute.objects.current()
    if not institute.check_in_by_code:
        raise Http404
    return institute


# The instructor's screen ----------------------------------------------------------------------------------------


def instructor_page(request, pk):
    """The code of the class that is on, and who has arrived."""
    return render(request, "attendance/check_in/screen.html", _screen(request, pk))


def instructor_page_part(request, pk):
    """The part of the screen that changes."""
    return render(request, "attendance/check_in/_now.html", _screen(request, pk))


def _screen(request, pk):
    institute, today, now = _switched_on(), timezone.localdate(), timezone.now()
    batch = attendance_batch_or_404(request.user, pk)
    schedule = day_schedule(batch, today)
    sentence = reason_not_allowed(batch, today, today=today, schedule=schedule, user=request.user)
    classes = [] if sentence else codes.held_classes(schedule)
    one = codes.current_class(classes, now)
    coming = [later for later in classes if codes.at_time(today, later.slot.starts_at) > now]
    sheet = Sheet.objects.filter(batch=batch, held_on=today).first()
    context = {
        "batch": batch,
        "today": today,
        "sentence": sentence,
        "one": one,
        "opens_at": coming and codes.at_time(today, coming[0].slot.starts_at) - codes.EARLY,
        "late_after": institute.late_after_minutes,
        "sheet": sheet,
        "seconds": codes.CODE_SECONDS,
    }
    if one and not (sheet and not sheet.is_open):
        code = codes.make_code(batch, today, request.user)
        address = request.build_absolute_uri(reverse("attendance:check-in-scan", args=[code]))
        context |= {
            "code": qr_svg(address, title="QR code to check in to this class"),
            "arrived": CheckIn.objects.filter(sheet=sheet).select_related("student__user")
            if sheet
            else [],
            "expected": enrolled_count(batch, today),
        }
    return context


# The student's page ---------------------------------------------------------------------------------------------


@login_not_required
def scan(request, token):
    """What the code leads to: it is exchanged for a ticket in the session, which waits while its owner signs in."""
    _switched_on()
    try:
        request.session[_TICKET] = codes.read_code(token).kept
    except codes.CheckInRefused as refusal:
        return render(
            request, "attendance/check_in/student.html", {"refusal": refusal.message}, status=410
        )
    return redirect("attendance:check-in")


def check_in(request):
    """The student's own yes. Asks first, so that a link alone marks nobody."""
    _switched_on()
    if not request.user.is_student:
        raise PermissionDenied
    student, ticket = request.user.student_profile, codes.Ticket.of(request.session.get(_TICKET))
    device = request.get_signed_cookie(_DEVICE, default="", salt=_DEVICE)
    context, new_device = {}, ""
    if ticket is None:
        context["refusal"] = (
            "Scan the code that your instructor shows, with the camera of your phone."
        )
    elif request.method == "POST":
        try:
            done = codes.check_in(ticket, student, device)
        except codes.CheckInRefused as refusal:
            context["refusal"] = refusal.message
        else:
            del request.session[_TICKET]
            at = timezone.localtime(done.at)
            messages.success(
                request,
                f"Checked in to {done.sheet.batch} at {at:%H:%M}: {done.get_status_display().lower()}.",
            )
            return redirect("attendance:student-attendance", student.pk)
    else:
        new_device = device or secrets.token_urlsafe(16)
        try:
            context["batch"], context["status"] = codes.check_allowed(ticket, student, new_device)
        except codes.CheckInRefused as refusal:
            context["refusal"] = refusal.message
    answer = render(request, "attendance/check_in/student.html", context)
    if new_device and not device:
        answer.set_signed_cookie(
            _DEVICE,
            new_device,
            salt=_DEVICE,
            max_age=_A_YEAR,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
    return answer
