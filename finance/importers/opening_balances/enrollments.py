import collections

from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display, split_in_proportion
from finance.models import Charge, ChargeKind, Concession, ConcessionKind
from finance.services.approval_limits import limits_of
from finance.services.bulk_cancellations import without_cancelled
from finance.services.bulk_enrollments import BulkEnrollment

from .columns import installments_of


def save_enrollments(balances, result, *, by):
    """Set `enrollment` of the valid rows, and return the ids of all students."""
    bulk = BulkEnrollment(
        student_ids={balance.student.pk for balance in balances},
        batch_ids={balance.batch.pk for balance in balances},
        by=by,
        imported=True,
    )
    existing = _existing_enrollments(bulk.student_ids)
    new, lines = [], {}
    for balance in balances:
        line = lines.setdefault(balance.key, balance.line)
        if line != balance.line:
            sentence = f"Row {line} is the same student in this batch. Keep one of them."
            result.add_error(balance, "batch", sentence)
        elif balance.key in existing:
            balance.enrollment = existing[balance.key]
        else:
            new.append(balance)
    _compare([balance for balance in balances if balance.enrollment], result)
    _enroll(new, bulk, result, by=by)
    return bulk.student_ids


def _existing_enrollments(student_ids):
    enrollments = {}
    for chunk in in_chunks(student_ids):
        found = without_cancelled(Enrollment.objects.filter(student__in=chunk))
        for enrollment in found.order_by("pk"):
            enrollments[enrollment.student_id, enrollment.batch_id] = enrollment
    return enrollments


# New enrollments ------------------------------------------------------------------------------


def _enroll(balances, bulk, result, *, by):
    created, concessions, limits = [], [], limits_of(by)
    for balance in balances:
        try:
            _check_limit(balance, limits)
            installments, shares = _installments_and_shares(balance)
            is_reduced = balance["agreed_fee"] < balance.batch.course.total_fee
            enrollment = bulk.enroll(
                student=balance.student,
                batch_id=balance.batch.pk,
                enrolled_on=balance["enrolled_on"],
                agreed_fee=balance["agreed_fee"],
                fee_reason=balance.reason if is_reduced else "",
                installments=installments,
            )
        except ValidationError as error:
            result.add_errors(balance, error, "agreed_fee")
            continue
        balance.enrollment, balance.is_new = enrollment, True
        result.add_amount("Tuition", enrollment.agreed_fee)
        result.add_amount("Concessions", sum(shares, ZERO))
        created.append(enrollment)
        if any(shares):
            concessions.append((balance, shares))
    for chunk in in_chunks(created):
        bulk.write(chunk)
    result.created_ids += [enrollment.pk for enrollment in created]
    result.records[Enrollment] = result.created_ids
    for chunk in in_chunks(concessions):
        _create_concessions(chunk, by)


def _check_limit(row, limits):
    if not limits.may_approve(row.get("concession", ZERO)):
        most = display(limits.approves_up_to)
        message = f"Your role approves concessions up to {most}. Ask somebody who approves more."
        raise ValidationError({"concession": message})


def _installments_and_shares(row):
    """Return ``(due date, amount)`` and the concession of each installment.

    Installments add up to the fee, or to the fee less the concession.
    """
    fee, concession = row["agreed_fee"], row.get("concession", ZERO)
    if concession > fee:
        raise ValidationError({"concession": f"At most {display(fee)}, the fee."})
    installments = sorted((due_on, amount) for _, due_on, amount in installments_of(row))
    if not installments:
        if fee == ZERO:
            return [], []
        installments = [(row["enrolled_on"], fee)]
    amounts = [amount for _, amount in installments]
    shares = split_in_proportion(concession, amounts)
    if concession and sum(amounts) == fee - concession:
        pairs = zip(installments, shares, strict=True)
        return [(due_on, amount + share) for (due_on, amount), share in pairs], shares
    if sum(amounts) != fee:
        less = f" or {display(fee - concession)}, less the concession" if concession else ""
        raise ValidationError(
            {
                "agreed_fee": f"The installments add up to {display(sum(amounts))}, not to the "
                f"fee of {display(fee)}{less}. Correct one of them."
            }
        )
    return installments, shares


