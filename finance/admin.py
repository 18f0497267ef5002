"""Read-only admin pages; money is changed by the services only."""

from django.contrib import admin

from coachmaster.core.admin import ReadOnlyAdmin
from coachmaster.core.money import display as rupees

from .models import (
    Account,
    ApprovalLimit,
    BulkAction,
    BulkActionRow,
    Charge,
    ChequeClearing,
    ChequeDeposit,
    Concession,
    DayClose,
    DayTotal,
    FeePlan,
    FeePlanPart,
    FeeReminder,
    LateFeeRule,
    Letterhead,
    LiveReference,
    Payment,
    PreparedLateFees,
    ReceiptPrint,
    ReceiptSeries,
    Refund,
    Reversal,
)


class MoneyAdmin(ReadOnlyAdmin):
    actions = None
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, row):
        return rupees(row.amount)


@admin.register(BulkAction)
class BulkActionAdmin(MoneyAdmin):
    list_display = ["description", "kind", "row_count", "shown_amount", "by", "at", "undone_at"]
    list_select_related = ["by"]
    list_filter = ["kind", ("undone_at", admin.EmptyFieldListFilter)]
    search_fields = ["description"]
    date_hierarchy = "at"

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, row):
        return "–" if row.amount is None else rupees(row.amount)


@admin.register(BulkActionRow)
class BulkActionRowAdmin(MoneyAdmin):
    list_display = ["action", "content_type", "object_id"]
    list_select_related = ["action", "content_type"]
    search_fields = ["action__description"]


@admin.register(PreparedLateFees)
class PreparedLateFeesAdmin(MoneyAdmin):
    list_display = ["on", "students", "shown_amount", "prepared_at"]


@admin.register(Charge)
class ChargeAdmin(MoneyAdmin):
    list_display = [
        "student",
        "kind",
        "enrollment",
        "shown_amount",
        "due_on",
        "posted_on",
        "cancelled_on",
    ]
    list_select_related = ["student__user", "enrollment__student__user", "enrollment__batch"]
    list_filter = [
        "kind",
        ("cancelled_on", admin.EmptyFieldListFilter),
        "enrollment__batch__course",
    ]
    search_fields = ["student__user__search_text", "cancel_reason"]
    date_hierarchy = "due_on"


@admin.register(Concession)
class ConcessionAdmin(MoneyAdmin):
    list_display = [
        "student",
        "kind",
        "charge",
        "shown_amount",
        "reason",
        "asked_by",
        "approved_on",
        "cancelled_on",
    ]
    list_select_related = ["student__user", "charge__enrollment__batch", "asked_by"]
    list_filter = [
        "kind",
        ("approved_on", admin.EmptyFieldListFilter),
        ("cancelled_on", admin.EmptyFieldListFilter),
    ]
    search_fields = ["student__user__search_text", "reason"]


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(MoneyAdmin):
    list_display = ["group", "gives_up_to", "approves_up_to"]
    list_select_related = ["group"]


class FeePlanPartInline(admin.TabularInline):
    model = FeePlanPart
    can_delete = False
    extra = 0


@admin.register(FeePlan)
class FeePlanAdmin(MoneyAdmin):
    inlines = [FeePlanPartInline]
    list_display = ["name", "course", "is_active"]
    list_select_related = ["course"]
    list_filter = ["is_active", "course"]
    search_fields = ["name", "course__name"]


@admin.register(LateFeeRule)
class LateFeeRuleAdmin(MoneyAdmin):
    list_display = ["name", "grace_days", "rate_label", "is_active"]


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    list_display = [
        "receipt_number",
        "student",
        "shown_amount",
        "paid_on",
        "mode",
        "reference",
        "is_cancelled",
        "received_by",
    ]
    list_select_related = ["student__user", "received_by", "reversal"]
    list_filter = ["mode", ("reversal", admin.EmptyFieldListFilter), "series"]
    search_fields = ["receipt_number", "reference", "student__user__search_text"]
    date_hierarchy = "paid_on"

    @admin.display(boolean=True, description="cancelled")
    def is_cancelled(self, payment):
        return payment.is_cancelled


@admin.register(ReceiptPrint)
class ReceiptPrintAdmin(MoneyAdmin):
    list_display = ["payment", "copy", "printed_by", "printed_at"]
    list_select_related = ["payment", "printed_by"]
    search_fields = ["payment__receipt_number"]
    date_hierarchy = "printed_at"


