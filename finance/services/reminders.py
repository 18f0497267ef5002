from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from academics.models import Institute
from accounts.models import StudentProfile, student_or_404
from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display
from coachmaster.core.reminders import ReminderKind, ReminderNotice, fill_template, sendable_notices
from finance import upi
from finance.due_amounts import DueAmounts
from finance.models import Account, FeeReminder
from finance.reports.current_dues import CurrentDues


@dataclass
class FeeNotice(ReminderNotice):
    amounts: DueAmounts

    @property
    def description(self):
        return str(self.amounts)


def reminder_text(student, institute, amounts):
    """Return the text with all dues, ``amount`` being those up to today."""
    amount = amounts.due_now
    values = {
        "name": student.user.full_name,
        "admission_number": student.admission_number,
        "dues": amounts,
        "amount": display(amount),
        "due_on": _due_days(amounts),
        "institute": institute.name,
        "phone": institute.phone,
        "upi_link": upi.link_for(student, institute, amount, timezone.localdate()),
    }
    return fill_template(institute.fee_reminder, values)


def _due_days(amounts):
    """Return the due date of the amount up to today, or that there are several."""
    days = [day for day in amounts.by_day if day <= amounts.on]
    return format_date(days[0]) + (" and later" if days[1:] else "")


@transaction.atomic
def record_reminders(students, *, channel, by, again=False, leave_out=False):
    """Record reminders to ``students`` (ids) with dues today; return the notices to send.

    Raise RecentlyReminded if some were reminded recently and neither ``again`` nor ``leave_out``.
    """
    institute = Institute.objects.current()
    list(
        Account.objects.select_for_update().filter(pk__in=students).order_by("pk").values_list("pk")
    )
    dues = CurrentDues(timezone.localdate())
    keys = (
        Account.objects.with_dues()
        .filter(pk__in=students)
        .order_by("student__user__full_name", "pk")
    )
    notices = []
    for debtor in dues.debtors(keys.values_list("pk", flat=True)):
        amounts = debtor.amounts.if_cleared
        if amounts.due_now > ZERO:
            student = debtor.account.student
            text = reminder_text(student, institute, amounts)
            subject = f"Fees of {student} at {institute.name}"
            reminded_at = debtor.account.reminded_at
            notices.append(FeeNotice(student, subject, text, reminded_at, amounts))
    notices = sendable_notices(
        notices, channel=channel, days=institute.reminder_days, again=again, leave_out=leave_out
    )
    for notice in notices:
        notice.record = FeeReminder(
            student=notice.student, channel=channel, amount=notice.amounts.due_now, sent_by=by
        )
    FeeReminder.objects.bulk_create([notice.record for notice in notices])
    return notices


FEE_REMINDERS = ReminderKind(
    list_page="finance:dues",
    rows_name="students",
    rows=lambda user: StudentProfile.objects.visible_to(user).select_related("user"),
    row_or_404=student_or_404,
    student_of=lambda student: student,
    remind=record_reminders,
    reason="has nothing to pay today, or no mobile number",
    reasons="nothing due, no address, or already reminded",
)
