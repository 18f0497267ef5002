"""Who is slipping: fetch, decide, render."""

from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from academics.models import Enrollment, Institute
from accounts import mails
from coachmaster.ground.listing import ROWS_A_PAGE, listing_of
from coachmaster.ground.reminders import Channel, RemindedAlready, RemindForm, tell_of_mails
from coachmaster.ground.tables import asked_form, table_answer

from . import shortage
from .reminders import remind


def shortage_list(request):
    """Who is short, on the edge, or has stayed away; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    user, institute = request.user, Institute.objects.current()
    filters = shortage.ShortageFilter(request.GET, user=user, institute=institute)
    presences = filters.narrow(shortage.presences_of(user).slipping(institute))
    found = shortage.judged(presences, institute)
    shown = filters.filter(found)
    if form := asked_form(request):
        ids = [row.pk for row in sorted(shown, key=shortage.SORTS["share"])]
        return table_answer("attendance-shortage", shortage.COLUMNS, shortage.all_watched(ids, institute), form=form)
    page = listing_of(request, shown, shortage.SORTS, default="share")
    rows = shortage.watched([row.pk for row in page], institute)
    may_remind = user.has_perm("attendance.add_reminder")
    return render(
        request,
        "attendance/shortage.html",
        {
            "filters": filters,
            "institute_settings": institute,
            "totals": shortage.Totals.of(found),
            "listing": page,
            "rows": rows,
            "may_remind": may_remind,
            "may_mail": may_remind and settings.SENDS_MAIL and any(row.student.email_to_write_to for row in rows),
        },
    )


# Reminders ------------------------------------------------------------------------------------------------------


@require_POST
def remind_by_whatsapp(request, pk):
    """One tap: the reminder is written down, and WhatsApp opens with the text."""
    enrollment = get_object_or_404(Enrollment.objects.visible_to(request.user).select_related("student__user"), pk=pk)
    back = reverse("attendance:shortage")
    try:
        notices = remind([pk], channel=Channel.WHATSAPP, by=request.user, again="again" in request.POST)
    except RemindedAlready as asked:
        return render(request, "_remind_again.html", {"recent": asked.notices, "back": back})
    if not notices:
        messages.error(
            request, f"{enrollment.student} is not short of attendance, or has no mobile number. Nobody was reminded."
        )
        return redirect(back)
    return HttpResponseRedirect(notices[0].link)


@require_POST
def remind_by_mail(request):
    """A mail to each family that was ticked."""
    back = f"{reverse('attendance:shortage')}?{request.GET.urlencode()}"
    if not settings.SENDS_MAIL:
        messages.error(request, "No mail goes out from here: the mail server is not set up.")
        return redirect(back)
    form = RemindForm(request.POST, name="enrollments", rows=Enrollment.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, f"Nobody was reminded. Tick up to {ROWS_A_PAGE} students of the list.")
        return redirect(back)
    ticked = form.ticked
    try:
        notices = remind([row.pk for row in ticked], channel=Channel.EMAIL, by=request.user, **form.choice)
    except RemindedAlready as asked:
        return render(request, "_remind_again.html", {"form": form, "recent": asked.notices, "back": back})
    institute = Institute.objects.for_page_heads()
    went_out = mails.send_each(
        [
            EmailMessage(f"Attendance of {notice.student} at {institute.name}", notice.text, to=[notice.email])
            for notice in notices
        ]
    )
    left_out = len(ticked) - len(notices)
    words = f", {left_out} left out (not short, no address, or reminded already)" if left_out else ""
    tell_of_mails(request, notices, went_out, left_out=words)
    return redirect(back)
