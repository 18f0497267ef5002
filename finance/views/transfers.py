from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils import timezone

from academics.models import Batch
from academics.services.clashes import TimetableConflict
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from finance.forms.enrollments import TransferForm
from finance.forms.installments import InstallmentTable
from finance.forms.proposals import is_outdated, propose_transfer, update_table
from finance.forms.student_picker import StudentPickerForm
from finance.services import transfers

from .enrollments import check_clashes, enrollment_dues
from .withdrawals import default_last_day, enrollment_form_page, with_active_enrollment


@with_active_enrollment
def enrollment_transfer(request, enrollment):
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).not_over(today)
    form = TransferForm(
        request.POST or None,
        enrollment=enrollment,
        batches=batches,
        words=StudentPickerForm(request.GET).value("find"),
        initial={"enrolled_on": default_last_day(enrollment)},
    )
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = propose_transfer(form, enrollment, default_last_day(enrollment))
    if table.step == "split" and terms:
        table.split(terms.settlement.to_pay, terms.starts_on, terms.key)
    elif table.step == "" and is_valid and table.is_valid() and not is_outdated(table, terms):
        given = form.cleaned_data
        try:
            check_clashes(form, [enrollment.student], given["batch"], leaving=enrollment)
            moved = transfers.transfer(
                enrollment=enrollment,
                batch=given["batch"],
                on=given["enrolled_on"],
                by=request.user,
                reason=given["reason"],
                agreed_fee=given["agreed_fee"],
                fee_reason=given["fee_reason"],
                rows=table.rows if table.is_edited else None,
            )
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as refusal:
            add_errors(form, refusal, ended_on="enrolled_on")
        else:
            messages.success(
                request,
                f"{enrollment.student} moved from {enrollment.batch} to {moved.batch} for {display(moved.agreed_fee)}.",
            )
            return redirect(moved)
    if terms:
        update_table(table, terms)
    dues = enrollment_dues(enrollment)
    return enrollment_form_page(
        request,
        "finance/transfers/form.html",
        enrollment,
        form,
        clashes=clashes,
        table=table,
        terms=terms,
        dues=dues,
        after=terms
        and replace(
            dues, balance=dues.balance - terms.settlement.cancelled_amount + terms.settlement.to_pay
        ),
        heading=f"Move {enrollment.student} to another batch",
        submit="Move",
    )
