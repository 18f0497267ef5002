"""The pages of the acts on enrollments: enroll, transfer, drop, complete. Each moves a student and their dues together."""

from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, Subquery
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Batch, Enrollment
from academics.services.clashes import Clashes, find_clashes_of
from accounts.models import StudentProfile, User
from coachmaster.core.dates import day_words
from coachmaster.core.forms import show_refusal
from coachmaster.core.money import ZERO, display, plain

from . import concessions, installments, leaving, ledger, planning, services
from .forms import CompleteBatchForm, DropForm, EndForm, EnrollForm, EnrollSeveralForm, PickForm, TransferForm
from .installment_forms import InstallmentTable
from .models import FeePlan
from .picking import picked_student, student_picker

#: How many students the page for several shows at once.
SHOWN = 50


def _ask_about_clashes(form, students, batch, **leaving):
    """Raises `Clashes` when these students have other classes at that time, unless the box of ``form`` is ticked."""
    clashes = [] if form.cleaned_data["despite_clash"] else find_clashes_of(students, batch, **leaving)
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
    form = EnrollForm(request.POST or None, **offered, initial={"enrolled_on": today, "batch": pick.value("batch")})
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = planning.terms_of(form, today)
    if table.step == "prorate" and terms and terms.share:
        typed = request.POST.copy()
        typed["agreed_fee"], typed["fee_reason"] = plain(terms.share.amount), terms.share_reason
        form = EnrollForm(typed, **offered)
        terms.fee = terms.share.amount
        table.propose(terms.rows, terms.key)
    elif table.step == "split" and terms:
        table.split(terms.fee, terms.starts_on, terms.key)
    elif table.step == "" and is_valid and table.is_valid() and not planning.is_outdated(table, terms):
        rows = table.rows if table.is_edited else terms.rows
        given = {name: value for name, value in form.cleaned_data.items() if name not in ("plan", "despite_clash")}
        try:
            installments.check(rows, terms.fee, not_before=terms.starts_on)
            _ask_about_clashes(form, [student], given["batch"])
            enrollment = services.enroll(student=student, by=request.user, installments=rows, **given)
        except Clashes as error:
            clashes = error.messages
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"{student} enrolled in {enrollment.batch} for {display(enrollment.agreed_fee)}.")
            if "concession" in request.POST and enrollment.agreed_fee > ZERO:
                return redirect("finance:concession-ask", pk=student.pk)
            return redirect(student)
    if terms:
        planning.follow(table, terms)
    return render(
        request,
        "finance/enroll_form.html",
        {
            "form": form,
            "table": table,
            "terms": terms,
            "student": student,
            "siblings": concessions.siblings_shown(student) if request.user.has_perm("finance.add_concession") else [],
            "clashes": clashes,
            "active": list(Enrollment.objects.active().filter(student=student).select_related("batch")),
        },
    )


# One enrollment -------------------------------------------------------------------------------------------------


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


def _dues(enrollment):
    fees = ledger.fee_status(enrollment.student, timezone.localdate(), paid=enrollment.paid)
    own = [line for line in fees.lines if line.charge.enrollment_id == enrollment.pk]
    return Dues(
        charged=sum((line.charge.amount for line in own), ZERO),
        conceded=sum((line.conceded for line in own), ZERO),
        settled=sum((line.settled for line in own), ZERO),
        balance=fees.balance,
    )


def _ending(act):
    """A page that ends an active enrollment: fetches it, and turns away from one that has ended already.

    With it comes the batch that the student ``goes_on_in`` besides, if any.
    """

    def page(request, pk):
        others = Enrollment.objects.active().filter(student=OuterRef("student")).exclude(pk=OuterRef("pk"))
        enrollments = ledger.with_paid(Enrollment.objects.visible_to(request.user)).annotate(
            goes_on_in=Subquery(others.values("batch__name")[:1])
        )
        enrollment = get_object_or_404(
            enrollments.select_related("student__user", "batch__course", "transferred_from__batch"), pk=pk
        )
        if not enrollment.is_active:
            messages.error(
                request,
                f"{enrollment} ended on {day_words(enrollment.ended_on)} already "
                f"({enrollment.get_status_display().lower()}).",
            )
            return redirect(enrollment)
        return act(request, enrollment)

    return page


def _first_day(enrollment):
    """The first day that it can end on from now."""
    return max(timezone.localdate(), enrollment.enrolled_on)


def _end_page(request, template, enrollment, form, **context):
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


@_ending
def complete(request, enrollment):
    form = EndForm(request.POST or None, initial={"ended_on": _first_day(enrollment)})
    if form.is_valid():
        try:
            services.complete(enrollment=enrollment, by=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"{enrollment.student} has completed {enrollment.batch}.")
            return redirect(enrollment)
    return _end_page(
        request,
        "finance/enrollment_complete.html",
        enrollment,
        form,
        dues=_dues(enrollment),
        heading=f"Complete {enrollment}",
        submit="Complete",
    )


