"""What the lists of payments, charges, acts on a student's fees, concessions that wait and refunds that are due are as
files."""

from coachmaster.core.exports import CellType, ExportColumn

PAYMENTS = [
    ExportColumn("Receipt", CellType.TEXT, str),
    ExportColumn("Date", CellType.DATE, lambda payment: payment.paid_on),
    ExportColumn("Student", CellType.TEXT, lambda payment: payment.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda payment: payment.student.admission_number
    ),
    ExportColumn(
        "Batch",
        CellType.TEXT,
        lambda payment: payment.enrollment.batch.name if payment.enrollment else None,
    ),
    ExportColumn("Mode", CellType.TEXT, lambda payment: payment.get_mode_display()),
    ExportColumn("Reference", CellType.TEXT, lambda payment: payment.reference),
    ExportColumn("Amount", CellType.AMOUNT, lambda payment: payment.amount),
    ExportColumn(
        "State",
        CellType.TEXT,
        lambda payment: payment.reversal.label if payment.is_cancelled else "Standing",
    ),
]

CONCESSIONS = [
    ExportColumn("Student", CellType.TEXT, lambda row: row.student.user.full_name),
    ExportColumn("Admission number", CellType.TEXT, lambda row: row.student.admission_number),
    ExportColumn("Kind", CellType.TEXT, lambda row: row.get_kind_display()),
    ExportColumn("Reason", CellType.TEXT, lambda row: row.reason),
    ExportColumn("Off what", CellType.TEXT, lambda row: row.charge),
    ExportColumn("Asked", CellType.DATETIME, lambda row: row.asked_at),
    ExportColumn("Asked by", CellType.TEXT, lambda row: row.asked_by),
    ExportColumn("Amount", CellType.AMOUNT, lambda row: row.total),
]

REFUNDS_DUE = [
    ExportColumn("Student", CellType.TEXT, lambda refund: refund.account.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda refund: refund.account.student.admission_number
    ),
    ExportColumn("Left", CellType.DATE, lambda refund: refund.account.left_on),
    ExportColumn("To give back by", CellType.DATE, lambda refund: refund.due_on),
    ExportColumn("Amount", CellType.AMOUNT, lambda refund: refund.amount),
]

#: The `Line`s of the ledger.
CHARGES = [
    ExportColumn("What", CellType.TEXT, lambda line: line.charge),
    ExportColumn("Due", CellType.DATE, lambda line: line.charge.due_on),
    ExportColumn("Amount", CellType.AMOUNT, lambda line: line.charge.amount),
    ExportColumn("Taken off", CellType.AMOUNT, lambda line: line.conceded),
    ExportColumn("Settled", CellType.AMOUNT, lambda line: line.paid),
    ExportColumn("Open", CellType.AMOUNT, lambda line: line.unpaid),
]

#: Pairs of a `StatementLine` and the balance after it.
STATEMENT = [
    ExportColumn("Date", CellType.DATE, lambda pair: pair[0].on),
    ExportColumn("For", CellType.TEXT, lambda pair: pair[0].what),
    ExportColumn("Reference", CellType.TEXT, lambda pair: pair[0].reference),
    ExportColumn(
        "Charged", CellType.AMOUNT, lambda pair: pair[0].amount if pair[0].amount > 0 else None
    ),
    ExportColumn(
        "Credited", CellType.AMOUNT, lambda pair: -pair[0].amount if pair[0].amount < 0 else None
    ),
    ExportColumn("Balance", CellType.AMOUNT, lambda pair: pair[1]),
]
