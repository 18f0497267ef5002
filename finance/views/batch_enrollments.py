"""The pages of the acts on enrollments: enroll, transfer, drop, complete. Each moves a student and their dues together."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from academics.services.clashes import TimetableConflict
from accounts.models import StudentProfile, User
from coachmaster.core.forms import add_errors
from finance.forms.enrollments import BatchEnrollForm
from finance.models import FeePlan
from finance.services import enrollments

from .enrollments import check_clashes

#: How many students the page for several shows at once.
MAX_STUDENTS_SHOWN = 50


def get_batch(request, pk):
    return get_object_or_404(
        Batch.objects.visible_to(request.user).with_class_times().with_strength(), pk=pk
    )


def batch_enroll(request, pk):
    """Tick or paste students and enroll all of them, or none."""
    batch = get_batch(request, pk)
    everybody = StudentProfile.objects.visible_to(request.user).select_related("user")
    clashes, is_searching = [], "find" in request.POST
    form = BatchEnrollForm(
        request.POST or None,
        students=everybody,
        plans=FeePlan.objects.filter(course=batch.course, is_active=True).prefetch_related("parts"),
        initial={"enrolled_on": max(timezone.localdate(), batch.starts_on)},
    )
    if not is_searching and form.is_valid():
        try:
            check_clashes(form, form.cleaned_data["chosen"], batch)
            enrolled = enrollments.enroll_several(
                students=form.cleaned_data["chosen"],
                batch=batch,
                enrolled_on=form.cleaned_data["enrolled_on"],
                plan=form.cleaned_data["plan"],
                by=request.user,
            )
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            count = len(enrolled)
            messages.success(
                request, f"{count} student{'s' if count != 1 else ''} enrolled in {batch}."
            )
            return redirect("academics:batch-students", pk=batch.pk)
    form.is_valid()
    ticked = list(form.cleaned_data.get("students") or []) if form.is_bound else []
    words = (form.cleaned_data.get("q") if form.is_bound else "") or ""
    free = _free_for(everybody.filter(user__is_active=True), batch)
    if words:
        free = free.filter(user__in=User.objects.search(words).order_by())
    found = free.exclude(pk__in=[student.pk for student in ticked]).order_by(
        "user__full_name", "pk"
    )[: MAX_STUDENTS_SHOWN + 1]
    found = list(found)
    return render(
        request,
        "finance/enrollments/several.html",
        {
            "form": form,
            "batch": batch,
            "clashes": clashes,
            "ticked": ticked,
            "found": found[:MAX_STUDENTS_SHOWN],
            "has_more": len(found) > MAX_STUDENTS_SHOWN,
            "words": words,
            "shows_errors": form.is_bound and not is_searching,
        },
    )


def _free_for(students, batch):
    """Those of ``students`` whom no active enrollment keeps out of ``batch``."""
    in_the_way = Q(is_exclusive=True) | Q(batch=batch)
    active = Enrollment.objects.active().filter(in_the_way, student=OuterRef("pk"))
    return students.filter(~Exists(active))
