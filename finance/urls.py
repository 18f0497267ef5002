"""The pages of this app and who may open them."""

from django.urls import path

from accounts.roles import SCOPE, requires
from accounts.views.reminders import remind_by_mail, remind_by_whatsapp

from . import (
    charging,
    collecting,
    conceding,
    day_book,
    dunning,
    enrolling,
    numbering,
    picking,
    planning,
    refunding,
    views,
)
from .reminders import FEES

reminds = requires("finance.add_reminder")

app_name = "finance"
urlpatterns = [
    path("enrollments/add/", requires("academics.add_enrollment")(enrolling.enroll), name="enrollment-create"),
    path(
        "enrollments/<int:pk>/complete/",
        requires("academics.change_enrollment")(enrolling.complete),
        name="enrollment-complete",
    ),
    path("enrollments/<int:pk>/drop/", requires("academics.change_enrollment")(enrolling.drop), name="enrollment-drop"),
    path(
        "enrollments/<int:pk>/transfer/",
        requires("academics.change_enrollment")(enrolling.transfer),
        name="enrollment-transfer",
    ),
    path(
        "batches/<int:pk>/enroll/", requires("academics.add_enrollment")(enrolling.enroll_several), name="batch-enroll"
    ),
    path(
        "batches/<int:pk>/complete/",
        requires("academics.change_enrollment")(enrolling.complete_batch),
        name="batch-complete",
    ),
    path(
        "enrollments/<int:pk>/installments/",
        requires("finance.change_charge")(planning.change),
        name="installments-change",
    ),
    path("courses/<int:pk>/plans/add/", requires("finance.add_feeplan")(planning.plan_create), name="plan-create"),
    path("plans/<int:pk>/edit/", requires("finance.change_feeplan")(planning.plan_update), name="plan-update"),
    path("students/<int:pk>/concession/", requires("finance.add_concession")(conceding.ask), name="concession-ask"),
    path("concessions/", requires("finance.view_concession")(conceding.concession_list), name="concession-list"),
    path(
        "concessions/<int:pk>/approve/",
        requires("finance.approve_concession")(conceding.approve),
        name="concession-approve",
    ),
    path(
        "concessions/<int:pk>/cancel/",
        requires("finance.change_concession")(conceding.take_back),
        name="concession-cancel",
    ),
    path("charges/<int:pk>/waive/", requires("finance.add_concession")(conceding.waive), name="late-fee-waive"),
    path("students/<int:pk>/charge/", requires("finance.add_charge")(charging.student_charge), name="student-charge"),
    path("batches/<int:pk>/charge/", requires("finance.add_charge")(charging.batch_charge), name="batch-charge"),
    path("charges/<int:pk>/cancel/", requires("finance.change_charge")(charging.charge_cancel), name="charge-cancel"),
    path("late-fees/", requires("finance.view_latefeerule")(charging.rule_list), name="late-fee-rules"),
    path("late-fees/add/", requires("finance.add_latefeerule")(charging.rule_create), name="late-fee-rule-create"),
    path(
        "late-fees/<int:pk>/edit/",
        requires("finance.change_latefeerule")(charging.rule_update),
        name="late-fee-rule-update",
    ),
    path("late-fees/post/", requires("finance.add_charge")(charging.post_late_fees), name="late-fees-post"),
    path("payments/", requires([SCOPE, "finance.view_payment"])(views.payment_list), name="payment-list"),
    path("payments/add/", requires("finance.add_payment")(views.payment_create), name="payment-create"),
    path(
        "payments/start/",
        requires("finance.change_receiptseries")(numbering.receipt_start),
        name="receipt-start",
    ),
    path("payments/<int:pk>/", requires("finance.view_payment")(views.receipt), name="receipt"),
    path("payments/<int:pk>/pdf/", requires("finance.view_payment")(views.receipt_pdf), name="receipt-pdf"),
    path("payments/<int:pk>/printed/", requires("finance.view_payment")(views.receipt_printed), name="receipt-printed"),
    path("r/<str:token>/", views.receipt_check, name="receipt-check"),
    path("payments/<int:pk>/refund/", requires("finance.add_refund")(refunding.refund_create), name="refund-create"),
    path("refunds/", requires([SCOPE, "finance.view_refund"])(refunding.refund_due_list), name="refund-due-list"),
    path("refunds/<int:pk>/", requires("finance.view_refund")(refunding.voucher), name="refund"),
    path("payments/<int:pk>/bounce/", requires("finance.add_reversal")(views.payment_bounce), name="payment-bounce"),
    path("payments/<int:pk>/void/", requires("finance.add_reversal")(views.payment_void), name="payment-void"),
    path(
        "students/<int:pk>/payments/", requires("finance.view_payment")(views.student_payments), name="student-payments"
    ),
    path(
        "students/<int:pk>/statement.pdf", requires("finance.view_payment")(views.statement_pdf), name="statement-pdf"
    ),
    path("students/<int:pk>/statement/", requires("finance.view_payment")(views.statement), name="statement"),
    path(
        "batches/<int:pk>/statements.zip",
        requires([SCOPE, "finance.view_payment"])(views.batch_statements),
        name="batch-statements",
    ),
    path("students/<int:pk>/fees/", requires("finance.view_payment")(views.student_fees), name="student-fees"),
    path(
        "enrollments/add/students/",
        requires("academics.add_enrollment")(picking.suggestions),
        {"purpose": "enrollment"},
        name="enrollment-suggestions",
    ),
    path(
        "payments/add/students/",
        requires("finance.add_payment")(picking.suggestions),
        {"purpose": "payment"},
        name="payment-suggestions",
    ),
    path("collections/", requires("finance.view_dayclose")(collecting.collections), name="collections"),
    path("day-book/", requires("finance.view_dayclose")(day_book.day_book), name="day-book"),
    path("day-book/close/", requires("finance.add_dayclose")(day_book.close_day), name="day-close"),
    path("dues/remind/", reminds(remind_by_mail), {"kind": FEES}, name="remind-by-mail"),
    path("students/<int:pk>/remind/", reminds(remind_by_whatsapp), {"kind": FEES}, name="remind"),
    path("dues/", requires("finance.view_account")(dunning.dues), name="dues"),
]
