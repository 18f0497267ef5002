"""A concession has one row for each charge, with a common token."""

import secrets
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.money import ZERO, display, share, split_in_proportion
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Concession

from .approval_limits import Approvers, ConcededTotals, needs_approval


def siblings(student):
    """Return active students with the same guardian phone."""
    if not student.guardian_phone:
        return StudentProfile.objects.none()
    active = Enrollment.objects.active().filter(student=OuterRef("pk"))
    return (
        StudentProfile.objects.filter(Exists(active), guardian_phone=student.guardian_phone)
        .exclude(pk=student.pk)
        .select_related("user")
    )


def first_siblings(student, user):
    """Return up to five siblings that ``user`` may see."""
    visible = siblings(student).visible_to(user)
    return list(visible.order_by("user__full_name", "pk")[:5])


@transaction.atomic
def request_concession(*, student, charges, kind, reason, by, amount=None, percent=None, token=""):
    """Reduce the unpaid amount of ``charges`` by ``amount`` rupees or by ``percent``.

    It waits for approval if the concessions on the enrollment exceed the limit of the role.
    The same ``token`` returns the rows of the first request.
    """
    if not reason:
        raise ValidationError({"reason": "Enter the reason for the concession."})
    lock_account(student.pk)
    if token and (earlier := list(Concession.objects.filter(token=token).select_related("charge"))):
        return _ensure_same(earlier, student, kind, reason)
    status = fee_status(student, timezone.localdate())
    lines = _unpaid_lines(status, charges)
    amount = _checked_amount(lines, amount, percent)
    parts = split_in_proportion(amount, [line.unpaid for line in lines])
    charges = [line.charge for line in lines]
    total = amount + ConcededTotals([student.pk]).on_enrollments_of(charges)
    token = token or secrets.token_urlsafe(24)
    rows = [
        Concession(
            student=student,
            charge=line.charge,
            amount=part,
            kind=kind,
            reason=reason,
            token=token,
            asked_by=by,
        )
        for line, part in zip(lines, parts, strict=True)
        if part > ZERO
    ]
    if not needs_approval(total, by=by):
        _set_approved(rows, by)
    for row in rows:
        row.clean_fields(exclude=["student", "charge", "asked_by", "approved_by"])
    Concession.objects.bulk_create(rows)
    refresh_accounts([student.pk])
    return rows


def _unpaid_lines(status, charges):
    chosen = {charge.pk for charge in charges}
    lines = [line for line in status.lines if line.charge.pk in chosen and line.unpaid > ZERO]
    if not lines:
        raise ValidationError("These charges are paid, so no concession is possible.")
    return lines


def _checked_amount(lines, amount, percent):
    unpaid = sum((line.unpaid for line in lines), ZERO)
    if percent is not None:
        amount = share(unpaid, percent, 100)
    if amount is None or amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})
    if amount > unpaid:
        raise ValidationError({"amount": f"At most {display(unpaid)}, the unpaid amount."})
    return amount


def _set_approved(rows, by):
    today, now = timezone.localdate(), timezone.now()
    for row in rows:
        row.approved_by, row.approved_on, row.approved_at = by, today, now


def _ensure_same(earlier, student, kind, reason):
    if {(row.student_id, row.kind, row.reason) for row in earlier} != {(student.pk, kind, reason)}:
        raise ValidationError(
            "This form was already used for another concession. Open it again for a further one."
        )
    return earlier


def _locked_rows(token):
    first = Concession.objects.filter(token=token).first()
    if first is None:
        raise ValidationError("This concession does not exist.")
    lock_account(first.student_id)
    return list(Concession.objects.filter(token=token).select_related("charge", "student__user"))


def check_can_approve(rows, *, by):
    """Raise ValidationError if ``by`` requested the concession or it exceeds their limit."""
    if not all(row.is_waiting for row in rows):
        raise ValidationError("This concession is already approved or declined.")
    before = ConcededTotals([rows[0].student_id]).on_enrollments_of(row.charge for row in rows)
    reason = Approvers(by).reason_not_allowed(
        total=sum((row.amount for row in rows), before), asked_by_id=rows[0].asked_by_id
    )
    if reason:
        raise ValidationError(reason)


