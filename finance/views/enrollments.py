"""The pages of the acts on enrollments: enroll, transfer, drop, complete. Each moves a student and their dues together."""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from academics.services.clashes import Clashes, find_clashes_of
from accounts.models import StudentProfile, User
from coachmaster.core.forms import show_refusal
from coachmaster.core.money import ZERO, display, plain
from finance.forms.enrollment_terms import follow, is_outdated, terms_of
from finance.forms.enrollments import EnrollForm, EnrollSeveralForm
from finance.forms.installments import InstallmentTable
from finance.forms.student_picker import PickForm
from finance.ledger import fee_status
from finance.models import FeePlan
from finance.services import concessions, enrollments, installments

from .student_picker import picked_student, student_picker

#: How many students the page for several shows at once.
SHOWN = 50


def ask_about_clashes(form, students, batch, **leaving):
    """Raises `Clashes` when these students have other classes at that time, unless the box of ``form`` is ticked."""
    clashes = (
        [] if form.cleaned_data["despite_clash"] else find_clashes_of(students, batch, **leaving)
    )
    if clashes:
        raise Clashes([str(clash) for clash in clashes])


def enroll(request):
    """Who, then which batch and for what fee."""
    pick = PickForm(request.GET)
    student = picked_student(request, pick)
    if student is None:
        return student_picker(request, pick, "enrollment")
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).not_over(today)
    offered = {"batches": batches, "words": pick.value("find")}
    form = EnrollForm(
        request.POST or None,
        **offered,
        initial={"enrolled_on": today, "batch": pick.value("batch")},
    )
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = terms_of(form, today)
    if table.step == "prorate" and terms and terms.share:
        typed = request.POST.copy()
        typed["agreed_fee"], typed["fee_reason"] = plain(terms.share.amount), terms.share_reason
        form = EnrollForm(typed, **offered)
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
            ask_about_clashes(form, [student], given["batch"])
            enrollment = enrollments.enroll(
                student=student, by=request.user, installments=rows, **given
            )
        except Clashes as error:
            clashes = error.messages
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request,
                f"{student} enrolled in {enrollment.batch} for {display(enrollment.agreed_fee)}.",
            )
            if "concession" in request.POST and enrollment.agreed_fee > ZERO:
                return redirect("finance:concession-ask", pk=student.pk)
            return redirect(student)
    if terms:
        follow(table, terms)
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
class Dues:
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


def student_dues(enrollment):
    fees = fee_status(enrollment.student, timezone.localdate(), paid=enrollment.paid)
    own = [line for line in fees.lines if line.charge.enrollment_id == enrollment.pk]
    return Dues(
        charged=sum((line.charge.amount for line in own), ZERO),
        conceded=sum((line.conceded for line in own), ZERO),
        settled=sum((line.settled for line in own), ZERO),
        balance=fees.balance,
    )


def batch_to_change(request, pk):
    return get_object_or_404(Batch.objects.visible_to(request.user).for_listing(), pk=pk)


def enroll_several(request, pk):
    """Tick or paste students and enroll all of them, or none."""
    batch = batch_to_change(request, pk)
    everybody = StudentProfile.objects.visible_to(request.user).select_related("user")
    clashes, is_searching = [], "find" in request.POST
    form = EnrollSeveralForm(
        request.POST or None,
        students=everybody,
        plans=FeePlan.objects.filter(course=batch.course, is_active=True).prefetch_related("parts"),
        initial={"enrolled_on": max(timezone.localdate(), batch.starts_on)},
    )
    if not is_searching and form.is_valid():
        try:
            ask_about_clashes(form, form.cleaned_data["chosen"], batch)
            enrolled = enrollments.enroll_several(
                students=form.cleaned_data["chosen"],
                batch=batch,
                enrolled_on=form.cleaned_data["enrolled_on"],
                plan=form.cleaned_data["plan"],
                by=request.user,
            )
        except Clashes as error:
            clashes = error.messages
        except ValidationError as refusal:
            show_refusal(form, refusal)
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
    )[: SHOWN + 1]
    found = list(found)
    return render(
        request,
        "finance/enrollments/several.html",
        {
            "form": form,
            "batch": batch,
            "clashes": clashes,
            "ticked": ticked,
            "found": found[:SHOWN],
            "has_more": len(found) > SHOWN,
            "words": words,
            "shows_errors": form.is_bound and not is_searching,
        },
    )


def _free_for(students, batch):
    """Those of ``students`` whom no active enrollment keeps out of ``batch``."""
    in_the_way = Q(is_exclusive=True) | Q(batch=batch)
    active = Enrollment.objects.active().filter(in_the_way, student=OuterRef("pk"))
    return students.filter(~Exists(active))
