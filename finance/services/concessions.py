"""Concessions: asked for, approved, taken back. Each is one or more rows with a token in common, one row a charge."""

import secrets
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from academics.models import Enrollment, Institute
from accounts.models import StudentProfile
from coachmaster.core.money import ZERO, display, share, split_in_proportion
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Concession


def siblings(student):
    """Active students whose guardian has the same phone, to suggest the sibling concession by."""
    if not student.guardian_phone:
        return StudentProfile.objects.none()
    alike = StudentProfile.objects.filter(guardian_phone=student.guardian_phone).exclude(
        pk=student.pk
    )
    return alike.filter(
        Exists(Enrollment.objects.active().filter(student=OuterRef("pk")))
    ).select_related("user")


def first_siblings(student):
    """The first of them by name, as pages name them."""
    return list(siblings(student).order_by("user__full_name", "pk")[:5])


@transaction.atomic
def request_concession(*, student, charges, kind, reason, by, amount=None, percent=None, token=""):
    """Take ``amount`` rupees, or ``percent`` of what is open, off ``charges`` of ``student``; returns the rows.

    It is spread over what is open of them in proportion, none below zero. Where these charges would have more taken off
    in all than the institute's limit, it waits for an approval and changes nothing until then. The same ``token`` gives
    the rows of the first time. Raises ValidationError.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the student pays less."})
    lock_account(student.pk)
    if token and (earlier := list(Concession.objects.filter(token=token).select_related("charge"))):
        return _same_concession(earlier, student, kind, reason)
    today = timezone.localdate()
    chosen = {charge.pk for charge in charges}
    lines = [
        line
        for line in fee_status(student, today).lines
        if line.charge.pk in chosen and line.unpaid > ZERO
    ]
    unpaid = sum((line.unpaid for line in lines), ZERO)
    if not lines:
        raise ValidationError("Nothing is open of these charges, so nothing can be taken off.")
    if percent is not None:
        amount = share(unpaid, percent, 100)
    if amount is None or amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})
    if amount > unpaid:
        raise ValidationError({"amount": f"At most {display(unpaid)}, what is still open."})
    parts = split_in_proportion(amount, [line.unpaid for line in lines])
    in_all = amount + sum(
        (line.conceded for line in lines), ZERO
    )  # several small ones are not a way round the limit
    is_approved = in_all <= Institute.objects.current().concession_limit
    now = timezone.now()
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
            approved_by=by if is_approved else None,
            approved_on=today if is_approved else None,
            approved_at=now if is_approved else None,
        )
        for line, part in zip(lines, parts, strict=True)
        if part > ZERO
    ]
    for row in rows:
        row.clean_fields(exclude=["student", "charge", "asked_by", "approved_by"])
    Concession.objects.bulk_create(rows)
    refresh_accounts([student.pk])
    return rows


def _same_concession(earlier, student, kind, reason):
    """``earlier``, the rows that the token gave before. Raises ValidationError when it was about something else."""
    if {(row.student_id, row.kind, row.reason) for row in earlier} != {(student.pk, kind, reason)}:
        raise ValidationError(
            "This form was already used for another concession. Open it again for a further one."
        )
    return earlier


def _locked_rows(token):
    """The rows of one concession and its student's account, locked."""
    first = Concession.objects.filter(token=token).first()
    if first is None:
        raise ValidationError("This concession does not exist.")
    lock_account(first.student_id)
    return list(Concession.objects.filter(token=token).select_related("charge", "student__user"))


@transaction.atomic
def approve_concession(*, token, by):
    """Let a waiting concession count from today. Raises ValidationError when it no longer waits, or no longer fits."""
    rows = _locked_rows(token)
    if not all(row.is_waiting for row in rows):
        raise ValidationError("This concession was decided already.")
    today = timezone.localdate()
    student = rows[0].student
    unpaid = {line.charge.pk: line.unpaid for line in fee_status(student, today).lines}
    for row in rows:
        if row.amount > unpaid.get(row.charge_id, ZERO):
            raise ValidationError(
                f"Of {row.charge} only {display(unpaid.get(row.charge_id, ZERO))} is still open. "
                "Decline this concession and ask for one that fits."
            )
    now = timezone.now()
    for row in rows:
        row.approved_by, row.approved_on, row.approved_at = by, today, now
    Concession.objects.bulk_update(rows, ["approved_by", "approved_on", "approved_at"])
    refresh_accounts([student.pk])
    return rows


@transaction.atomic
def withdraw_concession(*, token, reason, by):
    """Decline a waiting concession, or take back one that counts. Raises ValidationError."""
    if not reason:
        raise ValidationError({"reason": "Say why."})
    rows = _locked_rows(token)
    if any(row.cancelled_on for row in rows):
        raise ValidationError("This concession was taken back already.")
    today = timezone.localdate()
    for row in rows:
        row.cancelled_on, row.cancelled_by, row.cancel_reason = today, by, reason[:200]
    Concession.objects.bulk_update(rows, ["cancelled_on", "cancelled_by", "cancel_reason"])
    refresh_accounts([rows[0].student_id])
    return rows


@dataclass
class ConcessionRecord:
    """One concession with all its rows, for its history: what its charges came to ``before`` and ``after``, in rupees."""

    rows: list[Concession]
    before: Decimal

    @property
    def first(self):
        """The row that speaks for all: they have everything in common but charge and amount."""
        return self.rows[0]

    @property
    def amount(self):
        """What it takes off, in rupees."""
        return sum((row.amount for row in self.rows), ZERO)

    @property
    def after(self):
        """What its charges come to with it."""
        return self.before - self.amount

    @property
    def has_lapsed(self):
        """Whether all its charges were cancelled, by which it counts no more."""
        return all(row.charge.cancelled_on for row in self.rows)


def concession_history(student):
    """Everything that was taken off the fees of ``student``, asked for or taken back: a list of Given, newest first."""
    about = "charge__enrollment__batch", "asked_by", "approved_by", "cancelled_by"
    groups = {}
    for row in (
        Concession.objects.filter(student=student).select_related(*about).order_by("asked_at", "pk")
    ):
        groups.setdefault(row.token, []).append(row)
    every = [row for group in groups.values() for row in group]
    found = [
        ConcessionRecord(rows=group, before=_before(group, every)) for group in groups.values()
    ]
    return found[::-1]


def _before(group, every):
    """What the charges of ``group`` came to before it, less what of ``every`` row counted then."""
    first = group[0]
    moment = first.approved_at or first.asked_at
    charges = {row.charge_id for row in group}
    counted = [
        row.amount
        for row in every
        if row.charge_id in charges
        and row.token != first.token
        and row.approved_at
        and (row.approved_at, row.pk) < (moment, first.pk)
        and not (row.cancelled_on and row.cancelled_on <= timezone.localdate(moment))
    ]
    return sum((row.charge.amount for row in group), ZERO) - sum(counted, ZERO)
