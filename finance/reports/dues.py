"""The list of dues, today or at the end of a past day, and its columns in files."""

from django.utils import timezone

from coachmaster.core.exports import Column, Kind

from .age_groups import AGE_GROUPS
from .current_dues import CurrentDues
from .past_dues import PastDues


def dues_on(day):
    return PastDues(day) if day < timezone.localdate() else CurrentDues(day)


COLUMNS = [
    Column("Student", Kind.TEXT, lambda debtor: debtor.account.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda debtor: debtor.account.student.admission_number),
    Column(
        "Batch",
        Kind.TEXT,
        lambda debtor: (debtor.oldest_unpaid and debtor.oldest_unpaid.batch) or "",
    ),
    Column("Guardian", Kind.TEXT, lambda debtor: debtor.account.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda debtor: debtor.phone),
    Column("Dues", Kind.AMOUNT, lambda debtor: debtor.account.dues),
    Column("Overdue", Kind.AMOUNT, lambda debtor: debtor.overdue),
    *(
        Column(age.label, Kind.AMOUNT, lambda debtor, age=age: debtor.amount_in(age))
        for age in AGE_GROUPS
    ),
    Column(
        "Oldest due date",
        Kind.DAY,
        lambda debtor: debtor.oldest_unpaid and debtor.oldest_unpaid.due_on,
    ),
    Column("Last payment", Kind.DAY, lambda debtor: debtor.account.last_paid_on),
    Column("Last reminder", Kind.MOMENT, lambda debtor: debtor.account.reminded_at),
]
