"""Charges beside tuition: registration, material, exams; for one student or for many at once."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.dates import format_date, months_later
from finance.balances import refresh_accounts
from finance.locks import lock_account, lock_accounts
from finance.models import Charge, ChargeKind

from . import installments


def current_enrollments(students, batch=None):
    """The active enrollment of each of ``students``, by their keys: in ``batch`` or, without one, the latest."""
    active = Enrollment.objects.active().filter(student__in=students)
    if batch is not None:
        active = active.filter(batch=batch)
    return {
        enrollment.student_id: enrollment for enrollment in active.order_by("enrolled_on", "pk")
    }


def check_due_date(day):
    """Raises ValidationError for a day so far away that its year was typed wrongly."""
    first, last = months_later(timezone.localdate(), -12), installments.latest_due_date()
    if not first <= day <= last:
        raise ValidationError(
            {"due_on": f"Choose a day from {format_date(first)} to {format_date(last)}."}
        )


@transaction.atomic
def post_charges(*, students, kind, label, amount, due_on, token, by, batch=None):
    """Charge each of ``students`` ``amount`` rupees, due on ``due_on``; returns the charges that were posted now.

    Who was charged with this ``token`` already is passed over, so that sending a form again charges nobody twice.
    Raises ValidationError when the token was used for something else, or the kind has acts of its own.
    """
    if kind in (ChargeKind.TUITION, ChargeKind.LATE_FEE):
        raise ValidationError(
            {"kind": "This kind is posted by enrolling or by the rules of late fees."}
        )
    if not token:
        raise ValidationError("This form has lost its one-time token. Open it again.")
    check_due_date(due_on)
    keys = [student.pk for student in students]
    lock_accounts(keys)
    earlier = list(Charge.objects.filter(token=token))
    content = {(kind, label, amount, due_on)}
    if earlier and {(one.kind, one.label, one.amount, one.due_on) for one in earlier} != content:
        raise ValidationError(
            "This form was already used for another charge. Open it again for a further one."
        )
    enrollments = current_enrollments(keys, batch)
    done = {charge.student_id for charge in earlier}
    today = timezone.localdate()
    charges = [
        Charge(
            student_id=key,
            enrollment=enrollments.get(key),
            kind=kind,
            label=label,
            amount=amount,
            posted_on=today,
            due_on=due_on,
            posted_by=by,
            token=token,
        )
        for key in sorted(set(keys) - done)
    ]
    for charge in charges:
        charge.clean_fields(exclude=["student", "enrollment", "posted_by"])
    Charge.objects.bulk_create(charges)
    refresh_accounts([charge.student_id for charge in charges])
    return charges


def already_charged(students, *, kind, label):
    """The keys of those of ``students`` who have a charge of this kind and label that stands."""
    same = Charge.objects.active().filter(student__in=students, kind=kind, label__iexact=label)
    return set(same.values_list("student", flat=True))


@transaction.atomic
def cancel_charge(*, charge, reason, by):
    """Cancel ``charge``: it is no longer owed, and what was paid for it counts for others or as an advance.

    Raises ValidationError for tuition, which changes with its enrollment, and when it was cancelled already.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the charge is cancelled."})
    lock_account(charge.student_id)
    charge = Charge.objects.get(pk=charge.pk)
    if charge.kind == ChargeKind.TUITION:
        raise ValidationError(
            "Tuition changes by a concession, by its installments, or when the student leaves."
        )
    if charge.is_cancelled:
        raise ValidationError("This charge was cancelled already.")
    installments.cancel_charges([charge], reason=reason, by=by)
    refresh_accounts([charge.student_id])
    return charge
