"""What the lists of payments, charges, acts on a student's fees, concessions that wait and refunds that are due are as
files."""

from coachmaster.core.exports import Column, Kind

PAYMENTS = [
    Column("Receipt", Kind.TEXT, str),
    Column("Date", Kind.DAY, lambda payment: payment.paid_on),
    Column("Student", Kind.TEXT, lambda payment: payment.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda payment: payment.student.admission_number),
    Column(
        "Batch",
        Kind.TEXT,
        lambda payment: payment.enrollment.batch.name if payment.enrollment else None,
    ),
    Column("Mode", Kind.TEXT, lambda payment: payment.get_mode_display()),
    Column("Reference", Kind.TEXT, lambda payment: payment.reference),
    Column("Amount", Kind.AMOUNT, lambda payment: payment.amount),
    Column(
        "State",
        Kind.TEXT,
        lambda payment: payment.reversal.label if payment.is_cancelled else "Standing",
    ),
]

CONCESSIONS = [
    Column("Student", Kind.TEXT, lambda row: row.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda row: row.student.admission_number),
    Column("Kind", Kind.TEXT, lambda row: row.get_kind_display()),
    Column("Reason", Kind.TEXT, lambda row: row.reason),
    Column("Off what", Kind.TEXT, lambda row: row.charge),
    Column("Asked", Kind.MOMENT, lambda row: row.asked_at),
    Column("Asked by", Kind.TEXT, lambda row: row.asked_by),
    Column("Amount", Kind.AMOUNT, lambda row: row.total),
]

REFUNDS_DUE = [
    Column("Student", Kind.TEXT, lambda refund: refund.account.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda refund: refund.account.student.admission_number),
    Column("Left", Kind.DAY, lambda refund: refund.account.left_on),
    Column("To give back by", Kind.DAY, lambda refund: refund.due_on),
    Column("Amount", Kind.AMOUNT, lambda refund: refund.amount),
]

#: The `Line`s of the ledger.
CHARGES = [
    Column("What", Kind.TEXT, lambda line: line.charge),
    Column("Due", Kind.DAY, lambda line: line.charge.due_on),
    Column("Amount", Kind.AMOUNT, lambda line: line.charge.amount),
    Column("Taken off", Kind.AMOUNT, lambda line: line.conceded),
    Column("Settled", Kind.AMOUNT, lambda line: line.paid),
    Column("Open", Kind.AMOUNT, lambda line: line.unpaid),
]

#: Pairs of a `StatementLine` and the balance after it.
STATEMENT = [
    Column("Date", Kind.DAY, lambda pair: pair[0].on),
    Column("For", Kind.TEXT, lambda pair: pair[0].what),
    Column("Reference", Kind.TEXT, lambda pair: pair[0].reference),
    Column("Charged", Kind.AMOUNT, lambda pair: pair[0].amount if pair[0].amount > 0 else None),
    Column("Credited", Kind.AMOUNT, lambda pair: -pair[0].amount if pair[0].amount < 0 else None),
    Column("Balance", Kind.AMOUNT, lambda pair: pair[1]),
]
