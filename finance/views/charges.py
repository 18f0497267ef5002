"""The pages about charges beside tuition: one student's, a whole batch's, and late fees by rule."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch
from accounts.models import StudentProfile, student_or_404
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from finance.forms.charges import BatchChargeForm, CancelReasonForm, ChargeForm
from finance.models import Charge, ChargeKind
from finance.services import charges

CONTENT = ("kind", "label", "amount", "due_on", "token")


def student_charge(request, pk):
    student = student_or_404(request.user, pk)
    back = reverse("finance:student-fees", args=[student.pk])
    form = ChargeForm(request.POST or None, initial={"due_on": timezone.localdate()})
    if form.is_valid():
        given = form.cleaned_data
        try:
            charges.post_charges(
                students=[student], by=request.user, **{name: given[name] for name in CONTENT}
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            what = given["label"] or ChargeKind(given["kind"]).label
            messages.success(request, f"{display(given['amount'])} charged to {student}: {what}.")
            return redirect(back)
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": f"Charge {student}",
            "lead": "For what is not tuition: registration, material, exams.",
            "submit": "Charge",
            "back": back,
            "back_label": f"Fees of {student}",
        },
    )


def batch_charge(request, pk):
    """First who would be charged, then charging those who stay ticked."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    students = StudentProfile.objects.filter(
        enrollments__batch=batch, enrollments__status="active"
    ).select_related("user")
    students = students.order_by("user__full_name", "pk")
    form = BatchChargeForm(
        request.POST or None, students=students, initial={"due_on": timezone.localdate()}
    )
    preview, ticked = None, set()
    if form.is_valid():
        given = form.cleaned_data
        content = {name: given[name] for name in CONTENT}
        if given["is_confirmed"] and given["students"]:
            try:
                posted = charges.post_charges(
                    students=given["students"], batch=batch, by=request.user, **content
                )
            except ValidationError as refusal:
                add_errors(form, refusal)
            else:
                _tell(request, posted, given, batch)
                return redirect("academics:batch-students", pk=batch.pk)
        elif given["is_confirmed"]:
            form.add_error(None, "Tick at least one student.")
        preview = list(students)
        have_it = charges.already_charged(
            [student.pk for student in preview], kind=given["kind"], label=given["label"]
        )
        ticked = {student.pk for student in preview} - have_it
        if given["is_confirmed"]:
            ticked = {student.pk for student in given["students"]}
        for student in preview:
            student.has_it = student.pk in have_it
    return render(
        request,
        "finance/charges/batch.html",
        {
            "form": form,
            "batch": batch,
            "preview": preview,
            "ticked": ticked,
            "heading": f"Charge the students of {batch}",
            "back": batch.get_absolute_url(),
            "back_label": str(batch),
        },
    )


def _tell(request, posted, given, batch):
    """Say how many were charged, and how many had been by the same form before."""
    count, before = len(posted), len(given["students"]) - len(posted)
    what = given["label"] or ChargeKind(given["kind"]).label
    words = f"{display(given['amount'])} charged to {count} student{'s' if count != 1 else ''} of {batch}: {what}."
    if before:
        words += f" {before} had been charged by this form already."
    messages.success(request, words)


def charge_cancel(request, pk):
    charge = get_object_or_404(
        Charge.objects.visible_to(request.user)
        .exclude(kind=ChargeKind.TUITION)
        .select_related("student__user", "enrollment__batch"),
        pk=pk,
    )
    back = reverse("finance:student-fees", args=[charge.student_id])
    if charge.is_cancelled:
        messages.error(request, f"{charge} was cancelled already.")
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
    return render(
        request,
        "finance/charges/cancel.html",
        {
            "form": form,
            "heading": f"Cancel {display(charge.amount)} of {charge.student}?",
            "lead": f"{charge}. What was paid for it counts for other charges, or as an advance.",
            "submit": "Cancel the charge",
            "back": back,
            "back_label": f"Fees of {charge.student}",
        },
    )
