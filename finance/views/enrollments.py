from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display, plain
from finance.forms.enrollments import CompletionForm, EnrollmentForm
from finance.forms.installments import InstallmentTable
from finance.forms.proposals import is_outdated, propose_enrollment, update_table
from finance.forms.student_picker import StudentPickerForm
from finance.reports.enrollment_dues import enrollment_dues
from finance.services import concessions, enrollments
from finance.services.installments import check_installments

from .active_enrollment import enrollment_form_page, first_possible_end, with_active_enrollment
from .student_picker import picked_student, student_picker


def enrollment_create(request):
    picker = StudentPickerForm(request.GET)
    student = picked_student(request, picker)
    if student is None:
        return student_picker(request, picker, "enrollment")
    today = timezone.localdate()
    form = _enrollment_form(request, picker, request.POST or None)
    table = InstallmentTable(request.POST or None)
    is_valid = form.is_valid()
    terms = propose_enrollment(form, today)
    if table.action == "prorate" and terms and terms.share:
        form = _enrollment_form(request, picker, _with_prorated_fee(request.POST, terms))
        terms.fee = terms.share.amount
        table.propose(terms.rows, terms.key)
    elif table.action == "split" and terms:
        table.split(terms.fee, terms.starts_on, terms.key)
    elif (
        table.action == ""
        and is_valid
        and table.is_valid()
        and not is_outdated(table, terms)
        and (enrollment := _enroll(request, student, form, table, terms))
    ):
        return _after_enrollment(request, enrollment)
    if terms:
        update_table(table, terms)
    may_concede = request.user.has_perm("finance.add_concession")
    active = Enrollment.objects.visible_to(request.user).active().filter(student=student)
    return render(
        request,
        "finance/enrollments/form.html",
        {
            "form": form,
            "table": table,
            "terms": terms,
            "student": student,
            "siblings": concessions.first_siblings(student, request.user) if may_concede else [],
            "active": list(active.select_related("batch")),
        },
    )


def _enrollment_form(request, picker, data):
    today = timezone.localdate()
    return EnrollmentForm(
        data,
        batches=Batch.objects.visible_to(request.user).not_over(today),
        query=picker.value("find"),
        initial={"enrolled_on": today, "batch": picker.value("batch")},
    )


def _with_prorated_fee(data, terms):
    data = data.copy()
    data["agreed_fee"], data["fee_reason"] = plain(terms.share.amount), terms.share_reason
    return data


def _enroll(request, student, form, table, terms):
    rows = table.rows if table.is_edited else terms.rows
    data = form.cleaned_data
    try:
        check_installments(rows, terms.fee, not_before=terms.starts_on)
        form.check_clashes([student], data["batch"], by=request.user)
        return enrollments.enroll(
            student=student,
            batch=data["batch"],
            enrolled_on=data["enrolled_on"],
            agreed_fee=data["agreed_fee"],
            fee_reason=data["fee_reason"],
            installments=rows,
            by=request.user,
        )
    except ValidationError as refusal:
        form.refuse(refusal)
        return None


def _after_enrollment(request, enrollment):
    messages.success(
        request,
        f"{enrollment.student} enrolled in {enrollment.batch} "
        f"for {display(enrollment.agreed_fee)}.",
    )
    if "concession" in request.POST and enrollment.agreed_fee > ZERO:
        return redirect("finance:concession-ask", pk=enrollment.student_id)
    return redirect(enrollment.student)


@with_active_enrollment
def enrollment_complete(request, enrollment):
    form = CompletionForm(
        request.POST or None, initial={"ended_on": first_possible_end(enrollment)}
    )
    if form.is_valid():
        try:
            enrollments.complete(enrollment=enrollment, by=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"{enrollment.student} has completed {enrollment.batch}.")
            return redirect(enrollment)
    return enrollment_form_page(
        request,
        form,
        enrollment,
        title=f"Complete {enrollment}",
        template="finance/enrollments/complete.html",
        submit="Complete",
        context={"dues": enrollment_dues(enrollment, timezone.localdate())},
    )
