"""How a fee is paid: the terms of enrolling, the installments of an enrollment, and the plans of a course."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO
from finance.forms.installments import InstallmentReasonForm, InstallmentTable
from finance.services import installments


def installments_update(request, pk):
    """Other dates or amounts for what is still open of an enrollment's fee."""
    enrollment = get_object_or_404(
        Enrollment.objects.visible_to(request.user).select_related("student__user", "batch"), pk=pk
    )
    today = timezone.localdate()
    lines = installments.unpaid_tuition(enrollment, today)
    back = reverse("finance:student-fees", args=[enrollment.student_id])
    if not lines:
        messages.error(request, f"Nothing is open of the fee for {enrollment.batch}.")
        return redirect(back)
    total = sum((line.unpaid for line in lines), ZERO)
    rows = [(line.charge.due_on, line.unpaid) for line in lines]
    form = InstallmentReasonForm(request.POST or None)
    table = InstallmentTable(request.POST or None)
    if table.step == "split":
        table.split(total, today)
        form = InstallmentReasonForm(initial={"reason": form["reason"].value()})
    elif form.is_valid() and table.is_valid():
        try:
            installments.change_installments(
                enrollment=enrollment,
                rows=table.rows,
                by=request.user,
                reason=form.cleaned_data["reason"],
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"The installments of {enrollment.student} were changed.")
            return redirect(back)
    if table.formset is None:
        table.propose(rows)
    return render(
        request,
        "finance/installments/form.html",
        {
            "form": form,
            "table": table,
            "total": total,
            "lines": lines,
            "enrollment": enrollment,
            "student": enrollment.student,
            "heading": f"Change the installments of {enrollment.student}",
            "back": back,
            "back_label": f"Fees of {enrollment.student}",
        },
    )
