from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from academics.models import Batch
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO
from coachmaster.core.querysets import restricted_id
from coachmaster.core.rehearsal import rehearse
from coachmaster.core.text import plural
from coachmaster.core.views import form_page
from finance.forms.batch_enrollments import BatchCompletionConfirmationForm
from finance.forms.enrollments import BatchCompletionForm
from finance.services.batch_completions import UNDO_PROMISE, complete_batch
from finance.services.bulk_actions import digest_of

from .bulk_actions import BulkRow, confirmation_page, show_result


def batch_complete(request, pk):
    """Ask for the last day, then show the students and their dues, then complete the batch."""
    batch = get_object_or_404(
        Batch.objects.recorded_by(restricted_id(request.user)).with_class_times().with_strength(),
        pk=pk,
    )
    form = BatchCompletionForm(
        request.POST or None, initial={"last_day": batch.ends_on or timezone.localdate()}
    )
    if form.is_valid() and (response := _confirm(request, form, batch)):
        return response
    return form_page(
        request,
        form,
        title=f"Complete {batch}",
        template="finance/batch_completions/form.html",
        submit="Show dues",
        back=batch.get_absolute_url(),
        back_label=str(batch),
        context={"batch": batch, "enrollments": batch.enrollments.active().by_name()},
    )


def _confirm(request, form, batch):
    """Complete the batch if that was confirmed, else ask. Return None if it is refused."""
    last_day = form.cleaned_data["last_day"]
    enrollments = list(
        batch.enrollments.active().by_name().annotate(unpaid=Sum("charges__open_now"))
    )
    confirmation = BatchCompletionConfirmationForm(
        request.POST,
        digest=digest_of((enrollment.pk, None) for enrollment in enrollments),
        initial={"last_day": last_day.isoformat()},
    )
    chosen = {"batch": batch, "last_day": last_day, "by": request.user}
    back = batch.get_absolute_url()
    if confirmation.action:
        return show_result(request, confirmation.action, f"{confirmation.action}.", otherwise=back)
    try:
        if confirmation.is_confirmed:
            action = complete_batch(**chosen, token=confirmation.cleaned_data["token"])
            return show_result(request, action, f"{action}.", otherwise=back)
        if not enrollments:
            complete_batch(**chosen)
            messages.success(request, f"{batch} completed. Last day: {format_date(last_day)}.")
            return redirect(batch)
        rehearse(complete_batch, **chosen)
    except ValidationError as refusal:
        add_errors(form, refusal, ended_on="last_day")
        return None
    return _confirmation(request, confirmation, batch, enrollments, last_day)


def _confirmation(request, confirmation, batch, enrollments, last_day):
    number = plural(len(enrollments), "student")
    total = sum((enrollment.unpaid or ZERO for enrollment in enrollments), ZERO)
    return confirmation_page(
        request,
        confirmation,
        [
            BulkRow(
                label=enrollment.student.user.full_name,
                url=enrollment.student.get_absolute_url(),
                detail=f"{enrollment.student.admission_number} · "
                f"since {format_date(enrollment.enrolled_on)}",
                amount=enrollment.unpaid,
            )
            for enrollment in enrollments
        ],
        title=f"Complete {batch}",
        lead=f"Last day: {format_date(last_day)}. "
        "The amounts are unpaid fees of this batch, which stay due.",
        submit=f"Complete {number}",
        back=batch.get_absolute_url(),
        back_label=str(batch),
        total=total,
        promise=UNDO_PROMISE,
    )
