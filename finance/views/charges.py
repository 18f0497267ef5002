from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import student_or_404
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from coachmaster.core.views import form_page
from finance.forms.charges import CancelReasonForm, ChargeForm
from finance.models import Charge, ChargeKind
from finance.services import charges

CHARGE_FIELDS = ("kind", "label", "amount", "due_on", "token")


def student_charge(request, pk):
    student = student_or_404(request.user, pk)
    back = reverse("finance:student-fees", args=[student.pk])
    form = ChargeForm(request.POST or None, initial={"due_on": timezone.localdate()})
    if form.is_valid():
        try:
            charges.post_charges(students=[student], by=request.user, **_charge_data(form))
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, _charge_message(form, student))
            return redirect(back)
    return form_page(
        request,
        form,
        title=f"Charge {student}",
        lead="For registration, study material, exams and other fees apart from tuition.",
        submit="Charge",
        back=back,
        back_label=f"Fees of {student}",
    )


def _charge_data(form):
    return {name: form.cleaned_data[name] for name in CHARGE_FIELDS}


def _charge_message(form, to):
    data = form.cleaned_data
    label = data["label"] or ChargeKind(data["kind"]).label
    return f"{display(data['amount'])} charged to {to}: {label}."


def charge_cancel(request, pk):
    charge = get_object_or_404(
        Charge.objects.visible_to(request.user)
        .exclude(kind=ChargeKind.TUITION)
        .select_related("student__user", "enrollment__batch"),
        pk=pk,
    )
    back = reverse("finance:student-fees", args=[charge.student_id])
    if charge.is_cancelled:
        messages.error(request, f"{charge} is already cancelled.")
        return redirect(back)
    form = CancelReasonForm(request.POST or None)
    if form.is_valid():
        try:
            charges.cancel_charge(
                charge=charge, by=request.user, reason=form.cleaned_data["reason"]
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(
                request, f"{charge} of {display(charge.amount)} cancelled for {charge.student}."
            )
            return redirect(back)
    return form_page(
        request,
        form,
        title=f"Cancel charge of {display(charge.amount)}",
        template="finance/charges/cancel.html",
        lead=f"{charge}, {charge.student}. "
        "Any amount paid for it counts for other charges or as an advance.",
        submit="Cancel charge",
        back=back,
        back_label=f"Fees of {charge.student}",
    )
