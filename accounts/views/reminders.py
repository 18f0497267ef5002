"""The views by which families are reminded from a list, whatever the reminders are about."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.services import emails
from coachmaster.core.pagination import PAGE_SIZE
from coachmaster.core.reminders import Channel, RecentlyReminded, ReminderForm


@dataclass(frozen=True)
class ReminderKind:
    """What an app's reminders are about: the last argument of the two views, given in its `urls.py`."""

    #: The URL name of the list, and the name of its ticked rows.
    list_page: str
    rows_name: str
    #: The rows that a user may see, one of them by its id (or Http404), and the student of a row.
    rows: Callable
    row_or_404: Callable
    student_of: Callable
    #: Writes the reminders down and returns the notices to send.
    remind: Callable
    #: Why a student is not reminded, and why some of those ticked are not.
    reason: str
    reasons: str


@require_POST
def remind_by_whatsapp(request, pk, kind):
    """One tap: the reminder is written down, and WhatsApp opens with the text."""
    row = kind.row_or_404(request.user, pk)
    return open_whatsapp(
        request,
        lambda **again: kind.remind([pk], channel=Channel.WHATSAPP, by=request.user, **again),
        back=reverse(kind.list_page),
        otherwise=f"{kind.student_of(row)} {kind.reason}. Nobody was reminded.",
    )


def open_whatsapp(request, remind, *, back, otherwise):
    """Redirect to WhatsApp with the text of the notice that ``remind(again=…)`` returns in a list.

    Ask first if the family was reminded a few days ago. Without a notice, show the sentence ``otherwise``.
    """
    try:
        notices = remind(again="again" in request.POST)
    except RecentlyReminded as asked:
        return render(
            request, "includes/remind_again.html", {"recent": asked.notices, "back": back}
        )
    if not notices:
        messages.error(request, otherwise)
        return redirect(back)
    return HttpResponseRedirect(notices[0].whatsapp_url)


@require_POST
def remind_by_email(request, kind):
    """Send a mail to each family that was ticked."""
    back = f"{reverse(kind.list_page)}?{request.GET.urlencode()}"
    if not settings.SENDS_MAIL:
        messages.error(request, "No mail goes out from here: the mail server is not set up.")
        return redirect(back)
    form = ReminderForm(request.POST, name=kind.rows_name, rows=kind.rows(request.user))
    if not form.is_valid():
        messages.error(
            request, f"Nobody was reminded. Tick up to {PAGE_SIZE} students of the list."
        )
        return redirect(back)
    ids = [row.pk for row in form.selected]
    try:
        notices = kind.remind(ids, channel=Channel.EMAIL, by=request.user, **form.options)
    except RecentlyReminded as asked:
        return render(
            request,
            "includes/remind_again.html",
            {"form": form, "recent": asked.notices, "back": back},
        )
    went_out = emails.send_all(
        [EmailMessage(one.subject, one.text, to=[one.email]) for one in notices]
    )
    left_out = len(ids) - len(notices)
    words = f", {left_out} left out ({kind.reasons})" if left_out else ""
    _show_results(request, notices, went_out, left_out=words)
    return redirect(back)


def _show_results(request, notices, went_out, *, left_out):
    """Say which of ``notices`` went out, and delete the reminders of the others."""
    lost = [notice for notice, is_sent in zip(notices, went_out, strict=True) if not is_sent]
    for notice in lost:
        notice.record.delete()
    if len(lost) < len(notices) or not notices:
        messages.success(
            request, f"Reminders by e-mail: {len(notices) - len(lost)} sent{left_out}."
        )
    if lost:
        names = ", ".join(f"{notice.student} ({notice.email})" for notice in lost)
        messages.error(
            request,
            f"Not sent to {names}: the mail server did not take it. Check the address, or try again later; "
            "it is not counted as a reminder.",
        )
