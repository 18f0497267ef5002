from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Subquery
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from finance.forms.enrollments import BatchCompletionForm, CompletionForm, DropForm
from finance.ledger import fee_status, with_amount_paid
from finance.services import enrollments as enrollments_services
from finance.services import withdrawals
from finance.services.enrollments import tuition_lines

from .batch_enrollments import get_batch
from .enrollments import enrollment_dues


def with_active_enrollment(act):
    """A page that ends an active enrollment: fetches it, and turns away from one that has ended already.

    With it comes the batch that the student ``goes_on_in`` besides, if any.
    """

    def page(request, pk):
        others = (
            Enrollment.objects.active()
            .filter(student=OuterRef("student"))
            .exclude(pk=OuterRef("pk"))
        )
        enrollments = with_amount_paid(Enrollment.objects.visible_to(request.user)).annotate(
            goes_on_in=Subquery(others.values("batch__name")[:1])
        )
        enrollment = get_object_or_404(
            enrollments.select_related("student__user", "batch__course", "transferred_from__batch"),
            pk=pk,
        )
        if not enrollment.is_active:
            messages.error(
                request,
                f"{enrollment} ended on {format_date(enrollment.ended_on)} already "
                f"({enrollment.get_status_display().lower()}).",
            )
            return redirect(enrollment)
        return act(request, enrollment)

    return page


def default_last_day(enrollment):
    """The first day that it can end on from now."""
    return max(timezone.localdate(), enrollment.enrolled_on)


def enrollment_form_page(request, template, enrollment, form, **context):
    return render(
        request,
        template,
        {
            "form": form,
            "enrollment": enrollment,
            "student": enrollment.student,
            "back": enrollment.get_absolute_url(),
            "back_label": str(enrollment.student),
            **context,
        },
    )


@with_active_enrollment
def enrollment_complete(request, enrollment):
    form = CompletionForm(request.POST or None, initial={"ended_on": default_last_day(enrollment)})
    if form.is_valid():
        try:
            enrollments_services.complete(
                enrollment=enrollment, by=request.user, **form.cleaned_data
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"{enrollment.student} has completed {enrollment.batch}.")
            return redirect(enrollment)
    return enrollment_form_page(
        request,
        "finance/enrollments/complete.html",
        enrollment,
        form,
        dues=enrollment_dues(enrollment),
        heading=f"Complete {enrollment}",
        submit="Complete",
    )


@with_active_enrollment
def enrollment_drop(request, enrollment):
    """What leaving costs is proposed with its working, and drawn again for another day or figure."""
    fees = fee_status(enrollment.student, timezone.localdate(), paid=enrollment.paid)
    first_day = default_last_day(enrollment)
    form = DropForm(request.POST or None, initial={"ended_on": first_day})
    is_valid = form.is_valid()
    given = form.cleaned_data if form.is_bound else {}
    ended_on = given.get("ended_on") or first_day
    proposal = withdrawals.propose_retained_fee(
        enrollment, tuition_lines(enrollment, fees), ended_on
    )
    kept = given.get("fee_to_keep")
    kept = proposal.amount if kept is None else kept
    was_outdated = False
    if request.POST.get("do") == "show":
        form = DropForm(initial={name: request.POST.get(name) for name in DropForm.base_fields})
    elif is_valid and form.accepts(proposal):
        was_outdated = form.was_shown_another(proposal)
        if not was_outdated:
            try:
                enrollments_services.drop(
                    enrollment=enrollment, by=request.user, **{**given, "fee_to_keep": kept}
                )
            except ValidationError as refusal:
                add_errors(form, refusal)
            else:
                left = withdrawals.withdrawal_result(proposal, fees, kept, ended_on)
                messages.success(request, _left_words(enrollment, left))
                return redirect(enrollment)
    return enrollment_form_page(
        request,
        "finance/withdrawals/form.html",
        enrollment,
        form,
        fees=fees,
        proposal=proposal,
        outcome=withdrawals.withdrawal_result(proposal, fees, min(kept, proposal.fee), ended_on),
        was_outdated=was_outdated,
        heading=f"{enrollment.student} leaves {enrollment.batch}",
        submit="Drop",
    )


def _left_words(enrollment, outcome):
    """What has become of the fee, in two sentences."""
    words = f"{enrollment.student} has left {enrollment.batch}. {display(outcome.retained)} of the fee stays charged"
    if outcome.to_refund and enrollment.goes_on_in:
        return f"{words}; {display(outcome.to_refund)} is in advance for {enrollment.goes_on_in}."
    if outcome.to_refund:
        return f"{words}; {display(outcome.to_refund)} is to be given back by {format_date(outcome.due_on)}."
    return (
        f"{words}; {display(outcome.to_pay)} is still to be paid."
        if outcome.to_pay
        else f"{words}, and is paid."
    )


def batch_complete(request, pk):
    batch = get_batch(request, pk)
    form = BatchCompletionForm(
        request.POST or None, initial={"last_day": batch.ends_on or timezone.localdate()}
    )
    if form.is_valid():
        try:
            count = enrollments_services.complete_batch(
                batch=batch, by=request.user, **form.cleaned_data
            )
        except ValidationError as refusal:
            add_errors(form, refusal, ended_on="last_day")
        else:
            messages.success(
                request,
                f"{batch} is complete with {format_date(form.cleaned_data['last_day'])}; "
                f"{count} student{'s' if count != 1 else ''} completed it.",
            )
            return redirect(batch)
    return render(
        request,
        "finance/enrollments/complete_batch.html",
        {
            "form": form,
            "batch": batch,
            "enrollments": batch.enrollments.active().by_name(),
            "heading": f"Complete {batch}",
            "submit": "Complete this batch",
            "back": batch.get_absolute_url(),
            "back_label": str(batch),
        },
    )