@_ending
def drop(request, enrollment):
    """What leaving costs is proposed with its working, and drawn again for another day or figure."""
    fees = ledger.fee_status(enrollment.student, timezone.localdate(), paid=enrollment.paid)
    first_day = _first_day(enrollment)
    form = DropForm(request.POST or None, initial={"ended_on": first_day})
    is_valid = form.is_valid()
    given = form.cleaned_data if form.is_bound else {}
    ended_on = given.get("ended_on") or first_day
    proposal = leaving.propose(enrollment, services.tuition_lines(enrollment, fees), ended_on)
    kept = given.get("fee_to_keep")
    kept = proposal.keep if kept is None else kept
    was_outdated = False
    if request.POST.get("do") == "show":
        form = DropForm(initial={name: request.POST.get(name) for name in DropForm.base_fields})
    elif is_valid and form.accepts(proposal):
        was_outdated = form.was_shown_another(proposal)
        if not was_outdated:
            try:
                services.drop(enrollment=enrollment, by=request.user, **{**given, "fee_to_keep": kept})
            except ValidationError as refusal:
                show_refusal(form, refusal)
            else:
                left = leaving.outcome(proposal, fees, kept, ended_on)
                messages.success(request, _left_words(enrollment, left))
                return redirect(enrollment)
    return _end_page(
        request,
        "finance/enrollment_drop.html",
        enrollment,
        form,
        fees=fees,
        proposal=proposal,
        outcome=leaving.outcome(proposal, fees, min(kept, proposal.fee), ended_on),
        was_outdated=was_outdated,
        heading=f"{enrollment.student} leaves {enrollment.batch}",
        submit="Drop",
    )


def _left_words(enrollment, outcome):
    """What has become of the fee, in two sentences."""
    words = f"{enrollment.student} has left {enrollment.batch}. {display(outcome.kept)} of the fee stays charged"
    if outcome.to_give_back and enrollment.goes_on_in:
        return f"{words}; {display(outcome.to_give_back)} is in advance for {enrollment.goes_on_in}."
    if outcome.to_give_back:
        return f"{words}; {display(outcome.to_give_back)} is to be given back by {day_words(outcome.due_on)}."
    return f"{words}; {display(outcome.to_pay)} is still to be paid." if outcome.to_pay else f"{words}, and is paid."


@_ending
def transfer(request, enrollment):
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).not_over(today)
    form = TransferForm(
        request.POST or None,
        enrollment=enrollment,
        batches=batches,
        words=PickForm(request.GET).value("find"),
        initial={"enrolled_on": _first_day(enrollment)},
    )
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = planning.move_terms_of(form, enrollment, _first_day(enrollment))
    if table.step == "split" and terms:
        table.split(terms.settlement.to_pay, terms.starts_on, terms.key)
    elif table.step == "" and is_valid and table.is_valid() and not planning.is_outdated(table, terms):
        given = form.cleaned_data
        try:
            _ask_about_clashes(form, [enrollment.student], given["batch"], leaving=enrollment)
            moved = services.transfer(
                enrollment=enrollment,
                batch=given["batch"],
                on=given["enrolled_on"],
                by=request.user,
                reason=given["reason"],
                agreed_fee=given["agreed_fee"],
                fee_reason=given["fee_reason"],
                rows=table.rows if table.is_edited else None,
            )
        except Clashes as error:
            clashes = error.messages
        except ValidationError as refusal:
            show_refusal(form, refusal, ended_on="enrolled_on")
        else:
            messages.success(
                request,
                f"{enrollment.student} moved from {enrollment.batch} to {moved.batch} for {display(moved.agreed_fee)}.",
            )
            return redirect(moved)
    if terms:
        planning.follow(table, terms)
    dues = _dues(enrollment)
    return _end_page(
        request,
        "finance/enrollment_transfer.html",
        enrollment,
        form,
        clashes=clashes,
        table=table,
        terms=terms,
        dues=dues,
        after=terms and replace(dues, balance=dues.balance - terms.settlement.taken_back + terms.settlement.to_pay),
        heading=f"Move {enrollment.student} to another batch",
        submit="Move",
    )


# A whole batch --------------------------------------------------------------------------------------------------


def _batch(request, pk):
    return get_object_or_404(Batch.objects.visible_to(request.user).for_listing(), pk=pk)


def enroll_several(request, pk):
    """Tick or paste students and enroll all of them, or none."""
    batch = _batch(request, pk)
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
            _ask_about_clashes(form, form.cleaned_data["chosen"], batch)
            enrolled = services.enroll_several(
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
            messages.success(request, f"{count} student{'s' if count != 1 else ''} enrolled in {batch}.")
            return redirect("academics:batch-students", pk=batch.pk)
    form.is_valid()
    ticked = list(form.cleaned_data.get("students") or []) if form.is_bound else []
    words = (form.cleaned_data.get("q") if form.is_bound else "") or ""
    free = _free_for(everybody.filter(user__is_active=True), batch)
    if words:
        free = free.filter(user__in=User.objects.search(words).order_by())
    found = free.exclude(pk__in=[student.pk for student in ticked]).order_by("user__full_name", "pk")[: SHOWN + 1]
    found = list(found)
    return render(
        request,
        "finance/enroll_several.html",
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


def complete_batch(request, pk):
    batch = _batch(request, pk)
    form = CompleteBatchForm(request.POST or None, initial={"last_day": batch.ends_on or timezone.localdate()})
    if form.is_valid():
        try:
            count = services.complete_batch(batch=batch, by=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            show_refusal(form, refusal, ended_on="last_day")
        else:
            messages.success(
                request,
                f"{batch} is complete with {day_words(form.cleaned_data['last_day'])}; "
                f"{count} student{'s' if count != 1 else ''} completed it.",
            )
            return redirect(batch)
    return render(
        request,
        "finance/batch_complete.html",
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
