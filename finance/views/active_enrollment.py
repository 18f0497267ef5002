"""What the pages that end an enrollment have in common: transfer, drop, complete."""

import functools

from django.contrib import messages
from django.db.models import Case, OuterRef, Subquery, Value, When
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from academics.models import Batch, Enrollment
from coachmaster.core.dates import format_date
from coachmaster.core.views import form_page
from finance.ledger import with_received


def with_active_enrollment(view):
    """Give ``view`` the active enrollment in place of its ``pk``, or redirect to one that ended.

    Its attribute ``goes_on_in`` is the name of another batch that the student is in, without the
    name if the user may not see the batch, or None.
    """

    @functools.wraps(view)
    def page(request, pk):
        visible = When(batch__in=Batch.objects.visible_to(request.user), then="batch__name")
        others = (
            Enrollment.objects.active()
            .filter(student=OuterRef("student"))
            .exclude(pk=OuterRef("pk"))
            .annotate(batch_label=Case(visible, default=Value("another batch")))
        )
        enrollments = with_received(Enrollment.objects.visible_to(request.user)).annotate(
            goes_on_in=Subquery(others.values("batch_label")[:1])
        )
        enrollment = get_object_or_404(
            enrollments.select_related("student__user", "batch__course", "transferred_from__batch"),
            pk=pk,
        )
        if not enrollment.is_active:
            messages.error(
                request,
                f"{enrollment} already ended on {format_date(enrollment.ended_on)} "
                f"({enrollment.get_status_display().lower()}).",
            )
            return redirect(enrollment)
        return view(request, enrollment)

    return page


def first_possible_end(enrollment):
    return max(timezone.localdate(), enrollment.enrolled_on)


def enrollment_form_page(request, form, enrollment, *, context, **options):
    return form_page(
        request,
        form,
        back=enrollment.get_absolute_url(),
        back_label=str(enrollment.student),
        context={"enrollment": enrollment, **context},
        **options,
    )