@admin.register(Letterhead)
class LetterheadAdmin(MoneyAdmin):
    list_display = ["name", "address", "phone", "gstin", "gst_percent"]
    search_fields = ["name", "gstin"]


@admin.register(Reversal)
class ReversalAdmin(MoneyAdmin):
    list_display = ["payment", "voided_on", "reason", "voided_by"]
    list_select_related = ["payment", "voided_by"]
    search_fields = ["payment__receipt_number", "reason", "payment__student__user__search_text"]
    date_hierarchy = "voided_on"


@admin.register(ChequeDeposit)
class ChequeDepositAdmin(MoneyAdmin):
    list_display = ["payment", "deposited_on", "deposited_by"]
    list_select_related = ["payment", "deposited_by"]
    search_fields = ["payment__receipt_number", "payment__student__user__search_text"]
    date_hierarchy = "deposited_on"


@admin.register(ChequeClearing)
class ChequeClearingAdmin(MoneyAdmin):
    list_display = ["payment", "cleared_on", "cleared_by"]
    list_select_related = ["payment", "cleared_by"]
    search_fields = ["payment__receipt_number", "payment__student__user__search_text"]
    date_hierarchy = "cleared_on"


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    list_display = [
        "voucher_number",
        "student",
        "shown_amount",
        "refunded_on",
        "mode",
        "payment",
        "refunded_by",
    ]
    list_select_related = ["student__user", "payment", "refunded_by"]
    list_filter = ["mode"]
    search_fields = [
        "voucher_number",
        "reference",
        "student__user__search_text",
        "payment__receipt_number",
    ]
    date_hierarchy = "refunded_on"


@admin.register(ReceiptSeries)
class ReceiptSeriesAdmin(MoneyAdmin):
    list_display = ["__str__", "year", "prefix", "last_number"]
    search_fields = ["prefix"]


@admin.register(Account)
class AccountAdmin(MoneyAdmin):
    list_display = ["student", "shown_balance", "shown_uncleared"]
    list_select_related = ["student__user"]
    search_fields = ["student__user__search_text"]
    ordering = ["-balance"]

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, account):
        return rupees(account.balance)

    @admin.display(description="cheques, not cleared", ordering="uncleared")
    def shown_uncleared(self, account):
        return rupees(account.uncleared)


@admin.register(DayClose)
class DayCloseAdmin(MoneyAdmin):
    list_display = [
        "closed_on",
        "person",
        "shown_opening",
        "shown_cash",
        "shown_banked",
        "shown_counted",
        "note",
        "closed_by",
        "closed_at",
    ]
    list_select_related = ["person", "closed_by"]
    search_fields = ["person__search_text", "note"]
    date_hierarchy = "closed_on"
    ordering = ["-closed_on", "-pk"]

    @admin.display(description="cash counted", ordering="counted_cash")
    def shown_counted(self, close):
        return rupees(close.counted_cash)

    @admin.display(description="opening cash", ordering="opening_cash")
    def shown_opening(self, close):
        return rupees(close.opening_cash)

    @admin.display(description="cash of the day", ordering="system_cash")
    def shown_cash(self, close):
        return rupees(close.system_cash)

    @admin.display(description="taken to the bank", ordering="banked_cash")
    def shown_banked(self, close):
        return rupees(close.banked_cash)


@admin.register(FeeReminder)
class FeeReminderAdmin(MoneyAdmin):
    list_display = ["student", "channel", "shown_amount", "sent_by", "sent_at"]
    list_select_related = ["student__user", "sent_by"]
    list_filter = ["channel"]
    search_fields = ["student__user__search_text"]
    date_hierarchy = "sent_at"
    ordering = ["-sent_at", "-pk"]


@admin.register(DayTotal)
class DayTotalAdmin(MoneyAdmin):
    list_display = ["paid_on", "mode", "shown_amount", "receipts"]
    list_filter = ["mode"]
    date_hierarchy = "paid_on"
    ordering = ["-paid_on", "mode"]


@admin.register(LiveReference)
class LiveReferenceAdmin(MoneyAdmin):
    list_display = ["reference", "payment"]
    list_select_related = ["payment"]
    search_fields = ["reference", "payment__receipt_number"]
