"""Who owes what at the end of a day, how long they have owed it, and what they were told: plain data for the list of
dues and its files."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import User
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.money import NO_MONEY, ZERO, MoneyField
from coachmaster.ground.tables import Column, Kind
from coachmaster.ground.whatsapp import whatsapp_number

from . import ledger
from .models import Account, Charge, Concession, Payment, Reminder, _sum_of

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Age:
    """How long something is overdue, in days; below zero it is not due yet. None: without a bound."""

    key: str
    label: str
    least: int | None
    most: int | None


AGES = [
    Age("later", "Not yet due", None, -1),
    Age("today", "Due today", 0, 0),
    Age("1-30", "Overdue 1–30 days", 1, 30),
    Age("31-60", "Overdue 31–60 days", 31, 60),
    Age("61-90", "Overdue 61–90 days", 61, 90),
    Age("over-90", "Overdue over 90 days", 91, None),
]
OVERDUE = Age("overdue", "Overdue, all", 1, None)
AGE_OF = {age.key: age for age in [*AGES, OVERDUE]}


class Dues:
    """Who owed what at the end of the day ``on``.

    Of today the balances that are kept are read. Of a past day all is reckoned from the rows, each act from its own day,
    so that nothing that came later changes it.
    """

    def __init__(self, on):
        self.on = on
        self.is_past = on < timezone.localdate()

    def accounts(self):
        """The accounts of those who owed something, with what they ``owed`` in rupees."""
        if self.is_past:
            return Account.objects.annotate(owed=ledger.balance_of(OuterRef("pk"), self.on)).filter(owed__gt=0)
        return Account.objects.owing().annotate(owed=F("balance"))

    @property
    def charges(self):
        """The charges that stood."""
        return Charge.objects.standing(self.on) if self.is_past else Charge.objects.live()

    def _due_from(self, day):
        """What is due on that day or later, less what was taken off it, as an expression."""
        concessions = Concession.objects.standing(self.on) if self.is_past else Concession.objects.live()
        return _sum_of(self.charges.filter(student=OuterRef("pk"), due_on__gte=day)) - _sum_of(
            concessions.filter(student=OuterRef("pk"), charge__due_on__gte=day)
        )

    def with_overdue(self, accounts):
        """With what of it was due before the day (``overdue``): payments settle the oldest first, so it is what is owed
        less what is not overdue, and never below zero."""
        rest = F("owed") - self._due_from(self.on)
        return accounts.annotate(overdue=Greatest(rest, NO_MONEY, output_field=MoneyField()))

    def open_before(self, day):
        """The condition that something was open that is due before ``day``. What is due later is summed only of who has
        something due later."""
        later = self.charges.filter(due_on__gte=day).values("student")
        return ~Q(pk__in=later) | Q(owed__gt=self._due_from(day))

    def aged(self, accounts, age):
        """Those of ``accounts`` whose oldest open charge is of that age."""
        if age.least is not None:
            accounts = accounts.filter(self.open_before(self.on - (age.least - 1) * DAY))
        if age.most is not None:
            accounts = accounts.filter(owed__lte=self._due_from(self.on - age.most * DAY))
        return accounts

    def of_enrollments(self, accounts, **of):
        """Those of ``accounts`` with a charge for an enrollment like that."""
        condition = {f"enrollment__{path}": value for path, value in of.items()}
        return accounts.filter(student__in=self.charges.filter(**condition).values("student"))

    def totals(self, accounts):
        """What ``accounts`` owed together, by one query."""
        found = self.with_overdue(accounts).aggregate(
            amount=Sum("owed", output_field=MoneyField()),
            students=Count("pk"),
            overdue_sum=Sum("overdue", output_field=MoneyField()),
            overdue_students=Count("pk", filter=Q(overdue__gt=0)),
        )
        return Totals(
            amount=found["amount"] or ZERO,
            students=found["students"],
            overdue=found["overdue_sum"] or ZERO,
            overdue_students=found["overdue_students"],
        )

    def with_contacts(self, accounts):
        """With the person, the last payment that stood (``last_paid_on``) and the last reminder (``reminded_at``)."""
        paid = Payment.objects.standing(self.on).filter(student=OuterRef("pk")).order_by("-paid_on")
        reminders = Reminder.objects.filter(student=OuterRef("pk"), sent_at__lt=_midnight_after(self.on))
        return accounts.select_related("student__user").annotate(
            last_paid_on=Subquery(paid.values("paid_on")[:1]),
            reminded_at=Subquery(reminders.order_by("-sent_at").values("sent_at")[:1]),
        )

    def debtors(self, accounts):
        """A Debtor for each of ``accounts`` (a list with what they ``owed``), by one query."""
        charges = {}
        for charge in ledger.charges_standing(self.on).filter(student__in=[account.pk for account in accounts]):
            charges.setdefault(charge.student_id, []).append(charge)
        found = []
        for account in accounts:
            own = charges.get(account.pk, [])
            paid = sum((charge.amount - charge.conceded for charge in own), ZERO) - account.owed
            lines = [line for line in ledger.settle(own, paid, self.on) if line.open > ZERO]
            found.append(Debtor(account, lines, self.on))
        return found

    def all_debtors(self, accounts):
        """The Debtors of a long queryset, loaded by the hundred."""
        for keys in in_chunks(accounts.values_list("pk", flat=True), 500):
            rows = self.with_contacts(self.with_overdue(self.accounts())).in_bulk(keys)
            yield from self.debtors([rows[key] for key in keys if key in rows])


def _midnight_after(day):
    """The moment the day ends."""
    return timezone.make_aware(datetime.datetime.combine(day + DAY, datetime.time.min))


@dataclass
class Totals:
    """What some students together owe, in rupees, and how many they are."""

    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


@dataclass
class Debtor:
    """A student who owes, and the lines of the ledger with something open, the oldest first."""

    account: Account
    lines: list
    on: datetime.date

    @property
    def first_open(self):
        """The oldest charge that is open."""
        return self.lines[0] if self.lines else None

    @property
    def due_now(self):
        """What is due by the day, overdue or not, in rupees."""
        return sum((line.open for line in self.lines if line.charge.due_on <= self.on), ZERO)

    @property
    def age(self):
        """Of the oldest open charge."""
        return age_of((self.on - self.first_open.charge.due_on).days) if self.lines else None

    def of_age(self, age):
        """What is open of that age, in rupees."""
        return sum((x.open for x in self.lines if age_of((self.on - x.charge.due_on).days) is age), ZERO)

    @property
    def may_be_mailed(self):
        """Whether something is due and there is an address to write to."""
        student = self.account.student
        return self.due_now > ZERO and bool(student.guardian_email or student.user.email)

    @property
    def may_be_messaged(self):
        """Whether something is due and there is a mobile number to write to."""
        student = self.account.student
        return self.due_now > ZERO and any(map(whatsapp_number, [student.guardian_phone, student.user.phone]))

    @property
    def phone(self):
        """The number to call: the guardian's, else the student's own."""
        return self.account.student.phone_to_call


def age_of(days):
    """The Age of what is overdue for so many days."""
    return next(
        age for age in AGES if (age.least is None or days >= age.least) and (age.most is None or days <= age.most)
    )


def named(accounts, words):
    """Those of ``accounts`` whose student is found by ``words``."""
    return accounts.filter(student__in=User.objects.search(words).order_by().values("pk"))


COLUMNS = [
    Column("Student", Kind.TEXT, lambda debtor: debtor.account.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda debtor: debtor.account.student.admission_number),
    Column(
        "Batch",
        Kind.TEXT,
        lambda debtor: (
            debtor.first_open.charge.enrollment.batch.name
            if debtor.lines and debtor.first_open.charge.enrollment
            else ""
        ),
    ),
    Column("Guardian", Kind.TEXT, lambda debtor: debtor.account.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda debtor: debtor.phone),
    Column("Owed", Kind.AMOUNT, lambda debtor: debtor.account.owed),
    Column("Overdue", Kind.AMOUNT, lambda debtor: debtor.account.overdue),
    *(Column(age.label, Kind.AMOUNT, lambda debtor, age=age: debtor.of_age(age)) for age in AGES),
    Column("Oldest due", Kind.DAY, lambda debtor: debtor.first_open and debtor.first_open.charge.due_on),
    Column("Last payment", Kind.DAY, lambda debtor: debtor.account.last_paid_on),
    Column("Last reminder", Kind.MOMENT, lambda debtor: debtor.account.reminded_at),
]
