from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from finance.forms.enrollments import DropForm
from finance.ledger import Received, fee_status
from finance.services import enrollments, withdrawals

from .active_enrollment import enrollment_form_page, first_possible_end, with_active_enrollment


@with_active_enrollment
def enrollment_drop(request, enrollment):
    """Propose the fee to retain with its calculation, for any day and amount, then drop."""
    received = Received(enrollment.paid, enrollment.uncleared)
    fees = fee_status(enrollment.student, timezone.localdate(), received=received)
    first_day = first_possible_end(enrollment)
    form = DropForm(request.POST or None, initial={"ended_on": first_day})
    is_valid = form.is_valid()
    data = form.cleaned_data if form.is_bound else {}
    ended_on = data.get("ended_on") or first_day
    lines = enrollments.tuition_lines(enrollment, fees)
    proposal = withdrawals.propose_retained_fee(enrollment, lines, ended_on)
    retained = data.get("fee_to_keep")
    retained = proposal.amount if retained is None else retained
    was_outdated = False
    if request.POST.get("do") == "show":
        form = DropForm(initial={name: request.POST.get(name) for name in DropForm.base_fields})
    elif is_valid and form.accepts(proposal):
        was_outdated = form.was_shown_another(proposal)
        if not was_outdated and _drop(request, enrollment, form, retained):
            result = withdrawals.withdrawal_result(proposal, fees, retained, ended_on)
            messages.success(request, _drop_message(enrollment, result))
            return redirect(enrollment)
    outcome = withdrawals.withdrawal_result(proposal, fees, min(retained, proposal.fee), ended_on)
    return enrollment_form_page(
        request,
        form,
        enrollment,
        title=f"Drop {enrollment.student} from {enrollment.batch}",
        template="finance/withdrawals/form.html",
        context={
            "fees": fees,
            "proposal": proposal,
            "outcome": outcome,
            "was_outdated": was_outdated,
        },
    )


def _drop(request, enrollment, form, retained):
    data = {**form.cleaned_data, "fee_to_keep": retained}
    try:
        enrollments.drop(enrollment=enrollment, by=request.user, **data)
    except ValidationError as refusal:
        add_errors(form, refusal)
        return False
    return True


def _drop_message(enrollment, result):
    message = (
        f"{enrollment.student} dropped from {enrollment.batch}. "
        f"Fee retained: {display(result.retained)}."
    )
    if result.to_refund and enrollment.goes_on_in:
        return f"{message} Advance for {enrollment.goes_on_in}: {display(result.to_refund)}."
    if result.to_refund:
        return f"{message} Refund {display(result.to_refund)} by {format_date(result.due_on)}."
    if result.to_pay:
        return f"{message} Balance to pay: {display(result.to_pay)}."
    return f"{message} No dues."
