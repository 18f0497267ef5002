"""Charge the students of a batch the same amount."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from coachmaster.core.exceptions import Conflict
from coachmaster.core.text import plural
from finance.locks import lock_accounts
from finance.models import BulkAction, BulkActionKind, ChargeKind

from .bulk_actions import digest_of, find_done, record_bulk_action
from .charges import already_charged, post_charges


@dataclass(frozen=True)
class BatchCharge:
    """What to charge each student; ``charge_again`` includes those with the same charge."""

    kind: str
    label: str
    amount: Decimal
    due_on: datetime.date
    charge_again: bool = False

    def __str__(self):
        return self.label or ChargeKind(self.kind).label

    def split(self, students):
        """Return the students to charge, and those who are left out as they have this charge."""
        if self.charge_again:
            return list(students), []
        charged = already_charged(
            [student.pk for student in students], kind=self.kind, label=self.label
        )
        to_charge = [student for student in students if student.pk not in charged]
        return to_charge, [student for student in students if student.pk in charged]

    def digest_of(self, students):
        return digest_of((student.pk, self.amount) for student in students)


@transaction.atomic
def charge_batch(*, batch, students, charge, token, digest, by) -> BulkAction:
    """Charge the ``students`` that a page with ``digest`` has shown.

    Return the earlier action if ``token`` was used before. Raise Conflict if some of them were
    charged since; nothing is charged then.
    """
    lock_accounts([student.pk for student in students])
    if done := find_done(token):
        return done
    students, _ = charge.split(students)
    if not students or charge.digest_of(students) != digest:
        raise Conflict(
            "Some of these students were charged since this page was opened, so nothing was "
            "charged now. Check the new list."
        )
    charges = post_charges(
        students=students,
        batch=batch,
        kind=charge.kind,
        label=charge.label,
        amount=charge.amount,
        due_on=charge.due_on,
        token=token,
        by=by,
    )
    return record_bulk_action(
        kind=BulkActionKind.CHARGE,
        description=f"{charge} for {plural(len(charges), 'student')} of {batch}",
        rows=charges,
        amount=charge.amount * len(charges),
        token=token,
        by=by,
    )