@transaction.atomic
def approve_concession(*, token, by):
    """Approve a concession as of today. Raise ValidationError if too much is paid."""
    rows = _locked_rows(token)
    check_can_approve(rows, by=by)
    student = rows[0].student
    status = fee_status(student, timezone.localdate())
    unpaid = {line.charge.pk: line.unpaid for line in status.lines}
    for row in rows:
        if row.amount > (rest := unpaid.get(row.charge_id, ZERO)):
            raise ValidationError(
                f"Only {display(rest)} of {row.charge} is unpaid. "
                "Decline this concession and request a smaller one."
            )
    _set_approved(rows, by)
    Concession.objects.bulk_update(rows, ["approved_by", "approved_on", "approved_at"])
    refresh_accounts([student.pk])
    return rows


@transaction.atomic
def cancel_concession(*, token, reason, by):
    """Decline a waiting concession, or cancel an approved one."""
    if not reason:
        raise ValidationError({"reason": "Enter a reason."})
    rows = _locked_rows(token)
    if any(row.cancelled_on for row in rows):
        raise ValidationError("This concession is already cancelled.")
    today = timezone.localdate()
    for row in rows:
        row.cancelled_on, row.cancelled_by, row.cancel_reason = today, by, reason[:200]
    Concession.objects.bulk_update(rows, ["cancelled_on", "cancelled_by", "cancel_reason"])
    refresh_accounts([rows[0].student_id])
    return rows


@dataclass
class PendingConcession:
    """A concession that waits; ``concession`` is its first row."""

    concession: Concession
    amount: Decimal
    #: The amount with the earlier concessions on the enrollment.
    total: Decimal
    approving_roles: list
    #: Why the user may not approve it, or "".
    reason_not_allowed: str

    @property
    def roles_label(self):
        return " or ".join(map(str, self.approving_roles))


def pending_concessions(rows, user):
    """Return a PendingConcession for each of ``rows``, the first ones of concessions."""
    own_rows = defaultdict(list)
    tokens = [row.token for row in rows]
    for row in Concession.objects.waiting().filter(token__in=tokens).select_related("charge"):
        own_rows[row.token].append(row)
    conceded = ConcededTotals({row.student_id for row in rows})
    approvers = Approvers(user)
    pending = []
    for row in rows:
        amount = sum((part.amount for part in own_rows[row.token]), ZERO)
        charges = [part.charge for part in own_rows[row.token]]
        total = amount + conceded.on_enrollments_of(charges)
        reason = approvers.reason_not_allowed(total=total, asked_by_id=row.asked_by_id)
        roles = approvers.roles_for(total)
        pending.append(PendingConcession(row, amount, total, roles, reason))
    return pending


@dataclass
class ConcessionRecord:
    rows: list[Concession]
    before: Decimal
    pending: PendingConcession | None = None

    @property
    def first(self):
        return self.rows[0]

    @property
    def amount(self):
        return sum((row.amount for row in self.rows), ZERO)

    @property
    def after(self):
        return self.before - self.amount

    @property
    def is_pending(self):
        return self.first.is_waiting and not self.has_lapsed

    @property
    def has_lapsed(self):
        return all(row.charge.cancelled_on for row in self.rows)


def concession_history(student, user):
    related = "charge__enrollment__batch", "asked_by", "approved_by", "cancelled_by"
    rows = Concession.objects.filter(student=student).select_related(*related)
    groups = {}
    for row in rows.order_by("asked_at", "pk"):
        groups.setdefault(row.token, []).append(row)
    all_rows = [row for group in groups.values() for row in group]
    records = [
        ConcessionRecord(rows=group, before=_amount_before(group, all_rows))
        for group in groups.values()
    ]
    waiting = {record.first.token: record for record in records if record.is_pending}
    if waiting:
        first_rows = [record.first for record in waiting.values()]
        for pending in pending_concessions(first_rows, user):
            waiting[pending.concession.token].pending = pending
    return records[::-1]


def _amount_before(group, all_rows):
    """Return the net amount of the charges before this concession."""
    first = group[0]
    moment = first.approved_at or first.asked_at
    charges = {row.charge_id for row in group}
    counted = [
        row.amount
        for row in all_rows
        if row.charge_id in charges
        and row.token != first.token
        and row.approved_at
        and (row.approved_at, row.pk) < (moment, first.pk)
        and not (row.cancelled_on and row.cancelled_on <= timezone.localdate(moment))
    ]
    return sum((row.charge.amount for row in group), ZERO) - sum(counted, ZERO)
