from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils import timezone

from academics.models import Batch
from academics.services.clashes import Clashes
from coachmaster.core.forms import show_refusal
from coachmaster.core.money import display
from finance.forms.enrollment_terms import follow, is_outdated, move_terms_of
from finance.forms.enrollments import TransferForm
from finance.forms.installments import InstallmentTable
from finance.forms.student_picker import PickForm
from finance.services import transfers

from .enrollments import ask_about_clashes, student_dues
from .withdrawals import ending_page, enrollment_to_end, first_day_of


@enrollment_to_end
def transfer(request, enrollment):
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).not_over(today)
    form = TransferForm(
        request.POST or None,
        enrollment=enrollment,
        batches=batches,
        words=PickForm(request.GET).value("find"),
        initial={"enrolled_on": first_day_of(enrollment)},
    )
    table = InstallmentTable(request.POST or None)
    clashes, is_valid = [], form.is_valid()
    terms = move_terms_of(form, enrollment, first_day_of(enrollment))
    if table.step == "split" and terms:
        table.split(terms.settlement.to_pay, terms.starts_on, terms.key)
    elif table.step == "" and is_valid and table.is_valid() and not is_outdated(table, terms):
        given = form.cleaned_data
        try:
            ask_about_clashes(form, [enrollment.student], given["batch"], leaving=enrollment)
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
        follow(table, terms)
    dues = student_dues(enrollment)
    return ending_page(
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
            dues, balance=dues.balance - terms.settlement.taken_back + terms.settlement.to_pay
        ),
        heading=f"Move {enrollment.student} to another batch",
        submit="Move",
    )
