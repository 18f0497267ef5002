import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import cached_property

from academics.models import Enrollment
from accounts.models import User
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import format_date
from coachmaster.core.fields import ZERO_VALUE
from coachmaster.core.money import ZERO
from coachmaster.core.pagination import paginate
from coachmaster.core.phones import whatsapp_number
from finance.due_amounts import DueAmounts
from finance.models import Account, Charge

from .age_groups import AGE_GROUPS, OVERDUE, OVERDUE_GROUPS, age_group

DAY = datetime.timedelta(days=1)


class CurrentDues:
    """The dues of the students of ``user_id``, or of everybody if it is None."""

    is_past = False
    sorts = {"owed": ["balance"], "due": ["first_due_on"], "name": ["student__user__full_name"]}

    def __init__(self, on, user_id=None):
        self.on, self.user_id = on, user_id

    @property
    def today_label(self):
        """The heading of what is due on the day of the list."""
        return f"Due on {format_date(self.on)}" if self.is_past else "Due today"

    @property
    def charges(self):
        return Charge.objects.active()

    def find(self, *, search="", enrollment=None, age=None, due_before=None, at_least=None):
        """Find students with dues who match all given filters.

        ``enrollment`` is a dictionary of lookups. ``age`` is an AgeGroup of unpaid charges.
        """
        accounts = self._of_students(Account.objects.with_dues(), search, enrollment)
        if age:
            accounts = self._with_charges_of(age, accounts)
        if due_before:
            accounts = accounts.filter(first_due_on__lt=due_before)
        if at_least:
            accounts = accounts.filter(balance__gte=at_least)
        is_filtered = any([search, enrollment, age, due_before, at_least, self.user_id])
        return DuesResults(self, accounts, is_filtered=is_filtered)

    def _with_charges_of(self, age, accounts):
        if age is OVERDUE:
            return accounts.overdue(self.on)
        charges = Charge.objects.unpaid()
        if age.min_days is not None:
            charges = charges.filter(due_on__lte=self.on - age.min_days * DAY)
        if age.max_days is not None:
            charges = charges.filter(due_on__gte=self.on - age.max_days * DAY)
        return accounts.filter(pk__in=charges.order_by().values("student"))

    def _of_students(self, rows, search, enrollment):
        rows = rows.restricted_to(self.user_id)
        if search:
            rows = rows.filter(student__in=User.objects.order_by().matching(search).values("pk"))
        charged = Exists(self.charges.filter(enrollment=OuterRef("pk")))
        for path, value in (enrollment or {}).items():
            enrollments = Enrollment.objects.filter(charged, **{path: value}).order_by()
            rows = rows.filter(student__in=enrollments.values("student"))
        return rows

    def debtors(self, ids):
        """Return a StudentDues for each student, with two queries; three for a past day."""
        ids = list(ids)
        end = timezone.make_aware(datetime.datetime.combine(self.on + DAY, datetime.time.min))
        accounts = {account.pk: account for account in _accounts(ids=ids, on=self.on, end=end)}
        charges, uncleared = self._unpaid_charges(ids), self._uncleared(accounts)
        for account in accounts.values():
            account.dues = self._dues_of(account)
            account.uncleared = uncleared[account.pk]
        return [StudentDues(accounts[key], charges[key], self.on) for key in ids if key in accounts]

    def _dues_of(self, account):
        return account.balance

    def _uncleared(self, accounts):
        return {key: account.uncleared for key, account in accounts.items()}

    def _unpaid_charges(self, ids):
        return _charges_by_student(ids)


class UnpaidCharge(NamedTuple):
    due_on: datetime.date
    amount: Decimal
    batch: str | None


@compiled  # 5.0 to 1.6 ms, with each page of the list of dues
def _accounts(*, ids, on, end):
    return (
        Account.objects.filter(pk__in=ids)
        .with_last_contact(on, end)
        .select_related("student__user")
    )


