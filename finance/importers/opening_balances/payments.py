import collections
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError

from coachmaster.core.chunks import in_chunks
from coachmaster.core.money import ZERO, display
from finance.models import Mode, Payment, ReceiptSeries
from finance.services.payments import ReceivedMoney, build_payment


@dataclass
class _StoredPayments:
    """The opening payments of a student in a batch."""

    #: Cancelled ones count too: each has its own token.
    count: int = 0
    amount: Decimal = ZERO
    #: ``(paid_on, mode, notes)`` of the last one that is not cancelled.
    last: tuple | None = None


def save_payments(balances, student_ids, bulk, result):
    bulk.student_ids = student_ids
    stored, due = _stored_payments(student_ids), []
    for balance in balances:
        before = stored[balance.key]
        difference = balance.get("paid", before.amount) - before.amount
        if difference < ZERO:
            result.add_error(
                balance,
                "paid",
                f"{display(before.amount)} was imported before. An import never reduces a "
                "payment: cancel the opening payment.",
            )
        elif difference > ZERO:
            due.append((balance, difference, _token(balance.key, before.count + 1)))
            if not balance.is_new:
                balance.changes["paid"] = (before.amount, balance["paid"])
        elif before.last and _differs(balance, *before.last):
            result.notes.append(
                f"Row {balance.line}: the date, mode or old receipts of the payment differ from "
                "those imported before, which are not changed. Cancel the opening payment to "
                "import it again."
            )
        _check_balance(balance, result)
    due.sort(key=lambda payment: (payment[0]["paid_on"], payment[0].line))
    _write(due, bulk, result)


def _write(due, bulk, result):
    numbered = [(*payment, bulk.reserve_number(payment[0]["paid_on"])) for payment in due]
    for chunk in in_chunks(numbered, 500):
        statuses = bulk.statuses({balance.student.pk for balance, *_ in chunk})
        payments = []
        for balance, amount, token, (series, number) in chunk:
            try:
                payment = build_payment(
                    student=balance.student,
                    received=ReceivedMoney(
                        amount=amount,
                        paid_on=balance["paid_on"],
                        mode=balance.get("mode", Mode.CASH),
                        cheque_on=balance["paid_on"],
                        notes=balance.notes,
                        token=token,
                        enrollment=balance.enrollment,
                        has_cleared=True,
                    ),
                    series=series,
                    number=number,
                    status=statuses[balance.student.pk],
                    letterhead=bulk.letterhead,
                    by=None,
                )
            except ValidationError as error:
                result.add_errors(balance, error, "paid")
            else:
                payments.append(payment)
                result.add_amount("Payments", amount)
                statuses[balance.student.pk] = statuses[balance.student.pk].after(amount)
        if result.is_valid:
            bulk.write(payments)
            result.records.setdefault(Payment, []).extend(payment.pk for payment in payments)
    if result.is_valid:
        bulk.finish()  # also the accounts of students without a payment


def _token(key, count):
    student, batch = key
    return f"opening:{student}:{batch}:{count}"


def _stored_payments(student_ids):
    """Return ``{(student id, batch id): _StoredPayments}``."""
    found = collections.defaultdict(_StoredPayments)
    for chunk in in_chunks(student_ids):
        payments = Payment.objects.filter(
            student__in=chunk, series__kind=ReceiptSeries.Kind.OPENING
        ).order_by("pk")
        for student, token, amount, reversal, *last in payments.values_list(
            "student", "token", "amount", "reversal", "paid_on", "mode", "notes"
        ):
            _, _, batch, _ = token.split(":")
            stored = found[student, int(batch)]
            stored.count += 1
            if not reversal:
                stored.amount += amount
                stored.last = tuple(last)
    return found


def _differs(balance, paid_on, mode, notes):
    return (
        ("paid_on" in balance.filled and balance["paid_on"] != paid_on)
        or ("mode" in balance.filled and balance["mode"] != mode)
        or ("receipt_numbers" in balance.filled and balance.notes != notes)
    )


def _check_balance(balance, result):
    if "balance" not in balance:
        return
    amount = balance["agreed_fee"] - balance.get("concession", ZERO) - balance.get("paid", ZERO)
    if amount != balance["balance"]:
        result.add_error(
            balance,
            "balance",
            f"Fee, concession and paid give {display(amount)}. Correct one of them.",
        )
