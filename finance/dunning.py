"""Dues: who owes, since when, how to reach them, and what they were told."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from academics.models import Institute
from accounts import mails
from accounts.models import StudentProfile
from coachmaster.ground.listing import ROWS_A_PAGE, listing
from coachmaster.ground.tables import table_answer

from .dues import COLUMNS
from .dues_forms import DuesFilter
from .forms import StudentsField
from .models import Reminder
from .reminders import RemindedAlready, remind

SORTS = {"owed": ["owed"], "overdue": ["overdue"], "name": ["student__user__full_name"]}


def dues(request):
    """Who owes; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    filters = DuesFilter(request.GET)
    dues = filters.dues
    accounts = filters.filter(dues)
    if request.GET.get("as") in ("csv", "xlsx"):
        rows = dues.all_debtors(accounts.order_by("-owed", "pk"))
        return table_answer(f"dues-{dues.on}", COLUMNS, rows, form=request.GET["as"])
    owed = dues.totals(accounts)
    page = listing(
        request, dues.with_contacts(dues.with_overdue(accounts)), SORTS, default="-owed", total=owed.students
    )
    debtors = dues.debtors(list(page))
    may_remind = request.user.has_perm("finance.add_reminder") and not dues.is_past
    return render(
        request,
        "finance/dues.html",
        {
            "filters": filters,
            "dues": dues,
            "owed": owed,
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
    student = get_object_or_404(StudentProfile.objects.visible_to(request.user).select_related("user"), pk=pk)
    try:
        notices = remind([pk], channel=Reminder.Channel.WHATSAPP, by=request.user, again="again" in request.POST)
    except RemindedAlready as asked:
        return render(request, "finance/remind_again.html", {"student": student, "recent": asked.notices})
    if not notices:
        messages.error(request, f"{student} has nothing to pay today, or no mobile number. Nobody was reminded.")
        return redirect("finance:dues")
    return HttpResponseRedirect(notices[0].link)


class SeveralForm(forms.Form):
    """The students who were ticked, and what to do with those who were reminded a few days ago."""

    students = StudentsField(queryset=None)
    recent = forms.ChoiceField(
        choices=[("again", "Remind them again"), ("leave_out", "Leave them out")], required=False
    )

    def __init__(self, *args, students, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["students"].queryset = students

    def clean_students(self):
        """As many as a page shows."""
        students = self.cleaned_data["students"]
        if len(students) > ROWS_A_PAGE:
            raise forms.ValidationError(f"Tick at most {ROWS_A_PAGE} students at a time.")
        return students


@require_POST
def remind_by_mail(request):
    """A mail to each family that was ticked."""
    back = f"{reverse('finance:dues')}?{request.GET.urlencode()}"
    if not settings.SENDS_MAIL:
        messages.error(request, "No mail goes out from here: the mail server is not set up.")
        return redirect(back)
    form = SeveralForm(request.POST, students=StudentProfile.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, "Nobody was reminded. Tick up to 30 students of the list.")
        return redirect(back)
    students, recent = form.cleaned_data["students"], form.cleaned_data["recent"]
    try:
        notices = remind(
            [student.pk for student in students],
            channel=Reminder.Channel.EMAIL,
            by=request.user,
            again=recent == "again",
            leave_out=recent == "leave_out",
        )
    except RemindedAlready as asked:
        return render(request, "finance/remind_again.html", {"students": students, "recent": asked.notices})
    institute = Institute.objects.for_page_heads()
    mails.send_all(
        [
            EmailMessage(f"Fees of {notice.student} at {institute.name}", notice.text, to=[notice.email])
            for notice in notices
        ]
    )
    left_out = len(students) - len(notices)
    messages.success(
        request,
        f"Reminders by e-mail: {len(notices)} sent"
        + (f", {left_out} left out (nothing due, no address, or reminded already)." if left_out else "."),
    )
    return redirect(back)
