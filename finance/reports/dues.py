from django.utils import timezone

from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.querysets import restricted_id

from .age_groups import AGE_GROUPS
from .current_dues import CurrentDues
from .past_dues import PastDues


def dues_on(day, user):
    report = PastDues if day < timezone.localdate() else CurrentDues
    return report(day, user_id=restricted_id(user))


COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda debtor: debtor.account.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda debtor: debtor.account.student.admission_number
    ),
    ExportColumn(
        "Batch",
        CellType.TEXT,
        lambda debtor: (debtor.oldest_unpaid and debtor.oldest_unpaid.batch) or "",
    ),
    ExportColumn("Guardian", CellType.TEXT, lambda debtor: debtor.account.student.guardian_name),
    ExportColumn("Phone", CellType.TEXT, lambda debtor: debtor.phone),
    ExportColumn("Dues", CellType.AMOUNT, lambda debtor: debtor.account.dues),
    ExportColumn("Overdue", CellType.AMOUNT, lambda debtor: debtor.overdue),
    *(
        ExportColumn(age.label, CellType.AMOUNT, lambda debtor, age=age: debtor.amount_in(age))
        for age in AGE_GROUPS
    ),
    ExportColumn(
        "Oldest due date",
        CellType.DATE,
        lambda debtor: debtor.oldest_unpaid and debtor.oldest_unpaid.due_on,
    ),
    ExportColumn("Last payment", CellType.DATE, lambda debtor: debtor.account.last_paid_on),
    ExportColumn("Last reminder", CellType.DATETIME, lambda debtor: debtor.account.reminded_at),
]
