from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils import timezone

from academics.models import Batch
from coachmaster.core.money import display
from finance.forms.enrollments import TransferForm
from finance.forms.installments import InstallmentTable
from finance.forms.proposals import is_outdated, propose_transfer, update_table
from finance.forms.student_picker import StudentPickerForm
from finance.reports.enrollment_dues import enrollment_dues
from finance.services import transfers

from .active_enrollment import enrollment_form_page, first_possible_end, with_active_enrollment


@with_active_enrollment
def enrollment_transfer(request, enrollment):
    today, first_day = timezone.localdate(), first_possible_end(enrollment)
    form = TransferForm(
        request.POST or None,
        enrollment=enrollment,
        batches=Batch.objects.visible_to(request.user).not_over(today),
        query=StudentPickerForm(request.GET).value("find"),
        initial={"enrolled_on": first_day},
    )
    table = InstallmentTable(request.POST or None)
    is_valid = form.is_valid()
    terms = propose_transfer(form, enrollment, first_day)
    dues = enrollment_dues(enrollment, today)
    after = terms and _dues_after(dues, terms.settlement)
    if table.action == "split" and terms:
        table.split(terms.settlement.to_pay, terms.starts_on, terms.key)
    elif (
        table.action == ""
        and is_valid
        and table.is_valid()
        and not is_outdated(table, terms)
        and (new := _transfer(request, enrollment, form, table))
    ):
        messages.success(request, _transfer_message(enrollment, new, after))
        return redirect(new)
    if terms:
        update_table(table, terms)
    return enrollment_form_page(
        request,
        form,
        enrollment,
        title=f"Transfer {enrollment.student}",
        template="finance/transfers/form.html",
        submit="Transfer",
        context={"table": table, "terms": terms, "dues": dues, "after": after},
    )


def _transfer(request, enrollment, form, table):
    data = form.cleaned_data
    try:
        form.check_clashes([enrollment.student], data["batch"], by=request.user, leaving=enrollment)
        return transfers.transfer(
            enrollment=enrollment,
            batch=data["batch"],
            on=data["enrolled_on"],
            by=request.user,
            reason=data["reason"],
            agreed_fee=data["agreed_fee"],
            fee_reason=data["fee_reason"],
            rows=table.rows if table.is_edited else None,
        )
    except ValidationError as refusal:
        form.refuse(refusal, ended_on="enrolled_on")
        return None


def _transfer_message(enrollment, new, dues):
    return (
        f"{enrollment.student} transferred from {enrollment.batch} to {new.batch} "
        f"for {display(new.agreed_fee)}. {_balance_label(dues)}"
    )


def _balance_label(dues):
    if dues.advance:
        return f"Advance: {display(dues.advance)}."
    return f"Balance to pay: {display(dues.balance)}." if dues.balance else "No dues."


def _dues_after(dues, settlement):
    balance = dues.balance - settlement.cancelled_amount + settlement.to_pay
    return replace(dues, balance=balance)
