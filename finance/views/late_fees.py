from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.money import ZERO, display, grouped
from coachmaster.core.views import form_page
from finance.forms.late_fees import LateFeeRuleForm
from finance.models import LateFeeRule
from finance.services import late_fees


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
        lead="Each installment gets one late fee per rule. Changes apply to future late fees only.",
        submit=submit,
        back=reverse("finance:late-fee-rules"),
        back_label="Late fee rules",
    )


@require_POST
def late_fees_post(request):
    charged = late_fees.post_late_fees(on=timezone.localdate(), by=request.user)
    if charged:
        amount = display(sum((charge.amount for charge in charged), ZERO))
        count = f"{grouped(len(charged))} late fee{'s' if len(charged) != 1 else ''}"
        messages.success(request, f"{count} charged, total {amount}.")
    elif LateFeeRule.objects.filter(is_active=True).exists():
        messages.info(
            request,
            "No late fees to charge: every overdue installment is already charged "
            "or within the grace period.",
        )
    else:
        messages.info(request, "No late fee rule is active, so no late fees were charged.")
    return redirect("finance:dues")
