"""Columns of the lists of finance in CSV and XLSX."""

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
        "Status",
        CellType.TEXT,
        lambda payment: payment.status_label or "Valid",
    ),
]

#: Rows are ChequeRows.
CHEQUES = [
    ExportColumn("Receipt", CellType.TEXT, lambda row: str(row.payment)),
    ExportColumn("Student", CellType.TEXT, lambda row: row.payment.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda row: row.payment.student.admission_number
    ),
    ExportColumn("Cheque", CellType.TEXT, lambda row: row.payment.reference),
    ExportColumn("Dated", CellType.DATE, lambda row: row.payment.cheque_on),
    ExportColumn("Received", CellType.DATE, lambda row: row.payment.paid_on),
    ExportColumn("Deposit", CellType.DATE, lambda row: row.payment.deposit_on),
    ExportColumn(
        "Cleared",
        CellType.DATE,
        lambda row: row.payment.clearing.cleared_on if row.payment.is_cleared else None,
    ),
    ExportColumn(
        "Bounced",
        CellType.DATE,
        lambda row: row.payment.reversal.voided_on if row.payment.is_cancelled else None,
    ),
    ExportColumn("Amount", CellType.AMOUNT, lambda row: row.payment.amount),
]

#: Rows are PendingConcessions.
CONCESSIONS = [
    ExportColumn("Student", CellType.TEXT, lambda row: row.concession.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda row: row.concession.student.admission_number
    ),
    ExportColumn("Kind", CellType.TEXT, lambda row: row.concession.get_kind_display()),
    ExportColumn("Reason", CellType.TEXT, lambda row: row.concession.reason),
    ExportColumn("Charge", CellType.TEXT, lambda row: row.concession.charge),
    ExportColumn("Requested", CellType.DATETIME, lambda row: row.concession.asked_at),
    ExportColumn("Requested by", CellType.TEXT, lambda row: row.concession.asked_by),
    ExportColumn("Amount", CellType.AMOUNT, lambda row: row.amount),
    ExportColumn("With earlier concessions", CellType.AMOUNT, lambda row: row.total),
    ExportColumn("Approval by", CellType.TEXT, lambda row: row.roles_label),
]

REFUNDS_DUE = [
    ExportColumn("Student", CellType.TEXT, lambda refund: refund.account.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda refund: refund.account.student.admission_number
    ),
    ExportColumn("Left on", CellType.DATE, lambda refund: refund.account.left_on),
    ExportColumn("Refund by", CellType.DATE, lambda refund: refund.due_on),
    ExportColumn("Amount", CellType.AMOUNT, lambda refund: refund.amount),
]

#: Rows are the shown lines of a FeeStatus.
CHARGES = [
    ExportColumn("Charge", CellType.TEXT, lambda line: line.charge),
    ExportColumn("Due on", CellType.DATE, lambda line: line.charge.due_on),
    ExportColumn("Amount", CellType.AMOUNT, lambda line: line.amount),
    ExportColumn("Concession", CellType.AMOUNT, lambda line: line.conceded),
    ExportColumn("Paid", CellType.AMOUNT, lambda line: line.paid),
    ExportColumn("Balance", CellType.AMOUNT, lambda line: line.unpaid),
]

#: Rows are pairs of a StatementLine and the balance after it.
STATEMENT = [
    ExportColumn("Date", CellType.DATE, lambda pair: pair[0].on),
    ExportColumn("Particulars", CellType.TEXT, lambda pair: pair[0].label),
    ExportColumn("Reference", CellType.TEXT, lambda pair: pair[0].reference),
    ExportColumn(
        "Charged", CellType.AMOUNT, lambda pair: pair[0].amount if pair[0].amount > 0 else None
    ),
    ExportColumn(
        "Credited", CellType.AMOUNT, lambda pair: -pair[0].amount if pair[0].amount < 0 else None
    ),
    ExportColumn("Balance", CellType.AMOUNT, lambda pair: pair[1]),
]


def bulk_action_columns(user):
    columns = [
        ExportColumn("Description", CellType.TEXT, lambda action: action.description),
        ExportColumn("Kind", CellType.TEXT, lambda action: action.get_kind_display()),
        ExportColumn("Date", CellType.DATETIME, lambda action: action.at),
        ExportColumn("By", CellType.TEXT, lambda action: action.by),
        ExportColumn("Rows", CellType.NUMBER, lambda action: action.row_count),
        ExportColumn("Undone", CellType.DATETIME, lambda action: action.undone_at),
        ExportColumn("Undone by", CellType.TEXT, lambda action: action.undone_by),
        ExportColumn("Reason", CellType.TEXT, lambda action: action.undo_reason),
    ]
    if user.has_perm("finance.view_payment"):
        columns.insert(5, ExportColumn("Amount", CellType.AMOUNT, lambda action: action.amount))
    return columns


DAY_CLOSES = [
    ExportColumn("Day", CellType.DATE, lambda close: close.closed_on),
    ExportColumn("Person", CellType.TEXT, lambda close: close.person.full_name),
    ExportColumn("Opening cash", CellType.AMOUNT, lambda close: close.opening_cash),
    ExportColumn("Cash of the day", CellType.AMOUNT, lambda close: close.system_cash),
    ExportColumn("Taken to the bank", CellType.AMOUNT, lambda close: close.banked_cash),
    ExportColumn("Expected cash", CellType.AMOUNT, lambda close: close.expected_cash),
    ExportColumn("Counted cash", CellType.AMOUNT, lambda close: close.counted_cash),
    ExportColumn("Difference", CellType.AMOUNT, lambda close: close.difference),
    ExportColumn("Reason for opening cash", CellType.TEXT, lambda close: close.opening_note),
    ExportColumn("Note", CellType.TEXT, lambda close: close.note),
    ExportColumn("Closed by", CellType.TEXT, lambda close: str(close.closed_by or close.person)),
]
