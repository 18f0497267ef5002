"""The pages of finance, with the permission each needs."""

from django.urls import path

from accounts.roles import requires
from accounts.views.reminders import remind_by_email, remind_by_whatsapp
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance.services.reminders import FEE_REMINDERS

from .views import (
    approval_limits,
    batch_charges,
    batch_completions,
    batch_enrollments,
    bulk_actions,
    charges,
    cheques,
    collections,
    concessions,
    day_book,
    day_closes,
    dues,
    enrollments,
    fee_plans,
    installments,
    late_fees,
    payments,
    receipt_series,
    receipts,
    refunds,
    statements,
    student_fees,
    student_picker,
    transfers,
    withdrawals,
)

reminds = requires("finance.add_feereminder")

app_name = "finance"
urlpatterns = [
    path(
        "enrollments/add/",
        requires("academics.add_enrollment")(enrollments.enrollment_create),
        name="enrollment-create",
    ),
    path(
        "enrollments/<int:pk>/complete/",
        requires("academics.change_enrollment")(enrollments.enrollment_complete),
        name="enrollment-complete",
    ),
    path(
        "enrollments/<int:pk>/drop/",
        requires("academics.change_enrollment")(withdrawals.enrollment_drop),
        name="enrollment-drop",
    ),
    path(
        "enrollments/<int:pk>/transfer/",
        requires("academics.change_enrollment")(transfers.enrollment_transfer),
        name="enrollment-transfer",
    ),
    path(
        "batches/<int:pk>/enroll/",
        requires("academics.add_enrollment")(batch_enrollments.batch_enroll),
        name="batch-enroll",
    ),
    path(
        "batches/<int:pk>/complete/",
        requires("academics.change_enrollment")(batch_completions.batch_complete),
        name="batch-complete",
    ),
    path(
        "enrollments/<int:pk>/installments/",
        requires("finance.change_charge")(installments.installments_update),
        name="installments-change",
    ),
    path(
        "courses/<int:pk>/plans/add/",
        requires("finance.add_feeplan")(fee_plans.plan_create),
        name="plan-create",
    ),
    path(
        "plans/<int:pk>/edit/",
        requires("finance.change_feeplan")(fee_plans.plan_update),
        name="plan-update",
    ),
    path(
        "students/<int:pk>/concession/",
        requires("finance.add_concession")(concessions.concession_create),
        name="concession-ask",
    ),
    path(
        "concessions/",
        requires("finance.view_concession")(concessions.concession_list),
        name="concession-list",
    ),
    path(
        "concessions/<int:pk>/approve/",
        requires("finance.approve_concession")(concessions.concession_approve),
        name="concession-approve",
    ),
    path(
        "concessions/<int:pk>/cancel/",
        requires("finance.change_concession")(concessions.concession_cancel),
        name="concession-cancel",
    ),
    path(
        "institute/approval-limits/",
        requires([SEE_WHOLE_INSTITUTE, "finance.change_approvallimit"])(
            approval_limits.approval_limits
        ),
        name="approval-limits",
    ),
    path(
        "charges/<int:pk>/waive/",
        requires("finance.add_concession")(concessions.late_fee_waive),
        name="late-fee-waive",
    ),
    path(
        "students/<int:pk>/charge/",
        requires("finance.add_charge")(charges.student_charge),
        name="student-charge",
    ),
    path(
        "batches/<int:pk>/charge/",
        requires("finance.add_charge")(batch_charges.batch_charge),
        name="batch-charge",
    ),
    path(
        "charges/<int:pk>/cancel/",
        requires("finance.change_charge")(charges.charge_cancel),
        name="charge-cancel",
    ),
    path(
        "late-fees/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_latefeerule"])(late_fees.late_fee_rules),
        name="late-fee-rules",
    ),
    path(
        "late-fees/add/",
        requires([SEE_WHOLE_INSTITUTE, "finance.add_latefeerule"])(late_fees.late_fee_rule_create),
        name="late-fee-rule-create",
    ),
    path(
        "late-fees/<int:pk>/edit/",
        requires([SEE_WHOLE_INSTITUTE, "finance.change_latefeerule"])(
            late_fees.late_fee_rule_update
        ),
        name="late-fee-rule-update",
    ),
    path(
        "late-fees/post/",
        requires([SEE_WHOLE_INSTITUTE, "finance.add_charge"])(late_fees.late_fees_post),
        name="late-fees-post",
    ),
    path(
        "bulk-actions/",
        requires("finance.view_bulkaction")(bulk_actions.bulk_action_list),
        name="bulk-action-list",
    ),
    path(
        "bulk-actions/<int:pk>/",
        requires("finance.view_bulkaction")(bulk_actions.bulk_action),
        name="bulk-action",
    ),
    path(
        "bulk-actions/<int:pk>/undo/",
        requires("finance.change_bulkaction")(bulk_actions.bulk_action_undo),
        name="bulk-action-undo",
    ),
    path(
        "payments/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_payment"])(payments.payment_list),
        name="payment-list",
    ),
    path(
        "payments/add/",
        requires("finance.add_payment")(payments.payment_create),
        name="payment-create",
    ),
    path(
        "payments/start/",
        requires([SEE_WHOLE_INSTITUTE, "finance.change_receiptseries"])(
            receipt_series.receipt_start
        ),
        name="receipt-start",
    ),
    path("payments/<int:pk>/", requires("finance.view_payment")(receipts.receipt), name="receipt"),
    path(
        "payments/<int:pk>/pdf/",
        requires("finance.view_payment")(receipts.receipt_pdf),
        name="receipt-pdf",
    ),
    path(
        "payments/<int:pk>/printed/",
        requires("finance.view_payment")(receipts.receipt_printed),
        name="receipt-printed",
    ),
    path("r/<str:token>/", receipts.receipt_check, name="receipt-check"),
    path(
        "payments/<int:pk>/refund/",
        requires("finance.add_refund")(refunds.refund_create),
        name="refund-create",
    ),
    path(
        "refunds/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_refund"])(refunds.refund_due_list),
        name="refund-due-list",
    ),
    path("refunds/<int:pk>/", requires("finance.view_refund")(refunds.refund), name="refund"),
    path(
        "payments/<int:pk>/bounce/",
        requires("finance.add_reversal")(payments.payment_bounce),
        name="payment-bounce",
    ),
    path(
        "payments/<int:pk>/void/",
        requires("finance.add_reversal")(payments.payment_void),
        name="payment-void",
    ),
    path(
        "students/<int:pk>/payments/",
        requires("finance.view_payment")(payments.student_payments),
        name="student-payments",
    ),
    path(
        "students/<int:pk>/statement.pdf",
        requires("finance.view_payment")(statements.statement_pdf),
        name="statement-pdf",
    ),
    path(
        "students/<int:pk>/statement/",
        requires("finance.view_payment")(statements.statement),
        name="statement",
    ),
    path(
        "batches/<int:pk>/statements.zip",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_payment"])(statements.batch_statements),
        name="batch-statements",
    ),
    path(
        "students/<int:pk>/fees/",
        requires("finance.view_payment")(student_fees.student_fees),
        name="student-fees",
    ),
    path(
        "enrollments/add/students/",
        requires("academics.add_enrollment")(student_picker.student_suggestions),
        {"purpose": "enrollment"},
        name="enrollment-suggestions",
    ),
    path(
        "payments/add/students/",
        requires("finance.add_payment")(student_picker.student_suggestions),
        {"purpose": "payment"},
        name="payment-suggestions",
    ),
    path(
        "cheques/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_payment"])(cheques.cheque_list),
        name="cheque-list",
    ),
    path(
        "cheques/deposit/",
        requires("finance.add_chequedeposit")(cheques.cheque_deposit),
        name="cheque-deposit",
    ),
    path(
        "cheques/clear/",
        requires("finance.add_chequeclearing")(cheques.cheque_clear),
        name="cheque-clear",
    ),
    path(
        "collections/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_dayclose"])(collections.collections),
        name="collections",
    ),
    path(
        "day-book/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_dayclose"])(day_book.day_book),
        name="day-book",
    ),
    path(
        "day-book/close/",
        requires([SEE_WHOLE_INSTITUTE, "finance.add_dayclose"])(day_closes.day_close),
        name="day-close",
    ),
    path(
        "day-book/closes/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_dayclose"])(day_closes.day_close_list),
        name="day-close-list",
    ),
    path(
        "day-book/closes/<int:pk>/",
        requires([SEE_WHOLE_INSTITUTE, "finance.view_dayclose"])(day_closes.day_close_detail),
        name="day-close-detail",
    ),
    path("dues/remind/", reminds(remind_by_email), {"kind": FEE_REMINDERS}, name="remind-by-mail"),
    path(
        "students/<int:pk>/remind/",
        reminds(remind_by_whatsapp),
        {"kind": FEE_REMINDERS},
        name="remind",
    ),
    path("dues/", requires("finance.view_account")(dues.dues), name="dues"),
]
