from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.dates import format_date, months_later
from finance.balances import refresh_accounts
from finance.locks import lock_account, lock_accounts
from finance.models import BulkActionKind, Charge, ChargeKind

from .bulk_actions import undoes
from .installments import cancel_charges, latest_due_date

UNDO_PROMISE = (
    "Undo cancels all of these charges. What was paid for them counts for other charges or as an "
    "advance."
)


@transaction.atomic
def post_charges(*, students, kind, label, amount, due_on, token, by, batch=None):
    """Charge each of ``students`` ``amount`` rupees; return the new charges.

    Students already charged with the same ``token`` are skipped.
    """
    _check_kind(kind)
    if not token:
        raise ValidationError("This form has expired. Open it again.")
    check_due_date(due_on)
    keys = [student.pk for student in students]
    lock_accounts(keys)
    earlier = list(Charge.objects.filter(token=token))
    _check_same(earlier, kind=kind, label=label, amount=amount, due_on=due_on)
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


def _check_kind(kind):
    if kind in (ChargeKind.TUITION, ChargeKind.LATE_FEE):
        raise ValidationError(
            {
                "kind": "Choose another kind. Tuition is charged on enrollment, "
                "late fees by the late fee rules."
            }
        )


def _check_same(earlier, **fields):
    if any(getattr(charge, name) != value for charge in earlier for name, value in fields.items()):
        raise ValidationError(
            "This form was already used for another charge. Open it again for a further one."
        )


def current_enrollments(students, batch=None):
    """Return ``{student: active enrollment}``: in ``batch``, otherwise the latest one."""
    active = Enrollment.objects.active().filter(student__in=students)
    if batch is not None:
        active = active.filter(batch=batch)
    return {
        enrollment.student_id: enrollment for enrollment in active.order_by("enrolled_on", "pk")
    }


def check_due_date(day):
    """Raise ValidationError if ``day`` is so far away that its year must be wrong."""
    first, last = months_later(timezone.localdate(), -12), latest_due_date()
    if not first <= day <= last:
        message = f"Choose a day from {format_date(first)} to {format_date(last)}."
        raise ValidationError({"due_on": message})


def already_charged(students, *, kind, label):
    same = Charge.objects.active().filter(student__in=students, kind=kind, label__iexact=label)
    return set(same.values_list("student", flat=True))


@transaction.atomic
def cancel_charge(*, charge, reason, by):
    """Cancel a charge other than tuition. What was paid for it pays other charges."""
    if not reason:
        raise ValidationError({"reason": "Enter the reason for cancelling the charge."})
    lock_account(charge.student_id)
    charge = Charge.objects.get(pk=charge.pk)
    if charge.kind == ChargeKind.TUITION:
        raise ValidationError(
            "Tuition cannot be cancelled. Grant a concession, change the installments, or drop "
            "the student."
        )
    if charge.is_cancelled:
        raise ValidationError("This charge is already cancelled.")
    cancel_charges([charge], reason=reason, by=by)
    refresh_accounts([charge.student_id])
    return charge


@undoes(BulkActionKind.CHARGE, permission="finance.change_charge", promise=UNDO_PROMISE)
@transaction.atomic
def undo_charges(action, *, by, reason):
    """Cancel the charges of ``action``. Those that were cancelled before stay as they are."""
    charges = action.rows_of(Charge)
    students = list(charges.order_by().values_list("student", flat=True).distinct())
    lock_accounts(students)
    active = list(charges.active())
    if not active:
        raise ValidationError("All of these charges are already cancelled.")
    cancel_charges(active, reason=reason, by=by, is_undone=True)
    refresh_accounts(students)
