"""Dues at the end of a past day. Later entries do not change them."""

from collections import defaultdict
from itertools import islice, pairwise
from operator import attrgetter
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import BigIntegerField, Q, Sum
from django.utils.functional import cached_property

from coachmaster.core.money import ZERO, from_paise, to_paise
from coachmaster.core.pagination import ListPage, page_size
from finance.ledger import allocate, amounts_uncleared, student_charges_as_of
from finance.models import Account, Charge, Concession, Payment, Refund

from .age_groups import AGE_GROUP_BY_KEY, AGE_GROUPS, OVERDUE, OVERDUE_GROUPS
from .current_dues import DAY, CurrentDues, DuesTotals, UnpaidCharge


class PastDues(CurrentDues):
    is_past = True

    @property
    def charges(self):
        return Charge.objects.as_of(self.on)

    def find(self, *, search="", enrollment=None, age=None, due_before=None, at_least=None):
        days = [
            self.on - group.max_days * DAY for group in AGE_GROUPS if group.max_days is not None
        ]
        rows = self._rows(search, enrollment, [*days, due_before] if due_before else days)
        self._dues_in_paise = {row.student: row.dues for row in rows}
        if age:
            rows = [row for row in rows if row.has_charges_of(age)]
        if due_before:
            rows = [row for row in rows if row.dues > row.later[-1]]
        if at_least:
            rows = [row for row in rows if row.dues >= to_paise(at_least)]
        return PastDuesResults(rows)

    def _rows(self, search, enrollment, days):
        """Return the rows of students with dues, with one query for each kind of entry."""

        def sums(rows, due_on=None):
            rows = self._of_students(rows, search, enrollment).order_by().values_list("student")
            later = [_paise(Q(**{f"{due_on}__gte": day})) for day in days if due_on]
            return rows.annotate(
                total=_paise(), **{f"later_{place}": each for place, each in enumerate(later)}
            )

        conceded = {
            student: amounts
            for student, *amounts in sums(Concession.objects.as_of(self.on), "charge__due_on")
        }
        paid = dict(sums(Payment.objects.as_of(self.on)))
        refunded = dict(sums(Refund.objects.as_of(self.on)))
        uncleared = dict(sums(Payment.objects.uncleared_as_of(self.on)))
        rows = []
        for student, *amounts in sums(self.charges, "due_on").order_by("student"):
            if student in conceded:
                amounts = [a - b for a, b in zip(amounts, conceded[student], strict=True)]
            net, *later = amounts
            dues = net - paid.get(student, 0) + refunded.get(student, 0)
            if dues > 0:
                rows.append(PastDuesRow(student, dues, later, uncleared.get(student, 0)))
        # The due dates themselves are known of the students of a page only.
        rows.sort(key=lambda row: (-row.oldest, -row.dues, row.student))
        return rows

    def _dues_of(self, account):
        return from_paise(self._dues_in_paise[account.pk])

    def _uncleared(self, accounts):
        return amounts_uncleared(list(accounts), self.on)

    def _unpaid_charges(self, ids):
        charges, unpaid = defaultdict(list), defaultdict(list)
        for charge in student_charges_as_of(students=ids, on=self.on):
            charges[charge.student_id].append(charge)
        for key, own in charges.items():
            net = sum((charge.amount - charge.conceded for charge in own), ZERO)
            paid = net - from_paise(self._dues_in_paise[key])
            unpaid[key] = [
                UnpaidCharge(
                    line.charge.due_on,
                    line.unpaid,
                    line.charge.enrollment and line.charge.enrollment.batch.name,
                )
                for line in allocate(own, paid, self.on)
                if line.unpaid > ZERO
            ]
        return unpaid


def _paise(condition=None):
    # Takes half the time of a total in rupees.
    return Sum("amount", filter=condition, default=0, output_field=BigIntegerField())


class PastDuesRow(NamedTuple):
    """Dues in paise, the net charges due on or after each of some days, and cheques."""

    student: int
    dues: int
    later: list
    uncleared: int

    @property
    def amounts(self):
        """Return the unpaid paise of each AgeGroup."""
        later = self.later[: len(AGE_GROUPS) - 1]
        older = [self.dues, *(max(self.dues - amount, 0) for amount in later), 0]
        return [more - less for more, less in pairwise(older)]

    @property
    def oldest(self):
        """Return the place of the oldest AgeGroup."""
        return sum(self.dues > later for later in self.later[: len(AGE_GROUPS) - 1])

    def has_charges_of(self, age):
        if age is OVERDUE:
            return AGE_GROUPS[self.oldest] in OVERDUE_GROUPS
        return self.amounts[AGE_GROUPS.index(age)] > 0


class PastDuesResults:
    def __init__(self, rows):
        self.rows = rows

    @cached_property
    def totals(self):
        sums = [sum(row.dues for row in self.rows)]
        for place in range(len(AGE_GROUPS) - 1):
            # What is left without charges in this age group or younger.
            sums.append(
                sum(row.dues - row.later[place] for row in self.rows if row.dues > row.later[place])
            )
        today = AGE_GROUPS.index(AGE_GROUP_BY_KEY["today"])
        return DuesTotals(
            ages=[from_paise(more - less) for more, less in pairwise([*sums, 0])],
            students=len(self.rows),
            overdue_students=sum(row.dues > row.later[today] for row in self.rows),
            uncleared=from_paise(sum(row.uncleared for row in self.rows)),
        )

    def page(self, request):
        page = Paginator(self.rows, page_size(request)).get_page(request.GET.get("page"))
        sort = request.GET.get("sort", "")
        start, end = max(page.start_index() - 1, 0), page.end_index()
        if sort in ["name", "-name"]:
            ids = islice(self._ids_by_name(sort.removesuffix("name")), start, end)
        elif sort in ["owed", "-owed"]:
            rows = sorted(self.rows, key=attrgetter("dues"), reverse=sort == "-owed")
            ids = [row.student for row in rows[start:end]]
        else:
            sort = "-due" if sort == "-due" else "due"
            ids = (self.ids()[::-1] if sort == "-due" else self.ids())[start:end]
        return ListPage(page, list(ids), sort)

    def _ids_by_name(self, sign):
        accounts = Account.objects.order_by(f"{sign}student__user__full_name", f"{sign}pk")
        found = set(self.ids())
        return (key for key in accounts.values_list("pk", flat=True).iterator() if key in found)

    def ids(self):
        """Return all students, those with the oldest dues first."""
        return [row.student for row in self.rows]
