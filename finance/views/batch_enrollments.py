from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment
from accounts.models import StudentProfile, User
from coachmaster.core.dates import format_date
from coachmaster.core.money import display, short
from coachmaster.core.querysets import restricted_id
from coachmaster.core.rehearsal import rehearse
from coachmaster.core.text import plural
from finance.forms.batch_enrollments import BatchEnrollConfirmationForm
from finance.forms.enrollments import BatchEnrollForm
from finance.models import FeePlan
from finance.services.batch_enrollments import UNDO_PROMISE, enroll_several
from finance.services.bulk_actions import digest_of
from finance.services.fee_plans import plan_rows

from .bulk_actions import BulkRow, confirmation_page, show_result

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
    if form.is_valid() and not is_searching and (response := _confirm(request, form, batch)):
        return response
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


def _confirm(request, form, batch):
    """Enroll the students if that was confirmed, else ask. Return None if it is refused."""
    data, fee = form.cleaned_data, batch.course.total_fee
    parts = _installments(data, fee)
    chosen = {
        "students": data["chosen"],
        "batch": batch,
        "enrolled_on": data["enrolled_on"],
        "plan": data["plan"],
        "by": request.user,
    }
    confirmation = BatchEnrollConfirmationForm(
        request.POST,
        digest=digest_of([*((student.pk, fee) for student in data["chosen"]), *parts]),
        initial={
            "students": [student.pk for student in data["chosen"]],
            "enrolled_on": data["enrolled_on"].isoformat(),
            "plan": data["plan"].pk if data["plan"] else "",
            "despite_clash": data["despite_clash"] or "",
        },
    )
    back = reverse("academics:batch-students", args=[batch.pk])
    if confirmation.action:
        return show_result(request, confirmation.action, f"{confirmation.action}.", otherwise=back)
    try:
        if confirmation.is_confirmed:
            action = enroll_several(**chosen, token=confirmation.cleaned_data["token"])
            return show_result(request, action, f"{action}.", otherwise=back)
        form.check_clashes(data["chosen"], batch, by=request.user)
        rehearse(enroll_several, **chosen)
    except ValidationError as refusal:
        form.refuse(refusal)
        return None
    return _confirmation(request, confirmation, batch, data, parts)


def _confirmation(request, confirmation, batch, data, parts):
    fee = batch.course.total_fee
    number, total = plural(len(data["chosen"]), "student"), fee * len(data["chosen"])
    return confirmation_page(
        request,
        confirmation,
        [_confirmed_row(student, fee) for student in data["chosen"]],
        title=f"Enroll {number} in {batch}",
        lead=_terms(data["enrolled_on"], parts),
        submit=f"Enroll {number}" + (f" · {short(total)}" if total else ""),
        back=reverse("finance:batch-enroll", args=[batch.pk]),
        back_label=f"Enroll students in {batch.name}",
        total=total,
        promise=UNDO_PROMISE,
    )


def _confirmed_row(student, fee):
    return BulkRow(
        label=student.user.full_name,
        url=student.get_absolute_url(),
        detail=student.admission_number,
        amount=fee,
    )


def _installments(data, fee):
    """Return pairs of a due date and rupees."""
    plan, on = data["plan"], data["enrolled_on"]
    return plan_rows(plan, fee, on) if plan else [(on, fee)] if fee else []


def _terms(enrolled_on, installments):
    """Return `From 1 Dec 2026. Each pays ₹24,000.00 on 1 Dec 2026, ₹24,000.00 on 31 Dec 2026.`"""
    parts = [f"{display(amount)} on {format_date(day)}" for day, amount in installments]
    pays = f"Each pays {', '.join(parts)}." if parts else "Nothing to pay."
    return f"From {format_date(enrolled_on)}. {pays}"


def _find_students(students, batch, query, ticked):
    blocking = Enrollment.objects.active().filter(
        Q(is_exclusive=True) | Q(batch=batch), student=OuterRef("pk")
    )
    students = students.filter(~Exists(blocking), user__is_active=True)
    if query:
        students = students.filter(user__in=User.objects.search(query).order_by())
    students = students.exclude(pk__in=[student.pk for student in ticked])
    return list(students.order_by("user__full_name", "pk")[: MAX_STUDENTS_SHOWN + 1])
