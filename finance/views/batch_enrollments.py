from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from accounts.models import StudentProfile, User
from coachmaster.core.money import grouped
from coachmaster.core.querysets import restricted_id
from finance.forms.enrollments import BatchEnrollForm
from finance.models import FeePlan
from finance.services import enrollments

MAX_STUDENTS_SHOWN = 50


def batch_enroll(request, pk):
    """Enroll all students who are ticked or pasted, or none of them."""
    batch = get_object_or_404(
        Batch.objects.recorded_by(restricted_id(request.user)).with_class_times().with_strength(),
        pk=pk,
    )
    students = StudentProfile.objects.visible_to(request.user).select_related("user")
    is_searching = "find" in request.POST
    form = BatchEnrollForm(
        request.POST or None,
        students=students,
        plans=FeePlan.objects.filter(course=batch.course, is_active=True).prefetch_related("parts"),
        initial={"enrolled_on": max(timezone.localdate(), batch.starts_on)},
    )
    is_valid = form.is_valid()
    if is_valid and not is_searching and (enrolled := _enroll(request, form, batch)):
        count = len(enrolled)
        messages.success(
            request, f"{grouped(count)} student{'s' if count != 1 else ''} enrolled in {batch}."
        )
        return redirect("academics:batch-students", pk=batch.pk)
    data = form.cleaned_data if form.is_bound else {}
    ticked, query = list(data.get("students") or []), data.get("q") or ""
    found = _find_students(students, batch, query, ticked)
    return render(
        request,
        "finance/batch_enrollments/form.html",
        {
            "form": form,
            "batch": batch,
            "ticked": ticked,
            "found": found[:MAX_STUDENTS_SHOWN],
            "has_more": len(found) > MAX_STUDENTS_SHOWN,
            "query": query,
            "shows_errors": form.is_bound and not is_searching,
        },
    )


def _enroll(request, form, batch):
    data = form.cleaned_data
    try:
        form.check_clashes(data["chosen"], batch, by=request.user)
        return enrollments.enroll_several(
            students=data["chosen"],
            batch=batch,
            enrolled_on=data["enrolled_on"],
            plan=data["plan"],
            by=request.user,
        )
    except ValidationError as refusal:
        form.refuse(refusal)
        return None


def _find_students(students, batch, query, ticked):
    blocking = Enrollment.objects.active().filter(
        Q(is_exclusive=True) | Q(batch=batch), student=OuterRef("pk")
    )
    students = students.filter(~Exists(blocking), user__is_active=True)
    if query:
        students = students.filter(user__in=User.objects.search(query).order_by())
    students = students.exclude(pk__in=[student.pk for student in ticked])
    return list(students.order_by("user__full_name", "pk")[: MAX_STUDENTS_SHOWN + 1])
