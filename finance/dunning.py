"""Dues: who owes, since when, how to reach them, and what they were told."""

from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from academics.models import Institute
from accounts import mails
from accounts.models import StudentProfile, student_or_404
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.reminders import Channel, RemindedAlready, RemindForm, tell_of_mails
from coachmaster.ground.tables import asked_form, table_answer

from .dues import COLUMNS
from .dues_forms import DuesFilter
from .reminders import remind


def dues(request):
    """Who owes; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    filters = DuesFilter(request.GET)
    dues = filters.dues
    found = filters.find(dues)
    if form := asked_form(request):
        chunks = in_chunks(found.keys(), 500)
        rows = (debtor for keys in chunks for debtor in dues.debtors(keys))
        return table_answer(f"dues-{dues.on}", COLUMNS, rows, form=form)
    page = found.page(request)
    debtors = dues.debtors(list(page))
    may_remind = request.user.has_perm("finance.add_reminder") and not dues.is_past
    return render(
        request,
        "finance/dues.html",
        {
            "filters": filters,
            "dues": dues,
            "owed": found.totals,
            "listing": page,
            "debtors": debtors,
            "may_remind": may_remind,
            "may_mail": may_remind and settings.SENDS_MAIL and any(debtor.may_be_mailed for debtor in debtors),
        },
    )


# Reminders ------------------------------------------------------------------------------------------------------


@require_POST
def remind_by_whatsapp(request, pk):
    """One tap: the reminder is written down, and WhatsApp opens with the text."""
    student = student_or_404(request.user, pk)
    try:
        notices = remind([pk], channel=Channel.WHATSAPP, by=request.user, again="again" in request.POST)
    except RemindedAlready as asked:
        return render(request, "_remind_again.html", {"recent": asked.notices, "back": reverse("finance:dues")})
    if not notices:
        messages.error(request, f"{student} has nothing to pay today, or no mobile number. Nobody was reminded.")
        return redirect("finance:dues")
    return HttpResponseRedirect(notices[0].link)


@require_POST
def remind_by_mail(request):
    """A mail to each family that was ticked."""
    back = f"{reverse('finance:dues')}?{request.GET.urlencode()}"
    if not settings.SENDS_MAIL:
        messages.error(request, "No mail goes out from here: the mail server is not set up.")
        return redirect(back)
    form = RemindForm(request.POST, name="students", rows=StudentProfile.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, "Nobody was reminded. Tick up to 30 students of the list.")
        return redirect(back)
    students = form.ticked
    try:
        notices = remind([student.pk for student in students], channel=Channel.EMAIL, by=request.user, **form.choice)
    except RemindedAlready as asked:
        return render(request, "_remind_again.html", {"form": form, "recent": asked.notices, "back": back})
    institute = Institute.objects.for_page_heads()
    went_out = mails.send_each(
        [
            EmailMessage(f"Fees of {notice.student} at {institute.name}", notice.text, to=[notice.email])
            for notice in notices
        ]
    )
    left_out = len(students) - len(notices)
    words = f", {left_out} left out (nothing due, no address, or reminded already)" if left_out else ""
    tell_of_mails(request, notices, went_out, left_out=words)
    return redirect(back)
