from django.db import models
from django.db.models import OuterRef, Subquery

from accounts.models import StudentProfile
from coachmaster.core.fields import BoundedDateField, MoneyField

from .modes import Mode
from .payments import Payment
from .querysets import OwnRowsQuerySet
from .reminders import FeeReminder


class AccountQuerySet(OwnRowsQuerySet):
    def with_dues(self):
        # The second condition lets the database read them in the order of their due dates.
        return self.filter(balance__gt=0, first_due_on__isnull=False)

    def overdue(self, on):
        return self.filter(first_due_on__lt=on)

    def with_last_contact(self, on, end):
        """Annotate the last payment and the last reminder as of the day ``on``.

        That day ends at the time ``end``.
        """
        paid = Payment.objects.as_of(on).filter(student=OuterRef("pk")).order_by("-paid_on")
        reminders = FeeReminder.objects.filter(student=OuterRef("pk"), sent_at__lt=end).order_by(
            "-sent_at"
        )
        return self.annotate(
            last_paid_on=Subquery(paid.values("paid_on")[:1]),
            reminded_at=Subquery(reminders.values("sent_at")[:1]),
        )


class Account(models.Model):
    """The cached balance of a student, and the row to lock before it changes."""

    student = models.OneToOneField(
        StudentProfile, on_delete=models.PROTECT, primary_key=True, related_name="account"
    )
    balance = MoneyField(default=0)
    #: The due date of the oldest unpaid charge, or None.
    first_due_on = BoundedDateField(null=True, editable=False, db_index=True)
    #: Cheques that have not cleared, which `balance` leaves out.
    uncleared = MoneyField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        # Covers the order and the totals of the list of dues.
        indexes = [
            models.Index(
                fields=["balance", "student", "first_due_on", "uncleared"],
                name="account_by_balance",
            )
        ]

    def __str__(self):
        return f"{self.student}: {self.balance}"


class DayTotal(models.Model):
    """The cached total of the active payments of a day and mode."""

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
