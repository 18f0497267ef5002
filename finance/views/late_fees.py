from operator import attrgetter

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display, short
from coachmaster.core.text import plural
from coachmaster.core.views import form_page
from finance.forms.bulk_actions import BulkConfirmationForm
from finance.forms.late_fees import LateFeeRuleForm
from finance.models import LateFeeRule
from finance.services import late_fees
from finance.services.charges import UNDO_PROMISE

from .bulk_actions import BulkRow, confirmation_page, show_result


def late_fee_rules(request):
    rules = LateFeeRule.objects.order_by("-is_active", "name", "pk")
    return render(request, "finance/late_fees/rules.html", {"rules": rules})


def late_fee_rule_create(request):
    return _rule_page(request, None, title="Add late fee rule", submit="Add rule")


@lock_on_post(LateFeeRule)
def late_fee_rule_update(request, pk):
    rule = get_object_or_404(LateFeeRule, pk=pk)
    return _rule_page(request, rule, title=f"Edit {rule}", submit="Save")


def _rule_page(request, rule, *, title, submit):
    form = LateFeeRuleForm(request.POST or None, instance=rule)
    if form.is_valid():
        messages.success(request, f"Late fee rule {form.save()} saved.")
        return redirect("finance:late-fee-rules")
    return form_page(
        request,
        form,
        title=title,
        lead="Each installment gets one late fee per rule; an amount per day grows until the "
        "maximum. Changes apply to future late fees only.",
        submit=submit,
        back=reverse("finance:late-fee-rules"),
        back_label="Late fee rules",
    )


def late_fees_post(request):
    """Show the late fees that can be charged now, then charge exactly those."""
    form = BulkConfirmationForm(request.POST or None)
    if form.is_valid():
        try:
            action = late_fees.charge_late_fees(
                on=timezone.localdate(), by=request.user, **form.cleaned_data
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            message = f"{action}: {display(action.amount)} charged."
            return show_result(request, action, message, otherwise=request.path)
    fees = late_fees.calculate_late_fees(timezone.localdate())
    form.show_digest(late_fees.digest_of_fees(fees))
    total = sum((fee.amount for fee in fees), ZERO)
    students = plural(len({fee.installment.student_id for fee in fees}), "student")
    return confirmation_page(
        request,
        form,
        _describe_fees(fees),
        title="Late fees",
        lead=_lead(fees),
        submit=f"Charge {students} {short(total)}",
        total=total,
        noun="late fee",
        promise=UNDO_PROMISE,
        template="finance/late_fees/post.html",
        back=reverse("finance:dues"),
        back_label="Dues",
    )


def _lead(fees):
    if fees:
        return "The late fees of today by the active rules. Nobody is charged before you confirm."
    if LateFeeRule.objects.filter(is_active=True).exists():
        return "Every overdue installment is already charged or within the grace period."
    return "No late fee rule is active."


def _describe_fees(fees):
    ids = {fee.installment.student_id for fee in fees}
    students = {
        student.pk: student
        for keys in in_chunks(ids)
        for student in StudentProfile.objects.filter(pk__in=keys).select_related("user")
    }
    rows = [_describe_fee(fee, students[fee.installment.student_id]) for fee in fees]
    return sorted(rows, key=attrgetter("label", "url"))


def _describe_fee(fee, student):
    detail = (
        f"{fee.rule} on {fee.installment}, due on {format_date(fee.installment.due_on)}, "
        f"{plural(fee.days_late, 'day')} late"
    )
    if fee.earlier:
        detail += f"; {display(fee.earlier)} charged before"
    return BulkRow(
        label=student.user.full_name,
        note=student.admission_number,
        url=reverse("finance:student-fees", args=[student.pk]),
        detail=detail,
        amount=fee.amount,
    )