@compiled  # 1.1 to 0.5 ms, with each page of the list of dues
def _unpaid_charges(*, ids):
    charges = Charge.objects.unpaid().filter(student__in=ids).order_by("due_on", "pk")
    return charges.values_list("student", "due_on", "open_now", "enrollment__batch__name")


def _charges_by_student(ids):
    charges = defaultdict(list)
    for student, *charge in _unpaid_charges(ids=ids):
        charges[student].append(UnpaidCharge(*charge))
    return charges


def current_amounts(ids, on):
    """Return ``{student: DueAmounts}`` of today, ``on``, of those with fees; two queries."""
    ids = list(ids)
    charges, accounts = _charges_by_student(ids), Account.objects.filter(pk__in=ids)
    return {
        key: DueAmounts(
            on,
            ((charge.due_on, charge.amount) for charge in charges[key]),
            advance=max(-balance, ZERO),
            uncleared=uncleared,
        )
        for key, balance, uncleared in accounts.values_list("pk", "balance", "uncleared")
    }


class DuesResults:
    def __init__(self, dues, accounts, *, is_filtered):
        self.dues, self.accounts, self.is_filtered = dues, accounts, is_filtered

    @cached_property
    def totals(self):
        charges = Charge.objects.unpaid()
        if self.is_filtered:
            charges = charges.filter(student__in=self.accounts.values("pk"))
        ages = dict.fromkeys(AGE_GROUPS, ZERO)
        for due_on, amount in charges.order_by().values_list("due_on").annotate(Sum("open_now")):
            ages[age_group((self.dues.on - due_on).days)] += amount
        overdue = Count("pk", filter=Q(first_due_on__lt=self.dues.on))
        numbers = self.accounts.aggregate(
            students=Count("pk"),
            overdue_students=overdue,
            uncleared=Coalesce(Sum("uncleared"), ZERO_VALUE),
        )
        return DuesTotals(list(ages.values()), **numbers)

    def page(self, request):
        ids = self.accounts.values_list("pk", flat=True)
        return paginate(
            request,
            ids,
            self.dues.sorts,
            default="due",
            total=self.totals.students,
            is_printed=True,
        )

    def ids(self):
        """Return all students, those with the oldest dues first."""
        return self.accounts.order_by("first_due_on", "pk").values_list("pk", flat=True)


@dataclass
class DuesTotals:
    """Amounts in rupees, in the order of `AGE_GROUPS`."""

    ages: list
    students: int
    overdue_students: int
    uncleared: Decimal = ZERO  # cheques of these students

    @property
    def amount(self):
        return sum(self.ages, ZERO)

    @property
    def overdue(self):
        return sum(self.ages[-len(OVERDUE_GROUPS) :], ZERO)

    @property
    def by_age(self):
        return list(zip(AGE_GROUPS, self.ages, strict=True))


@dataclass
class StudentDues:
    """The dues of a student in rupees; ``charges`` are unpaid, oldest first."""

    account: Account
    charges: list[UnpaidCharge]
    on: datetime.date

    @cached_property
    def amounts(self):
        unpaid = ((charge.due_on, charge.amount) for charge in self.charges)
        return DueAmounts(self.on, unpaid, uncleared=self.account.uncleared)

    @property
    def oldest_unpaid(self):
        return self.charges[0] if self.charges else None

    @property
    def overdue(self):
        return self.amounts.overdue

    @property
    def due_now(self):
        return self.amounts.due_now

    def amount_in(self, age):
        amounts = (charge.amount for charge in self.charges if self._age_of(charge) is age)
        return sum(amounts, ZERO)

    def _age_of(self, charge):
        return age_group((self.on - charge.due_on).days)

    @property
    def can_be_emailed(self):
        student = self.account.student
        return self.amounts.if_cleared.due_now > ZERO and bool(
            student.guardian_email or student.user.email
        )

    @property
    def can_be_messaged(self):
        student = self.account.student
        numbers = [student.guardian_phone, student.user.phone]
        return self.amounts.if_cleared.due_now > ZERO and any(map(whatsapp_number, numbers))

    @property
    def phone(self):
        return self.account.student.contact_phone
