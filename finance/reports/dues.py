"""Who owes what at the end of a day, how long they have owed it, and what they were told: plain data for the list of
dues and its files."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, pairwise
from operator import attrgetter
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import BigIntegerField, Count, Exists, OuterRef, Q, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from academics.models import Enrollment
from accounts.models import User
from coachmaster.core.compiled import compiled
from coachmaster.core.exports import Column, Kind
from coachmaster.core.money import ZERO, from_paise, to_paise
from coachmaster.core.pagination import PAGE_SIZE, ListPage, paginate
from coachmaster.core.phones import whatsapp_number
from finance.ledger import allocate, student_charges_as_of
from finance.models import Account, Charge, Concession, Payment, Refund

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class AgeGroup:
    """How long something is overdue, in days; below zero it is not due yet. None: without a bound."""

    key: str
    label: str
    min_days: int | None
    max_days: int | None


AGE_GROUPS = [
    AgeGroup("later", "Not yet due", None, -1),
    AgeGroup("today", "Due today", 0, 0),
    AgeGroup("1-30", "Overdue 1–30 days", 1, 30),
    AgeGroup("31-60", "Overdue 31–60 days", 31, 60),
    AgeGroup("61-90", "Overdue 61–90 days", 61, 90),
    AgeGroup("over-90", "Overdue over 90 days", 91, None),
]
OVERDUE = AgeGroup("overdue", "Overdue, all", 1, None)
AGE_GROUP_BY_KEY = {age.key: age for age in [*AGE_GROUPS, OVERDUE]}


class CurrentDues:
    """Who owes today, by the balances and open amounts of accounts and charges."""

    is_past = False
    sorts = {"owed": ["balance"], "due": ["first_due_on"], "name": ["student__user__full_name"]}

    def __init__(self, on):
        self.on = on

    @property
    def charges(self):
        """The charges that count."""
        return Charge.objects.active()

    def find(self, *, search="", enrollment=None, age=None, due_before=None, at_least=None):
        """Return the Results: students who owe and match every filter that is given.

        ``search`` are looked for in names, ``enrollment`` is a dictionary of lookups that a charged enrollment matches, ``age``
        is that of the oldest open charge, which was due before ``due_before``, and they owe ``at_least`` so many rupees.
        """
        owing = Account.objects.owing()
        accounts = self._of_students(owing, search, enrollment)
        if age and age.min_days is not None:
            accounts = accounts.filter(first_due_on__lte=self.on - age.min_days * DAY)
        if age and age.max_days is not None:
            accounts = accounts.filter(first_due_on__gte=self.on - age.max_days * DAY)
        if due_before:
            accounts = accounts.filter(first_due_on__lt=due_before)
        if at_least:
            accounts = accounts.filter(balance__gte=at_least)
        is_filtered = any([search, enrollment, age, due_before, at_least])
        return DuesResults(self, accounts, is_filtered=is_filtered)

    def _of_students(self, rows, search, enrollment):
        """Limit ``rows`` to students with that name and a charge for such an enrollment."""
        if search:
            rows = rows.filter(student__in=User.objects.order_by().matching(search).values("pk"))
        charged = Exists(self.charges.filter(enrollment=OuterRef("pk")))
        for path, value in (enrollment or {}).items():
            enrollments = Enrollment.objects.filter(charged, **{path: value}).order_by()
            rows = rows.filter(student__in=enrollments.values("student"))
        return rows

    def debtors(self, ids):
        """Return a Debtor for each of these students, in this order, by two queries."""
        ids = list(ids)
        end = timezone.make_aware(datetime.datetime.combine(self.on + DAY, datetime.time.min))
        accounts = {account.pk: account for account in _accounts(ids=ids, on=self.on, end=end)}
        lines = self._open_lines(ids)
        for account in accounts.values():
            account.dues = self._owed_by(account)
        return [StudentDues(accounts[key], lines[key], self.on) for key in ids if key in accounts]

    def _owed_by(self, account):
        return account.balance

    def _open_lines(self, ids):
        """Return the OpenLines by student, the oldest first."""
        found = defaultdict(list)
        for student, *line in _open_charges(ids=ids):
            found[student].append(UnpaidCharge(*line))
        return found


class UnpaidCharge(NamedTuple):
    """What is open of one charge, in rupees, since when, and of which batch ("" of none)."""

    due_on: datetime.date
    amount: Decimal
    batch: str | None


@compiled  # 5.0 to 1.6 ms, with each page of who owes
def _accounts(*, ids, on, end):
    return (
        Account.objects.filter(pk__in=ids)
        .with_last_contact(on, end)
        .select_related("student__user")
    )


@compiled  # 1.1 to 0.5 ms, with each page of who owes
def _open_charges(*, ids):
    charges = Charge.objects.unpaid().filter(student__in=ids).order_by("due_on", "pk")
    return charges.values_list("student", "due_on", "open_now", "enrollment__batch__name")


class DuesResults:
    """The ``accounts`` of the students who owe today and were asked for."""

    def __init__(self, dues, accounts, *, is_filtered):
        self.dues, self.accounts, self.is_filtered = dues, accounts, is_filtered

    @cached_property
    def totals(self):
        """The Totals of them, by two queries."""
        charges = Charge.objects.unpaid()
        if self.is_filtered:
            charges = charges.filter(student__in=self.accounts.values("pk"))
        ages = dict.fromkeys(AGE_GROUPS, ZERO)
        for due_on, amount in charges.order_by().values_list("due_on").annotate(Sum("open_now")):
            ages[age_group((self.dues.on - due_on).days)] += amount
        late = Count("pk", filter=Q(first_due_on__lt=self.dues.on))
        return DuesTotals(
            list(ages.values()),
            **self.accounts.aggregate(students=Count("pk"), overdue_students=late),
        )

    def page(self, request):
        """Return the page of ids that the request asks for."""
        ids = self.accounts.values_list("pk", flat=True)
        return paginate(request, ids, self.dues.sorts, default="-owed", total=self.totals.students)

    def ids(self):
        """Return all ids, the largest balance first."""
        return self.accounts.order_by("-balance", "pk").values_list("pk", flat=True)


class PastDues(CurrentDues):
    """Who owed at the end of a past day: calculated from the rows, each counted from its own day, so that nothing later
    changes it."""

    is_past = True

    @property
    def charges(self):
        return Charge.objects.as_of(self.on)

    def find(self, *, search="", enrollment=None, age=None, due_before=None, at_least=None):
        days = [self.on - age.max_days * DAY for age in AGE_GROUPS if age.max_days is not None]
        rows = self._owed(search, enrollment, [*days, due_before] if due_before else days)
        self._owed_paise = {row.student: row.owed for row in rows}
        if age:
            ages = AGE_GROUPS[2:] if age is OVERDUE else [age]
            rows = [row for row in rows if row.age in ages]
        if due_before:
            rows = [row for row in rows if row.owed > row.later[-1]]
        if at_least:
            rows = [row for row in rows if row.owed >= to_paise(at_least)]
        return PastDuesResults(rows)

    def _owed(self, search, enrollment, days):
        """Return a PastRow for each student who owed something, the largest balance first.

        One grouped query for each term of the equation. Who was charged nothing owes nothing.
        """

        def sums(rows, due_on=None):
            rows = self._of_students(rows, search, enrollment).order_by().values_list("student")
            later = [_paise(Q(**{f"{due_on}__gte": day})) for day in days if due_on]
            return rows.annotate(
                all=_paise(), **{f"later_{place}": each for place, each in enumerate(later)}
            )

        conceded = {
            student: amounts
            for student, *amounts in sums(Concession.objects.as_of(self.on), "charge__due_on")
        }
        paid = dict(sums(Payment.objects.as_of(self.on)))
        refunded = dict(sums(Refund.objects.as_of(self.on)))
        rows = []
        for student, net, *later in sums(self.charges, "due_on").order_by("student"):
            if student in conceded:
                net, *later = (
                    amount - less
                    for amount, less in zip([net, *later], conceded[student], strict=True)
                )
            owed = net - paid.get(student, 0) + refunded.get(student, 0)
            if owed > 0:
                rows.append(PastDuesRow(student, owed, later))
        rows.sort(key=attrgetter("owed"), reverse=True)
        return rows

    def _owed_by(self, account):
        return from_paise(self._owed_paise[account.pk])

    def _open_lines(self, ids):
        charges, found = defaultdict(list), defaultdict(list)
        for charge in student_charges_as_of(students=ids, on=self.on):
            charges[charge.student_id].append(charge)
        for key, own in charges.items():
            paid = sum((charge.amount - charge.conceded for charge in own), ZERO) - from_paise(
                self._owed_paise[key]
            )
            found[key] = [
                UnpaidCharge(
                    line.charge.due_on,
                    line.unpaid,
                    line.charge.enrollment and line.charge.enrollment.batch.name,
                )
                for line in allocate(own, paid, self.on)
                if line.unpaid > ZERO
            ]
        return found


def _paise(counted=None):
    """Sum of the amounts in whole paise: a hundred thousand of them take half of the time of rupees."""
    return Sum("amount", filter=counted, default=0, output_field=BigIntegerField())


class PastDuesRow(NamedTuple):
    """What a student ``owed``, and what was charged less concessions due on each of some days or ``later``, in paise.

    The first days are those on which each of `AGES` but the last begins.
    """

    student: int
    owed: int
    later: list

    @property
    def age(self):
        """The Age of the oldest that was open."""
        return AGE_GROUPS[sum(self.owed > later for later in self.later[: len(AGE_GROUPS) - 1])]


class PastDuesResults:
    """Students who owed on a past day and were asked for, the largest balance first."""

    def __init__(self, rows):
        self.rows = rows

    @cached_property
    def totals(self):
        """The Totals of them."""
        sums = [sum(row.owed for row in self.rows)]
        for place in range(
            len(AGE_GROUPS) - 1
        ):  # what was left without charges of that age or younger
            sums.append(
                sum(row.owed - row.later[place] for row in self.rows if row.owed > row.later[place])
            )
        today = AGE_GROUPS.index(AGE_GROUP_BY_KEY["today"])
        return DuesTotals(
            ages=[from_paise(more - less) for more, less in pairwise([*sums, 0])],
            students=len(self.rows),
            overdue_students=sum(row.owed > row.later[today] for row in self.rows),
        )

    def page(self, request):
        """Return the page of ids that the request asks for."""
        page = Paginator(self.rows, PAGE_SIZE).get_page(request.GET.get("page"))
        sort = request.GET.get("sort", "")
        if sort in ["name", "-name"]:
            way = sort.removesuffix("name")
            by_name = Account.objects.order_by(
                f"{way}student__user__full_name", f"{way}pk"
            ).values_list("pk", flat=True)
            chosen = set(self.ids())
            ids = (key for key in by_name.iterator() if key in chosen)
            page.object_list = list(islice(ids, max(page.start_index() - 1, 0), page.end_index()))
        else:
            sort = "owed" if sort == "owed" else "-owed"
            ids = self.ids()[::-1] if sort == "owed" else self.ids()
            page.object_list = ids[max(page.start_index() - 1, 0) : page.end_index()]
        return ListPage(page, page.object_list, sort)

    def ids(self):
        """Return all ids, the largest balance first."""
        return [row.student for row in self.rows]


def dues_on(day):
    """The Dues at the end of that day."""
    return PastDues(day) if day < timezone.localdate() else CurrentDues(day)


@dataclass
class DuesTotals:
    """What some students together owe by age, in the order of `AGES`, in rupees, and how many they are."""

    ages: list
    students: int
    overdue_students: int

    @property
    def amount(self):
        """All together."""
        return sum(self.ages, ZERO)

    @property
    def overdue(self):
        """What of it is overdue."""
        return sum(self.ages[2:], ZERO)

    @property
    def by_age(self):
        """Pairs of an Age and rupees."""
        return list(zip(AGE_GROUPS, self.ages, strict=True))


@dataclass
class StudentDues:
    """A student who owes, and what is open, the oldest first."""

    account: Account  # with what it ``owed`` and `with_last_contact`
    lines: list
    on: datetime.date

    @property
    def oldest_unpaid(self):
        """The oldest charge that is open."""
        return self.lines[0] if self.lines else None

    @property
    def overdue(self):
        """What was due before the day, in rupees."""
        return sum((line.amount for line in self.lines if line.due_on < self.on), ZERO)

    @property
    def due_now(self):
        """What is due by the day, overdue or not, in rupees."""
        return sum((line.amount for line in self.lines if line.due_on <= self.on), ZERO)

    @property
    def age(self):
        """Of the oldest open charge."""
        return age_group((self.on - self.oldest_unpaid.due_on).days) if self.lines else None

    def amount_in(self, age):
        """What is open of that age, in rupees."""
        return sum(
            (x.amount for x in self.lines if age_group((self.on - x.due_on).days) is age), ZERO
        )

    @property
    def can_be_emailed(self):
        """Whether something is due and there is an address to write to."""
        student = self.account.student
        return self.due_now > ZERO and bool(student.guardian_email or student.user.email)

    @property
    def can_be_messaged(self):
        """Whether something is due and there is a mobile number to write to."""
        student = self.account.student
        return self.due_now > ZERO and any(
            map(whatsapp_number, [student.guardian_phone, student.user.phone])
        )

    @property
    def phone(self):
        """The number to call: the guardian's, else the student's own."""
        return self.account.student.phone_to_call


def age_group(days):
    """The Age of what is overdue for so many days."""
    return next(
        age
        for age in AGE_GROUPS
        if (age.min_days is None or days >= age.min_days)
        and (age.max_days is None or days <= age.max_days)
    )


COLUMNS = [
    Column("Student", Kind.TEXT, lambda debtor: debtor.account.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda debtor: debtor.account.student.admission_number),
    Column(
        "Batch",
        Kind.TEXT,
        lambda debtor: (debtor.lines and debtor.oldest_unpaid.batch) or "",
    ),
    Column("Guardian", Kind.TEXT, lambda debtor: debtor.account.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda debtor: debtor.phone),
    Column("Owed", Kind.AMOUNT, lambda debtor: debtor.account.dues),
    Column("Overdue", Kind.AMOUNT, lambda debtor: debtor.overdue),
    *(
        Column(age.label, Kind.AMOUNT, lambda debtor, age=age: debtor.amount_in(age))
        for age in AGE_GROUPS
    ),
    Column(
        "Oldest due", Kind.DAY, lambda debtor: debtor.oldest_unpaid and debtor.oldest_unpaid.due_on
    ),
    Column("Last payment", Kind.DAY, lambda debtor: debtor.account.last_paid_on),
    Column("Last reminder", Kind.MOMENT, lambda debtor: debtor.account.reminded_at),
]
