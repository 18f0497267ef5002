from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.services import emails
from coachmaster.core.pagination import PAGE_SIZE
from coachmaster.core.rehearsal import rehearse
from coachmaster.core.reminders import Channel, RecentlyReminded, ReminderForm


@require_POST
def remind_by_whatsapp(request, pk, kind):
    row = kind.row_or_404(request.user, pk)
    return open_whatsapp(
        request,
        lambda **again: kind.remind([pk], channel=Channel.WHATSAPP, by=request.user, **again),
        back=reverse(kind.list_page),
        otherwise=f"{kind.student_of(row)} {kind.reason}. Nobody was reminded.",
    )


def open_whatsapp(request, remind, *, back, otherwise):
    """Redirect to WhatsApp with the text of the notice that ``remind(again=…)`` returns in a list.

    Ask first if the family was reminded a few days ago. Without a notice, show ``otherwise``.
    """
    try:
        notices = remind(again="again" in request.POST)
    except RecentlyReminded as error:
        context = {"recent": error.notices, "back": back}
        return render(request, "includes/remind_again.html", context)
    if not notices:
        messages.error(request, otherwise)
        return redirect(back)
    return HttpResponseRedirect(notices[0].whatsapp_url)


@require_POST
def remind_by_email(request, kind):
    back = f"{reverse(kind.list_page)}?{request.GET.urlencode()}"
    if not settings.SENDS_MAIL:
        messages.error(request, "Emails cannot be sent: the mail server is not set up.")
        return redirect(back)
    form = ReminderForm(request.POST, name=kind.rows_name, rows=kind.rows(request.user))
    if not form.is_valid():
        messages.error(request, f"Nobody was reminded. Select up to {PAGE_SIZE} students.")
        return redirect(back)
    ids = [row.pk for row in form.selected]

    def remind(**options):
        return kind.remind(ids, channel=Channel.EMAIL, by=request.user, **options)

    if not form.is_confirmed:
        return _ask_before_emails(request, form, kind, remind, back)
    notices = remind(**form.options)
    sent = emails.send_all(
        [EmailMessage(notice.subject, notice.text, to=[notice.email]) for notice in notices]
    )
    skipped = len(ids) - len(notices)
    suffix = f", {skipped} skipped ({kind.reasons})" if skipped else ""
    _show_results(request, notices, sent, suffix)
    return redirect(back)


def _ask_before_emails(request, form, kind, remind, back):
    """Show to whom the emails would go, and the text of the first one."""
    fresh = {notice.student.pk for notice in rehearse(remind, leave_out=True)}
    notices = rehearse(remind, again=True)
    if not notices:
        messages.error(request, f"Nobody was reminded: {kind.reasons}.")
        return redirect(back)
    for notice in notices:
        notice.is_recent = notice.student.pk not in fresh
    context = {"form": form, "notices": notices, "fresh": len(fresh), "back": back}
    return render(request, "includes/remind_by_email.html", context)


def _show_results(request, notices, sent, suffix):
    failed = [notice for notice, is_sent in zip(notices, sent, strict=True) if not is_sent]
    for notice in failed:
        notice.record.delete()
    if len(failed) < len(notices) or not notices:
        count = len(notices) - len(failed)
        messages.success(request, f"Reminders by email: {count} sent{suffix}.")
    if failed:
        names = ", ".join(str(notice.student) for notice in failed)
        messages.error(
            request,
            f"Not sent to the family of {names}: the mail server refused the email. Check the "
            "address, or try again later. These reminders are not recorded.",
        )
