from django.db import models
from django.db.models import OuterRef, Subquery

from accounts.models import StudentProfile
from coachmaster.core.fields import BoundedDateField, MoneyField

from .modes import Mode
from .payments import Payment
from .reminders import Reminder


class AccountQuerySet(models.QuerySet):
    def owing(self):
        """Students who owe something, now or later."""
        return self.filter(balance__gt=0)

    def overdue(self, on):
        """Those who owed something before that day."""
        return self.filter(first_due_on__lt=on)

    def with_last_contact(self, on, end):
        """With the day of the last active payment (``last_paid_on``) and the time of the last reminder (``reminded_at``), both
        as of the day ``on``, which ends at the moment ``end``."""
        paid = Payment.objects.as_of(on).filter(student=OuterRef("pk")).order_by("-paid_on")
        reminders = Reminder.objects.filter(student=OuterRef("pk"), sent_at__lt=end).order_by(
            "-sent_at"
        )
        return self.annotate(
            last_paid_on=Subquery(paid.values("paid_on")[:1]),
            reminded_at=Subquery(reminders.values("sent_at")[:1]),
        )


class Account(models.Model):
    """A student's cached balance, and since when something of it is due, so that sums over everybody are quick.

    `ledger.save_statuses` writes it in the transaction that changed a row of the student. The account's row is also the
    lock that keeps two actions on one student apart.
    """

    student = models.OneToOneField(
        StudentProfile, on_delete=models.PROTECT, primary_key=True, related_name="account"
    )
    balance = MoneyField(default=0)
    #: When the oldest charge was due of which something is open; None when nothing is.
    first_due_on = BoundedDateField(null=True, editable=False, db_index=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        # All that the list of dues sorts, counts and sums by.
        indexes = [
            models.Index(fields=["balance", "student", "first_due_on"], name="account_by_balance")
        ]

    def __str__(self):
        return f"{self.student}: {self.balance}"


class DayTotal(models.Model):
    """The cached total of a day and mode, of payments that were not reversed, for charts and dashboards.

    A payment is added to it by `ledger.add_to_day`, everything else recalculates it by `ledger.refresh_days`, while the
    receipt series of the day is locked.
    """

    paid_on = BoundedDateField()
    mode = models.CharField(max_length=15, choices=Mode.choices)
    amount = MoneyField()
    receipts = models.PositiveIntegerField()

    class Meta:
        ordering = ["paid_on", "mode"]
        indexes = [models.Index(fields=["paid_on", "mode", "amount"], name="day_total_sums")]
        constraints = [models.UniqueConstraint(fields=["paid_on", "mode"], name="day_total_unique")]

    def __str__(self):
        return f"{self.paid_on} {self.mode}: {self.amount}"
