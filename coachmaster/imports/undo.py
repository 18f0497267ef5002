"""What undoing an import does, for each kind of file."""

from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from academics.models import Batch, ClassTime, Course, Enrollment, Holiday
from accounts.models import Membership, StudentProfile, User
from attendance.models import EarlierAttendance, Sheet
from attendance.services.bulk_removals import remove_sheets, remove_totals
from coachmaster.core.chunks import in_chunks
from coachmaster.core.deletion import delete_unreferenced, reference_messages
from finance.models import Account, Payment
from finance.services.bulk_cancellations import cancel_enrollments, cancel_receipts


@dataclass(frozen=True)
class ImportUndo:
    """``apply(action, by=…, reason=…)`` runs in a transaction; ``promise`` says what it does."""

    apply: Callable
    promise: str
    #: Permissions besides those to import such a file.
    permissions: tuple[str, ...]


def delete_people(action, *, by, reason):
    people = action.rows_of(User)
    ids = list(people.values_list("pk", flat=True))
    manageable = User.objects.manageable_by(by)
    errors = []
    for chunk in in_chunks(ids):
        known = User.objects.filter(pk__in=chunk).order_by("pk")
        errors += [f"{user} has signed in." for user in known.exclude(last_login=None)]
        errors += [
            f"{user} has more permissions than you."
            for user in known.exclude(pk__in=manageable.filter(pk__in=chunk))
        ]
        errors += reference_messages(StudentProfile, chunk, apart_from=[Account])
    if errors:
        raise ValidationError(errors)
    delete_unreferenced(people, along=[Account, StudentProfile, Membership])


def delete_courses(action, *, by, reason):
    delete_unreferenced(action.rows_of(Course))


def delete_batches(action, *, by, reason):
    batches = action.rows_of(Batch)
    ids = list(batches.values_list("pk", flat=True))
    messages = reference_messages(Batch, ids, apart_from=[ClassTime])
    if messages:
        raise ValidationError(messages)
    ClassTime.objects.filter(batch__in=ids).delete()
    delete_unreferenced(batches)


def delete_holidays(action, *, by, reason):
    delete_unreferenced(action.rows_of(Holiday))


def undo_enrollments(action, *, by, reason):
    ids = list(action.rows_of(Enrollment).values_list("pk", flat=True))
    cancel_enrollments(ids, made_at=action.at, reason=reason, by=by)


def undo_payments(action, *, by, reason):
    ids = list(action.rows_of(Payment).values_list("pk", flat=True))
    cancel_receipts(ids, reason=reason, by=by)


def undo_opening_balances(action, *, by, reason):
    undo_payments(action, by=by, reason=reason)
    undo_enrollments(action, by=by, reason=reason)


def undo_sheets(action, *, by, reason):
    remove_sheets(list(action.rows_of(Sheet).values_list("pk", flat=True)))


def undo_totals(action, *, by, reason):
    remove_totals(list(action.rows_of(EarlierAttendance).values_list("pk", flat=True)))


_PEOPLE = ImportUndo(
    delete_people,
    "Undo deletes the new people, unless one of them has signed in, or has an enrollment, a batch, "
    "a payment or attendance. Admission numbers are not used again.",
    ("accounts.change_user",),
)
_SHEETS = ImportUndo(
    undo_sheets,
    "Undo deletes the new attendance sheets with their marks, unless one was saved again since. "
    "Marks on sheets that were there before stay.",
    ("attendance.correct_any_day",),
)
UNDO = {
    "instructors": _PEOPLE,
    "students": _PEOPLE,
    "courses": ImportUndo(
        delete_courses,
        "Undo deletes the new courses, unless one has a batch or a fee plan.",
        ("academics.change_course",),
    ),
    "batches": ImportUndo(
        delete_batches,
        "Undo deletes the new batches, unless one has an enrollment, attendance or a changed "
        "class.",
        ("academics.change_batch",),
    ),
    "holidays": ImportUndo(
        delete_holidays,
        "Undo deletes the new holidays.",
        ("academics.delete_holiday",),
    ),
    "enrollments": ImportUndo(
        undo_enrollments,
        "Undo ends the new enrollments on their first day and cancels their tuition, unless a "
        "student has attendance, a payment, a concession or another charge since.",
        ("academics.change_enrollment", "finance.change_charge"),
    ),
    "payments": ImportUndo(
        undo_payments,
        "Undo cancels the receipts, whose numbers stay used, unless a part of one was refunded.",
        ("finance.add_reversal",),
    ),
    "attendance": _SHEETS,
    "attendance-grid": _SHEETS,
    "attendance-totals": ImportUndo(
        undo_totals,
        "Undo removes the new totals of classes before CoachMaster.",
        ("attendance.correct_any_day",),
    ),
    "workbook": ImportUndo(
        undo_opening_balances,
        "Undo cancels the opening payments, ends the new enrollments on their first day and "
        "cancels their tuition, unless a student has attendance, a payment, a concession or "
        "another charge since. New students stay, since their cancelled receipts name them.",
        ("academics.change_enrollment", "finance.change_charge", "finance.add_reversal"),
    ),
}
