"""Who owes what at the end of a day, how long they have owed it, and what they were told: plain data for the list of
dues and its files."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Subquery, Sum, Value, When
from django.utils import timezone
from django.utils.functional import cached_property

from academics.models import Enrollment
from accounts.models import User
from coachmaster.ground import listing as lists
from coachmaster.ground.days import DayField
from coachmaster.ground.keys import Keys
from coachmaster.ground.listing import ROWS_A_PAGE, Listing, listing
from coachmaster.ground.money import ZERO, MoneyField, from_paise, to_paise
from coachmaster.ground.prepared import Prepared, sums
from coachmaster.ground.tables import Column, Kind
from coachmaster.ground.whatsapp import whatsapp_number

from . import ledger
from .models import Account, Charge, Concession, Payment, Refund, Reminder, Reversal

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
    """Who owes what today, from the balances and the open charges that are kept."""

    is_past = False
    sorts = {"owed": ["balance"], "due": ["first_due_on"], "name": ["student__user__full_name"]}

    def __init__(self, on):
        self.on = on

    @property
    def charges(self):
        """The charges that stood."""
        return Charge.objects.live()

    def find(self, *, words="", enrollment=None, age=None, due_before=None, at_least=None):
        """The Found of those who owe, or only of those whose name has ``words``, who have a charge for an ``enrollment``
        like that (a dictionary), whose oldest open charge is of that ``age`` or was due before ``due_before`` (a day),
        and who owe ``at_least`` so much (rupees)."""
        accounts, picked = Account.objects.owing(), self._picked(words, enrollment or {})
        if picked is not None:
            accounts = accounts.filter(pk__in=picked)
        if age and age.least is not None:
            accounts = accounts.filter(first_due_on__lte=self.on - age.least * DAY)
        if age and age.most is not None:
            accounts = accounts.filter(first_due_on__gte=self.on - age.most * DAY)
        if due_before:
            accounts = accounts.filter(first_due_on__lt=due_before)
        if at_least:
            accounts = accounts.filter(balance__gte=at_least)
        if picked is not None:
            return Picked(self, accounts)
        return Found(self, accounts) if age or due_before or at_least else Everybody(self, accounts)

    def _picked(self, words, enrollment):
        """The keys of students with that name and a charge for such an enrollment, as a queryset; None when neither was asked
        for."""
        charged = Exists(self.charges.filter(enrollment=OuterRef("pk")))
        enrollments = [Enrollment.objects.filter(charged, **{path: value}) for path, value in enrollment.items()]
        if words:
            found, key = User.objects.search(words), "pk"
        elif enrollments:
            found, key = enrollments.pop(), "student"
        else:
            return None
        for others in enrollments:
            found = found.filter(**{f"{key}__in": others.values("student")})
        return found.order_by().values_list(key, flat=True)

    def load(self, keys):
        """The accounts of these students, as what they ``owed``, the last payment that stood (``last_paid_on``) and the
        last reminder (``reminded_at``), in order of ``keys``."""
        found = {account.pk: account for account in _accounts(keys=keys, on=self.on, before=_midnight_after(self.on))}
        accounts = [found[key] for key in keys if key in found]
        for account in accounts:
            account.owed = self.owed_by(account)
        return accounts

    def owed_by(self, account):
        """What it owed, in rupees."""
        return account.balance

    def debtors(self, keys):
        """A Debtor for each of these students, by two queries."""
        keys = list(keys)
        lines = self.open_lines(keys)
        return [Debtor(account, lines.get(account.pk, []), self.on) for account in self.load(keys)]

    def open_lines(self, keys):
        """By student the OpenLines of what was owed, the oldest first."""
        found = {}
        for student, *line in _open(keys=keys):
            found.setdefault(student, []).append(OpenLine(*line))
        return found


class OpenLine(NamedTuple):
    """What is open of one charge, in rupees, since when, and of which batch ("" of none)."""

    due_on: datetime.date
    open: Decimal
    batch: str | None


@Prepared
def _open(*, keys):
    found = Charge.objects.open().filter(student__in=keys).order_by("due_on", "pk")
    return found.values_list("student", "due_on", "open_now", "enrollment__batch__name")


@Prepared
def _accounts(*, keys, on, before):
    paid = Payment.objects.standing(on).filter(student=OuterRef("pk")).order_by("-paid_on")
    reminders = Reminder.objects.filter(student=OuterRef("pk"), sent_at__lt=before).order_by("-sent_at")
    return (
        Account.objects.filter(pk__in=keys)
        .select_related("student__user")
        .annotate(
            last_paid_on=Subquery(paid.values("paid_on")[:1]),
            reminded_at=Subquery(reminders.values("sent_at")[:1]),
        )
    )


def _sorted(accounts, columns):
    """The keys of many ``accounts`` in that order."""
    if not columns[0].endswith("full_name"):
        return accounts.order_by(*columns).values_list("pk", flat=True)
    # Along the index of names, and not sorted for the sake of thirty of them; of a sum there is no index.
    people = User.objects.alias(key=F("pk") + 0).filter(key__in=accounts.values("pk"))
    return people.order_by(*(column.replace("student__user__", "") for column in columns)).values_list("pk", flat=True)


def _by_day(charges):
    """For each day a row of what of the open ``charges`` was due then."""
    return charges.order_by().values_list("due_on").annotate(open=Sum("open_now"), students=Value(0), late=Value(0))


def _totals(accounts, charges, on):
    """`_by_day`, and a last row, without a day, of how many ``accounts`` there are and how many of them are overdue."""
    numbers = sums(accounts, students=Count("pk"), late=Count("pk", filter=Q(first_due_on__lt=on)))
    nothing = Value(None, output_field=DayField()), Value(None, output_field=MoneyField())
    return _by_day(charges).union(numbers.values_list(*nothing, "students", "late"), all=True)


class Found:
    """Those who owe and were asked for, today: so many that all open charges are read for what they owe."""

    def __init__(self, dues, accounts):
        self.dues, self.accounts = dues, accounts

    @cached_property
    def totals(self):
        """The Totals of them, by one query."""
        ages, students, late = dict.fromkeys(AGES, ZERO), 0, 0
        for due_on, amount, *numbers in self.sums():
            if due_on:
                ages[age_of((self.dues.on - due_on).days)] += amount
            else:
                students, late = numbers
        return Totals(list(ages.values()), students, late)

    def sums(self):
        """The rows of `_totals`."""
        theirs = Charge.objects.open().alias(key=F("student_id") + 0).filter(key__in=self.accounts.values("pk"))
        return _totals(self.accounts, theirs, self.dues.on)

    def page(self, request):
        """The page of keys that the request asks for."""
        total = self.totals.students
        return listing(request, lists.Found(self.find, total), self.dues.sorts, default="-owed", total=total)

    def find(self, columns, first, last):
        """Their keys from the first to the last place, in that order."""
        return list(_sorted(self.accounts, columns)[first:last])

    def keys(self):
        """All of them, who owes most first."""
        return self.accounts.order_by("-balance", "pk").values_list("pk", flat=True)


class Everybody(Found):
    """All who owe: asked for most often, by prepared queries."""

    def sums(self):
        return _totals_of_all(on=self.dues.on)

    def find(self, columns, first, last):
        return _keys_of_all(columns, first, last)


@Prepared
def _totals_of_all(*, on):
    return _totals(Account.objects.owing(), Charge.objects.open(), on)


@Prepared
def _keys_of_all(columns, first, last):
    return _sorted(Account.objects.owing(), columns)[first:last]


#: From so many students on it is quicker to read all open charges than to look up theirs.
MANY = 5000


class Picked(Found):
    """Those with a name or an enrollment: to find them takes longest, so they are found once, and held."""

    @cached_property
    def rows(self):
        """Pairs of a key and 1 where something is overdue, else 0; in the order that was asked for last."""
        late = Case(When(first_due_on__lt=self.dues.on, then=1), default=0)
        return list(self.accounts.values_list("pk", late))

    def order_by(self, *columns):
        """Their keys in that order."""
        self.accounts = self.accounts.order_by(*columns)
        self.__dict__.pop("rows", None)
        return [key for key, _ in self.rows]

    def page(self, request):
        return listing(request, self, self.dues.sorts, default="-owed")

    def sums(self):
        keys, charges = Keys(key for key, _ in self.rows), Charge.objects.open()
        if len(self.rows) < MANY:
            charges = charges.filter(student__among=keys)
        else:
            charges = charges.alias(key=F("student_id") + 0).filter(key__among=keys)
        return [*_by_day(charges), (None, None, len(self.rows), sum(late for _, late in self.rows))]


class PastDues(Dues):
    """Who owed what at the end of a past day: reckoned from the rows, each act from its own day, so that nothing that came
    later changes it."""

    is_past = True

    @property
    def charges(self):
        return Charge.objects.standing(self.on)

    def find(self, *, words="", enrollment=None, age=None, due_before=None, at_least=None):
        picked = self._picked(words, enrollment or {})
        students = None if picked is None else Keys(set(picked))
        days = [self.on - age.most * DAY for age in AGES if age.most is not None]
        rows = self._owed(students, [*days, due_before] if due_before else days)
        self._paise = {row[0]: row[1] for row in rows}
        found = PastFound(rows)
        if age:
            ages = AGES[2:] if age is OVERDUE else [age]
            found.narrow(lambda row: _oldest(row) in ages)
        if due_before:
            found.narrow(lambda row: row[1] > row[-1])
        if at_least:
            least = to_paise(at_least)
            found.narrow(lambda row: row[1] >= least)
        return found

    def _owed(self, students, days):
        """A row for each of ``students`` (Keys; all without) who owed something, who owed most first: the key, what was owed,
        and what was charged, less what was taken off it, due on each of ``days`` or later.

        One statement, in whole paise: the sums of each term of the equation by student, put side by side. Who was charged
        nothing owes nothing. What was voided is taken from what was paid, since few payments are.
        """
        columns = ["owed", *(f"later_{place}" for place in range(len(days)))]
        selects, values = [], []
        paid, voids = Payment.objects.filter(paid_on__lte=self.on), Reversal.objects.filter(voided_on__lte=self.on)
        for term, rows, due_on in [
            ("charged", self.charges, "due_on"),
            ("conceded", Concession.objects.standing(self.on), "charge__due_on"),
            ("paid", paid, None),
            ("voided", paid.filter(pk__in=voids.values("payment")), None),
            ("refunded", Refund.objects.standing(self.on), None),
        ]:
            if students is not None:
                rows = rows.filter(student__among=students)
            later = [Sum("amount", filter=Q(**{f"{due_on}__gte": day})) for day in days if due_on]
            sums = dict(zip(columns, [Sum("amount"), *later], strict=False))
            by_person = rows.order_by().values(person=F("student")).annotate(**sums)
            select, of_select = by_person.values_list("person", *sums).query.sql_with_params()
            selects.append(f"{term} (person, {', '.join(sums)}) AS ({select})")
            values += of_select

        def sum_of(column, *terms):
            terms = (f"{term[0]} COALESCE({term[1:]}.{column}, 0)" for term in terms)
            return f"CAST(COALESCE(charged.{column}, 0) {' '.join(terms)} AS bigint)"

        owed = sum_of("owed", "-conceded", "-paid", "+voided", "+refunded")
        later = [sum_of(column, "-conceded") for column in columns[1:]]
        statement = ["WITH", ", ".join(selects), "SELECT person,", ", ".join([owed, *later]), "FROM charged"]
        statement += [f"LEFT JOIN {term} USING (person)" for term in ("conceded", "paid", "voided", "refunded")]
        statement += ["WHERE", owed, "> 0 ORDER BY 2 DESC, 1"]
        with connection.cursor() as cursor:
            cursor.execute(" ".join(statement), values)
            return cursor.fetchall()

    def owed_by(self, account):
        return from_paise(self._paise[account.pk])

    def open_lines(self, keys):
        charges, found = {}, {}
        for charge in ledger.charges_of(students=keys, on=self.on):
            charges.setdefault(charge.student_id, []).append(charge)
        for key, own in charges.items():
            paid = sum((charge.amount - charge.conceded for charge in own), ZERO) - from_paise(self._paise[key])
            found[key] = [
                OpenLine(line.charge.due_on, line.open, line.charge.enrollment and line.charge.enrollment.batch.name)
                for line in ledger.settle(own, paid, self.on)
                if line.open > ZERO
            ]
        return found


def _left(row, place):
    """What of a row of `PastDues._owed` was left, in paise, without what is of the age at that place of `AGES` or later."""
    return max(row[1] - row[2 + place], 0)


def _oldest(row):
    """The Age of the oldest that was open."""
    return AGES[sum(row[1] > later for later in row[2 : 1 + len(AGES)])]


class PastFound:
    """Those who owed and were asked for, on a past day: ``rows`` of `PastDues`, who owed most first."""

    def __init__(self, rows):
        self.rows = rows

    def narrow(self, is_asked_for):
        """Leave out the rows for which ``is_asked_for`` says no."""
        self.rows = [row for row in self.rows if is_asked_for(row)]

    @cached_property
    def totals(self):
        """The Totals of them."""
        lefts = [[_left(row, place) for row in self.rows] for place in range(len(AGES) - 1)]
        sums = [sum(row[1] for row in self.rows), *map(sum, lefts), 0]
        return Totals(
            ages=[from_paise(more - less) for more, less in pairwise(sums)],
            students=len(self.rows),
            overdue_students=sum(left > 0 for left in lefts[AGES.index(AGE_OF["today"])]),
        )

    def page(self, request):
        """The page of keys that the request asks for."""
        sort = request.GET.get("sort", "")
        if sort.removeprefix("-") == "name":
            by_name = Account.objects.order_by("student__user__full_name", "pk").values_list("pk", flat=True)
            chosen = set(self.keys())
            keys = [key for key in by_name if key in chosen]
            keys = keys[::-1] if sort == "-name" else keys
        else:
            sort = "owed" if sort == "owed" else "-owed"
            keys = self.keys()[::-1] if sort == "owed" else self.keys()
        return Listing(page=Paginator(keys, ROWS_A_PAGE).get_page(request.GET.get("page")), sort=sort)

    def keys(self):
        """All of them, who owed most first."""
        return [row[0] for row in self.rows]


def dues_on(day):
    """The Dues at the end of that day."""
    return PastDues(day) if day < timezone.localdate() else Dues(day)


def _midnight_after(day):
    """The moment the day ends."""
    return timezone.make_aware(datetime.datetime.combine(day + DAY, datetime.time.min))


@dataclass
class Totals:
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
        return list(zip(AGES, self.ages, strict=True))


@dataclass
class Debtor:
    """A student who owes, and what is open, the oldest first."""

    account: Account
    lines: list
    on: datetime.date

    @property
    def first_open(self):
        """The oldest charge that is open."""
        return self.lines[0] if self.lines else None

    @property
    def overdue(self):
        """What was due before the day, in rupees."""
        return sum((line.open for line in self.lines if line.due_on < self.on), ZERO)

    @property
    def due_now(self):
        """What is due by the day, overdue or not, in rupees."""
        return sum((line.open for line in self.lines if line.due_on <= self.on), ZERO)

    @property
    def age(self):
        """Of the oldest open charge."""
        return age_of((self.on - self.first_open.due_on).days) if self.lines else None

    def of_age(self, age):
        """What is open of that age, in rupees."""
        return sum((x.open for x in self.lines if age_of((self.on - x.due_on).days) is age), ZERO)

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


COLUMNS = [
    Column("Student", Kind.TEXT, lambda debtor: debtor.account.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda debtor: debtor.account.student.admission_number),
    Column(
        "Batch",
        Kind.TEXT,
        lambda debtor: (debtor.lines and debtor.first_open.batch) or "",
    ),
    Column("Guardian", Kind.TEXT, lambda debtor: debtor.account.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda debtor: debtor.phone),
    Column("Owed", Kind.AMOUNT, lambda debtor: debtor.account.owed),
    Column("Overdue", Kind.AMOUNT, lambda debtor: debtor.overdue),
    *(Column(age.label, Kind.AMOUNT, lambda debtor, age=age: debtor.of_age(age)) for age in AGES),
    Column("Oldest due", Kind.DAY, lambda debtor: debtor.first_open and debtor.first_open.due_on),
    Column("Last payment", Kind.DAY, lambda debtor: debtor.account.last_paid_on),
    Column("Last reminder", Kind.MOMENT, lambda debtor: debtor.account.reminded_at),
]
