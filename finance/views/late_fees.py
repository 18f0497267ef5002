from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.money import ZERO, display
from finance.forms.late_fees import LateFeeRuleForm
from finance.models import LateFeeRule
from finance.services import late_fees


def late_fee_rules(request):
    return render(
        request,
        "finance/late_fees/rules.html",
        {
            "rules": LateFeeRule.objects.order_by("-is_active", "name", "pk"),
            "today": timezone.localdate(),
        },
    )


def late_fee_rule_create(request):
    return _rule_page(request, None, "Add a rule for late fees", "Add rule")


@lock_on_post(LateFeeRule)
def late_fee_rule_update(request, pk):
    rule = get_object_or_404(LateFeeRule, pk=pk)
    return _rule_page(request, rule, f"Edit {rule}", "Save")


def _rule_page(request, rule, heading, submit):
    form = LateFeeRuleForm(request.POST or None, instance=rule)
    if form.is_valid():
        messages.success(request, f"Rule {form.save()} saved.")
        return redirect("finance:late-fee-rules")
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": heading,
            "lead": "Each installment gets a late fee once by each rule. A change counts for late fees to come.",
            "submit": submit,
            "back": reverse("finance:late-fee-rules"),
            "back_label": "Late fees",
        },
    )


@require_POST
def late_fees_post(request):
    """Post what the rules ask for today."""
    posted = late_fees.post_late_fees(on=timezone.localdate(), by=request.user)
    if posted:
        amount = display(sum((charge.amount for charge in posted), ZERO))
        many = f"{len(posted)} late fee{'s' if len(posted) != 1 else ''}"
        messages.success(request, f"{many} posted, {amount} in all.")
    elif LateFeeRule.objects.filter(is_active=True).exists():
        messages.info(
            request,
            "No late fee is to be posted: each overdue installment has its own, or is within the grace.",
        )
    else:
        messages.info(request, "No rule for late fees is in force, so none was posted.")
    return redirect("finance:dues")
