from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch
from accounts.models import StudentProfile, student_or_404
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display, grouped
from coachmaster.core.querysets import restricted_id
from coachmaster.core.views import form_page
from finance.forms.charges import BatchChargeForm, CancelReasonForm, ChargeForm
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


def batch_charge(request, pk):
    """Show the students of a batch, then charge those who are ticked."""
    batch = get_object_or_404(Batch.objects.recorded_by(restricted_id(request.user)), pk=pk)
    students = (
        StudentProfile.objects.filter(enrollments__batch=batch, enrollments__status="active")
        .select_related("user")
        .order_by("user__full_name", "pk")
    )
    form = BatchChargeForm(
        request.POST or None, students=students, initial={"due_on": timezone.localdate()}
    )
    preview, ticked = None, set()
    if form.is_valid():
        if form.cleaned_data["is_confirmed"]:
            charged = _charge_batch(request, form, batch)
            if charged is not None:
                messages.success(request, _batch_charge_message(form, batch, charged))
                return redirect("academics:batch-students", pk=batch.pk)
        preview, ticked = _preview(form, students)
    return form_page(
        request,
        form,
        title=f"Charge students of {batch}",
        template="finance/charges/batch.html",
        back=batch.get_absolute_url(),
        back_label=str(batch),
        context={"batch": batch, "preview": preview, "ticked": ticked},
    )


def _charge_batch(request, form, batch):
    students = form.cleaned_data["students"]
    if not students:
        form.add_error(None, "Tick at least one student.")
        return None
    try:
        return charges.post_charges(
            students=students, batch=batch, by=request.user, **_charge_data(form)
        )
    except ValidationError as refusal:
        add_errors(form, refusal)
        return None


def _preview(form, students):
    data = form.cleaned_data
    preview = list(students)
    ids = {student.pk for student in preview}
    charged = charges.already_charged(list(ids), kind=data["kind"], label=data["label"])
    for student in preview:
        student.is_charged = student.pk in charged
    if data["is_confirmed"]:
        return preview, {student.pk for student in data["students"]}
    return preview, ids - charged


def _batch_charge_message(form, batch, charged):
    count, total = len(charged), len(form.cleaned_data["students"])
    students = f"{grouped(count)} student{'s' if count != 1 else ''}"
    message = _charge_message(form, f"{students} of {batch}")
    if count < total:
        message += f" {grouped(total - count)} had already been charged by this form."
    return message


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