def _create_concessions(balances_and_shares, by):
    now = timezone.now()
    charges = collections.defaultdict(list)
    enrollments = [balance.enrollment.pk for balance, _ in balances_and_shares]
    for charge in Charge.objects.filter(enrollment__in=enrollments).order_by("due_on", "pk"):
        charges[charge.enrollment_id].append(charge)
    Concession.objects.bulk_create(
        Concession(
            student_id=balance.student.pk,
            charge=charge,
            amount=share,
            kind=ConcessionKind.OTHER,
            reason=balance.reason,
            token=f"opening:{balance.enrollment.pk}",
            asked_by=by,
            approved_by=by,
            approved_on=charge.posted_on,
            approved_at=now,
        )
        for balance, shares in balances_and_shares
        for charge, share in zip(charges[balance.enrollment.pk], shares, strict=True)
        if share > ZERO
    )


# Existing enrollments -------------------------------------------------------------------------


def _compare(balances, result):
    ids = [balance.enrollment.pk for balance in balances]
    concessions, installments = _stored_concessions(ids), _stored_installments(ids)
    for balance in balances:
        concession = concessions[balance.enrollment.pk]
        _refuse_other_terms(balance, concession, result)
        _note_other_installments(balance, installments[balance.enrollment.pk], concession, result)


def _refuse_other_terms(balance, concession, result):
    enrollment = balance.enrollment
    if "agreed_fee" not in balance.filled:
        balance["agreed_fee"] = enrollment.agreed_fee
    for name, stored, value in (
        ("agreed_fee", enrollment.agreed_fee, balance["agreed_fee"]),
        ("concession", concession, balance.get("concession", concession)),
    ):
        if stored != value:
            result.add_error(
                balance,
                name,
                f"CoachMaster has {display(stored)}. Change it on the student's page, or correct "
                "this cell.",
            )
    if balance["enrolled_on"] != enrollment.enrolled_on and "enrolled_on" in balance.filled:
        result.notes.append(
            f"Row {balance.line}: CoachMaster has the joining date "
            f"{format_date(enrollment.enrolled_on)}, which is not changed."
        )


def _note_other_installments(balance, stored, concession, result):
    if not any(installments_of(balance)):
        return
    try:
        installments, _ = _installments_and_shares({"concession": concession, **balance})
    except ValidationError as error:
        result.add_errors(balance, error, "agreed_fee")
        return
    if sorted(installments) != stored:
        texts = [f"{display(amount)} on {format_date(due_on)}" for due_on, amount in stored]
        before = ", before the concession" if concession else ""
        result.notes.append(
            f"Row {balance.line}: CoachMaster has the installments {', '.join(texts) or 'none'}"
            f"{before}, which are not changed. Change them on the student's page."
        )


def _stored_concessions(enrollment_ids):
    """Return ``{enrollment id: concession on its tuition}``."""
    found = collections.defaultdict(lambda: ZERO)
    for chunk in in_chunks(enrollment_ids):
        concessions = Concession.objects.active().filter(
            charge__enrollment__in=chunk, charge__kind=ChargeKind.TUITION
        )
        sums = concessions.order_by().values_list("charge__enrollment").annotate(Sum("amount"))
        found.update(sums)
    return found


def _stored_installments(enrollment_ids):
    """Return ``{enrollment id: [(due date, amount)]}`` before concessions."""
    found = collections.defaultdict(list)
    for chunk in in_chunks(enrollment_ids):
        charges = Charge.objects.active().filter(enrollment__in=chunk, kind=ChargeKind.TUITION)
        for pk, due_on, amount in charges.order_by("due_on", "amount").values_list(
            "enrollment", "due_on", "amount"
        ):
            found[pk].append((due_on, amount))
    return found
