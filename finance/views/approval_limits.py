from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse

from academics.models import Institute
from accounts.views.confirmation import asks_again
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes
from coachmaster.core.views import form_page
from finance.forms.approval_limits import ApprovalLimitsForm
from finance.models import ApprovalLimit
from finance.services.approval_limits import (
    role_names,
    roles_with_concessions,
    save_approval_limits,
)


@asks_again()
@lock_on_post(Institute, pk=Institute.ONLY)
def approval_limits(request):
    form = ApprovalLimitsForm(
        request.POST or None,
        roles=list(roles_with_concessions()),
        default=Institute.objects.current().concession_limit,
    )
    if form.is_valid():
        try:
            save_approval_limits(form.limits, default=form.cleaned_data["default"])
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, "Approval limits saved.")
            return redirect("finance:approval-limits")
    names = role_names()
    changes = recent_changes(
        ApprovalLimit.history.all(),
        limit=10,
        subject=lambda row: names.get(row.group_id, "Deleted role"),
    )
    return form_page(
        request,
        form,
        title="Approval limits",
        template="finance/approval_limits/form.html",
        submit="Save limits",
        **_back(request.user),
        context={"changes": changes},
    )


def _back(user):
    if user.has_perm("academics.change_institute"):
        return {"back": reverse("academics:institute"), "back_label": "Institute"}
    if user.has_perm("finance.view_concession"):
        return {"back": reverse("finance:concession-list"), "back_label": "Pending concessions"}
    return {}
