from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from academics.services.clashes import TimetableConflict, find_student_clashes
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display, plain
from finance.forms.enrollments import EnrollmentForm
from finance.forms.installments import InstallmentTable
from finance.forms.proposals import is_outdated, propose_enrollment, update_table
from finance.forms.student_picker import StudentPickerForm
from finance.ledger import fee_status
from finance.services import concessions, enrollments, installments

from .student_picker import picked_student, student_picker


def check_clashes(form, students, batch, **leaving):
    """Raises `TimetableConflict` when these students have other classes at that time, unless the box of ``form`` is ticked."""
    clashes = (
        []
        if form.cleaned_data["despite_clash"]
        else find_student_clashes(students, batch, **leaving)
    )
    if clashes:
        raise TimetableConflict([str(clash) for clash in clashes])


def enrollment_create(request):
    """Who, then which batch and for what fee."""
    pick = StudentPickerForm(request.GET)
    student = picked_student(request, pick)
    if student is None:
        return student_picker(request, pick, "enrollment")
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).not_over(today)
    offered = {"batches": batches, "words": pick.value("find")}
    form = EnrollmentForm(
        request.POST or None,
        **offered,
        initial={"enrolled_on": today, "batch": pick.value("batch")},
    )
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = propose_enrollment(form, today)
    if table.step == "prorate" and terms and terms.share:
        typed = request.POST.copy()
        typed["agreed_fee"], typed["fee_reason"] = plain(terms.share.amount), terms.share_reason
        form = EnrollmentForm(typed, **offered)
        terms.fee = terms.share.amount
        table.propose(terms.rows, terms.key)
    elif table.step == "split" and terms:
        table.split(terms.fee, terms.starts_on, terms.key)
    elif table.step == "" and is_valid and table.is_valid() and not is_outdated(table, terms):
        rows = table.rows if table.is_edited else terms.rows
        given = {
            name: value
            for name, value in form.cleaned_data.items()
            if name not in ("plan", "despite_clash")
        }
        try:
            installments.check_installments(rows, terms.fee, not_before=terms.starts_on)
            check_clashes(form, [student], given["batch"])
            enrollment = enrollments.enroll(
                student=student, by=request.user, installments=rows, **given
            )
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(
                request,
                f"{student} enrolled in {enrollment.batch} for {display(enrollment.agreed_fee)}.",
            )
            if "concession" in request.POST and enrollment.agreed_fee > ZERO:
                return redirect("finance:concession-ask", pk=student.pk)
            return redirect(student)
    if terms:
        update_table(table, terms)
    return render(
        request,
        "finance/enrollments/form.html",
        {
            "form": form,
            "table": table,
            "terms": terms,
            "student": student,
            "siblings": concessions.first_siblings(student)
            if request.user.has_perm("finance.add_concession")
            else [],
            "clashes": clashes,
            "active": list(
                Enrollment.objects.active().filter(student=student).select_related("batch")
            ),
        },
    )


@dataclass
class EnrollmentDues:
    """What one enrollment was charged and how far it is settled, beside the student's whole balance. In rupees."""

    charged: Decimal
    conceded: Decimal
    settled: Decimal
    balance: Decimal

    @property
    def open(self):
        """What is still owed for it."""
        return self.charged - self.conceded - self.settled

    @property
    def advance(self):
        """What the student paid beyond everything owed."""
        return max(-self.balance, ZERO)


def enrollment_dues(enrollment):
    fees = fee_status(enrollment.student, timezone.localdate(), paid=enrollment.paid)
    own = [line for line in fees.lines if line.charge.enrollment_id == enrollment.pk]
    return EnrollmentDues(
        charged=sum((line.charge.amount for line in own), ZERO),
        conceded=sum((line.conceded for line in own), ZERO),
        settled=sum((line.paid for line in own), ZERO),
        balance=fees.balance,
    )
