from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO
from coachmaster.core.views import form_page
from finance.forms.installments import InstallmentReasonForm, InstallmentTable
from finance.services.installments import change_installments, unpaid_tuition


def installments_update(request, pk):
    enrollment = get_object_or_404(
        Enrollment.objects.visible_to(request.user).select_related("student__user", "batch"), pk=pk
    )
    student, today = enrollment.student, timezone.localdate()
    back = reverse("finance:student-fees", args=[student.pk])
    lines = unpaid_tuition(enrollment, today)
    if not lines:
        messages.error(request, f"The fee for {enrollment.batch} is fully paid.")
        return redirect(back)
    total = sum((line.unpaid for line in lines), ZERO)
    form = InstallmentReasonForm(request.POST or None)
    table = InstallmentTable(request.POST or None)
    if table.action == "split":
        table.split(total, today)
        form = InstallmentReasonForm(initial={"reason": form["reason"].value()})
    elif form.is_valid() and table.is_valid():
        try:
            change_installments(
                enrollment=enrollment,
                rows=table.rows,
                by=request.user,
                reason=form.cleaned_data["reason"],
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"Installments of {student} changed.")
            return redirect(back)
    if table.formset is None:
        table.propose([(line.charge.due_on, line.unpaid) for line in lines])
    return form_page(
        request,
        form,
        title=f"Change installments of {student}",
        template="finance/installments/form.html",
        submit="Save",
        back=back,
        back_label=f"Fees of {student}",
        context={"table": table, "total": total, "lines": lines, "enrollment": enrollment},
    )
