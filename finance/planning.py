"""How a fee is paid: the terms of enrolling, the installments of an enrollment, and the plans of a course."""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Course, Enrollment
from coachmaster.core.concurrency import one_at_a_time
from coachmaster.core.forms import show_refusal
from coachmaster.core.money import ZERO, display

from . import installments, services
from .installment_forms import InstallmentTable, PlanForm, ReasonForm
from .models import FeePlan, FeePlanPart

# Enrolling ----------------------------------------------------------------------------------------------------------


@dataclass
class Terms:
    """On what terms a student would join: ``fee`` in rupees by ``plan`` (None: at once) from the day ``starts_on``.

    ``share`` is the fee for the classes that are left, where the batch has begun already.
    """

    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    plan: FeePlan | None = None
    plans: dict = field(default_factory=dict)  # the plans that the course offers, with their parts
    share: installments.Share | None = None

    @property
    def key(self):
        """What the installments are proposed for: another batch or plan has others."""
        return f"{self.batch.pk}.{self.plan.pk if self.plan else ''}"

    @property
    def rows(self):
        """The installments by the plan."""
        if self.plan:
            return installments.rows_of_parts(self.plans[self.plan], self.fee, self.starts_on)
        return [(self.starts_on, self.fee)] if self.fee > ZERO else []

    @property
    def share_reason(self):
        """Why the fee is lower for who joins in mid-course."""
        return f"Joined after {self.share.all - self.share.counted} of {self.share.all} classes"


def terms_of(form, today):
    """The Terms that the enroll form asks for so far; None before a batch is chosen."""
    given = form.cleaned_data if form.is_bound else form.initial
    batch = given.get("batch")
    if batch and not form.is_bound:  # a key yet: out of what is offered, which the page reads anyway
        batch = next((choice for choice in form.fields["batch"].offered if choice.pk == batch), None)
    if batch is None:
        return None
    list_fee = batch.course.total_fee
    fee = given.get("agreed_fee")
    terms = Terms(batch=batch, fee=list_fee if fee is None else fee, starts_on=given.get("enrolled_on") or today)
    for part in FeePlanPart.objects.of_offered_plans(batch.course_id):
        terms.plans.setdefault(part.plan, []).append(part)
    terms.plan = next((plan for plan in terms.plans if plan.pk == given.get("plan")), None)
    if terms.starts_on > batch.starts_on and list_fee > ZERO:
        share = installments.fee_from(batch, list_fee, terms.starts_on)
        if share and 0 < share.counted < share.all:
            terms.share = share
    return terms


@dataclass
class MoveTerms:
    """On what terms a student would move to ``batch``: ``fee`` in rupees there, and what the move settles."""

    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    settlement: services.Settlement

    @property
    def key(self):
        """What the installments are proposed for."""
        return f"{self.batch.pk}."

    @property
    def rows(self):
        """The installments that stand in the place of those that are cancelled."""
        return self.settlement.rows


def move_terms_of(form, enrollment, first_day):
    """The MoveTerms that the form of a transfer asks for so far; None before a batch is chosen."""
    given = form.cleaned_data if form.is_bound else {}
    batch = given.get("batch")
    if batch is None:
        return None
    fee = given.get("agreed_fee")
    if fee is None:
        fee, _ = services.fee_after_transfer(enrollment, batch)
    starts_on = given.get("enrolled_on") or first_day
    return MoveTerms(batch, fee, starts_on, services.transfer_settlement(enrollment, fee, starts_on))


def is_outdated(table, terms):
    """Whether the rows that were sent were proposed for another batch or plan: the person has not seen the right ones."""
    return bool(table.offered_for) and table.offered_for != terms.key


def follow(table, terms):
    """Let the rows show what ``terms`` propose, unless somebody has edited them."""
    if table.formset is not None and not table.formset.is_bound:
        return
    if is_outdated(table, terms):
        table.was_outdated = table.step == ""
        table.propose(terms.rows, terms.key)
    elif not table.is_edited:
        table.propose(terms.rows, terms.key)


# One enrollment -----------------------------------------------------------------------------------------------------


def change(request, pk):
    """Other dates or amounts for what is still open of an enrollment's fee."""
    enrollment = get_object_or_404(
        Enrollment.objects.visible_to(request.user).select_related("student__user", "batch"), pk=pk
    )
    today = timezone.localdate()
    lines = installments.open_lines(enrollment, today)
    back = reverse("finance:student-fees", args=[enrollment.student_id])
    if not lines:
        messages.error(request, f"Nothing is open of the fee for {enrollment.batch}.")
        return redirect(back)
    total = sum((line.open for line in lines), ZERO)
    rows = [(line.charge.due_on, line.open) for line in lines]
    form = ReasonForm(request.POST or None)
    table = InstallmentTable(request.POST or None)
    if table.step == "split":
        table.split(total, today)
        form = ReasonForm(initial={"reason": form["reason"].value()})
    elif form.is_valid() and table.is_valid():
        try:
            installments.change(
                enrollment=enrollment, rows=table.rows, by=request.user, reason=form.cleaned_data["reason"]
            )
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The installments of {enrollment.student} were changed.")
            return redirect(back)
    if table.formset is None:
        table.propose(rows)
    return render(
        request,
        "finance/installments_change.html",
        {
            "form": form,
            "table": table,
            "total": total,
            "lines": lines,
            "enrollment": enrollment,
            "student": enrollment.student,
            "heading": f"Change the installments of {enrollment.student}",
            "back": back,
            "back_label": f"Fees of {enrollment.student}",
        },
    )


# The plans of a course ----------------------------------------------------------------------------------------------


def plan_create(request, pk):
    course = get_object_or_404(Course, pk=pk)
    return _plan_page(request, FeePlan(course=course), [], f"Add a fee plan to {course}", "Add plan")


@one_at_a_time(FeePlan)
def plan_update(request, pk):
    plan = get_object_or_404(FeePlan.objects.select_related("course").prefetch_related("parts"), pk=pk)
    return _plan_page(request, plan, list(plan.parts.all()), f"Edit {plan}", "Save")


def _plan_page(request, plan, parts, heading, submit):
    form = PlanForm(request.POST or None, instance=plan, parts=parts)
    if all([form.is_valid(), form.rows.is_valid()]):
        try:
            installments.save_plan(form.instance, form.rows.parts)
        except ValidationError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"Fee plan {plan} of {plan.course} saved.")
            return redirect(plan.course)
    return render(
        request,
        "finance/plan_form.html",
        {
            "form": form,
            "rows": form.rows,
            "course": plan.course,
            "fee": display(plan.course.total_fee),
            "heading": heading,
            "submit": submit,
            "back": plan.course.get_absolute_url(),
            "back_label": str(plan.course),
        },
    )
