import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from academics.models import Batch
from coachmaster.core.money import ZERO
from finance.models import FeePlan, FeePlanPart
from finance.services.fee_plans import rows_from_parts
from finance.services.prorated_fees import ProratedFee, prorated_fee_from
from finance.services.transfers import TransferTerms, fee_after_transfer, transfer_terms


@dataclass
class EnrollmentProposal:
    """Fee in rupees and its ``plan``; None for payment in full.

    ``plans`` maps the plans of the course to their parts. ``share`` is the fee for the remaining
    classes if the batch has started.
    """

    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    plan: FeePlan | None = None
    plans: dict = field(default_factory=dict)
    share: ProratedFee | None = None

    @property
    def key(self):
        return f"{self.batch.pk}.{self.plan.pk if self.plan else ''}"

    @property
    def rows(self):
        if self.plan:
            return rows_from_parts(self.plans[self.plan], self.fee, self.starts_on)
        return [(self.starts_on, self.fee)] if self.fee > ZERO else []

    @property
    def share_reason(self):
        return f"Joined after {self.share.all - self.share.counted} of {self.share.all} classes"


def propose_enrollment(form, today):
    """Return the EnrollmentProposal for ``form``; None until a batch is chosen."""
    data = form.cleaned_data if form.is_bound else form.initial
    batch = data.get("batch")
    if batch and not form.is_bound:
        # The initial value is an id. The batches offered are read for the page anyway.
        offered = form.fields["batch"].offered
        batch = next((choice for choice in offered if choice.pk == batch), None)
    if batch is None:
        return None
    list_fee = batch.course.total_fee
    fee = data.get("agreed_fee")
    proposal = EnrollmentProposal(
        batch=batch,
        fee=list_fee if fee is None else fee,
        starts_on=data.get("enrolled_on") or today,
    )
    for part in FeePlanPart.objects.offered_for(batch.course_id):
        proposal.plans.setdefault(part.plan, []).append(part)
    proposal.plan = next((plan for plan in proposal.plans if plan.pk == data.get("plan")), None)
    if proposal.starts_on > batch.starts_on and list_fee > ZERO:
        share = prorated_fee_from(batch, list_fee, proposal.starts_on)
        if share and 0 < share.counted < share.all:
            proposal.share = share
    return proposal


@dataclass
class TransferProposal:
    batch: Batch
    fee: Decimal
    starts_on: datetime.date
    settlement: TransferTerms

    @property
    def key(self):
        return f"{self.batch.pk}."

    @property
    def rows(self):
        return self.settlement.rows


def propose_transfer(form, enrollment, first_day):
    """Return the TransferProposal for ``form``; None until a batch is chosen."""
    data = form.cleaned_data if form.is_bound else {}
    batch = data.get("batch")
    if batch is None:
        return None
    fee = data.get("agreed_fee")
    if fee is None:
        fee, _ = fee_after_transfer(enrollment, batch)
    starts_on = data.get("enrolled_on") or first_day
    return TransferProposal(batch, fee, starts_on, transfer_terms(enrollment, fee, starts_on))


def is_outdated(table, proposal):
    """Return whether the rows sent were proposed for another batch or plan."""
    return bool(table.offered_for) and table.offered_for != proposal.key


def update_table(table, proposal):
    if table.formset is not None and not table.formset.is_bound:
        return
    if is_outdated(table, proposal):
        table.was_outdated = table.action == ""
        table.propose(proposal.rows, proposal.key)
    elif not table.is_edited:
        table.propose(proposal.rows, proposal.key)
