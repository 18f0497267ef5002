import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from academics.models import Batch
from coachmaster.core.money import ZERO
from finance.models import FeePlan, FeePlanPart
from finance.services import installments
from finance.services.transfers import TransferTerms, fee_after_transfer, transfer_terms


@dataclass
class EnrollmentProposal:
    """On what terms a student would join: ``fee`` in rupees by ``plan`` (None: at once) from the day ``starts_on``.

    ``share`` is the fee for the classes that are left, where the batch has begun already.
    """

    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    plan: FeePlan | None = None
    plans: dict = field(default_factory=dict)  # the plans that the course offers, with their parts
    share: installments.ProratedFee | None = None

    @property
    def key(self):
        """What the installments are proposed for: another batch or plan has others."""
        return f"{self.batch.pk}.{self.plan.pk if self.plan else ''}"

    @property
    def rows(self):
        """The installments by the plan."""
        if self.plan:
            return installments.rows_from_parts(self.plans[self.plan], self.fee, self.starts_on)
        return [(self.starts_on, self.fee)] if self.fee > ZERO else []

    @property
    def share_reason(self):
        """Why the fee is lower for who joins in mid-course."""
        return f"Joined after {self.share.all - self.share.counted} of {self.share.all} classes"


def propose_enrollment(form, today):
    """The Terms that the enroll form asks for so far; None before a batch is chosen."""
    given = form.cleaned_data if form.is_bound else form.initial
    batch = given.get("batch")
    if (
        batch and not form.is_bound
    ):  # a key yet: out of what is offered, which the page reads anyway
        batch = next(
            (choice for choice in form.fields["batch"].offered if choice.pk == batch), None
        )
    if batch is None:
        return None
    list_fee = batch.course.total_fee
    fee = given.get("agreed_fee")
    terms = EnrollmentProposal(
        batch=batch,
        fee=list_fee if fee is None else fee,
        starts_on=given.get("enrolled_on") or today,
    )
    for part in FeePlanPart.objects.offered_for(batch.course_id):
        terms.plans.setdefault(part.plan, []).append(part)
    terms.plan = next((plan for plan in terms.plans if plan.pk == given.get("plan")), None)
    if terms.starts_on > batch.starts_on and list_fee > ZERO:
        share = installments.prorated_fee_from(batch, list_fee, terms.starts_on)
        if share and 0 < share.counted < share.all:
            terms.share = share
    return terms


@dataclass
class TransferProposal:
    """On what terms a student would move to ``batch``: ``fee`` in rupees there, and what the move settles."""

    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    settlement: TransferTerms

    @property
    def key(self):
        """What the installments are proposed for."""
        return f"{self.batch.pk}."

    @property
    def rows(self):
        """The installments that stand in the place of those that are cancelled."""
        return self.settlement.rows


def propose_transfer(form, enrollment, first_day):
    """The MoveTerms that the form of a transfer asks for so far; None before a batch is chosen."""
    given = form.cleaned_data if form.is_bound else {}
    batch = given.get("batch")
    if batch is None:
        return None
    fee = given.get("agreed_fee")
    if fee is None:
        fee, _ = fee_after_transfer(enrollment, batch)
    starts_on = given.get("enrolled_on") or first_day
    return TransferProposal(batch, fee, starts_on, transfer_terms(enrollment, fee, starts_on))


def is_outdated(table, terms):
    """Whether the rows that were sent were proposed for another batch or plan: the person has not seen the right ones."""
    return bool(table.offered_for) and table.offered_for != terms.key


def update_table(table, terms):
    """Let the rows show what ``terms`` propose, unless somebody has edited them."""
    if table.formset is not None and not table.formset.is_bound:
        return
    if is_outdated(table, terms):
        table.was_outdated = table.step == ""
        table.propose(terms.rows, terms.key)
    elif not table.is_edited:
        table.propose(terms.rows, terms.key)
