from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import student_or_404
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display
from coachmaster.core.views import form_page, list_page
from finance.exports import CONCESSIONS
from finance.forms.charges import CancelReasonForm
from finance.forms.concessions import ApprovalForm, ConcessionForm, WaiveForm
from finance.forms.student_picker import IdField
from finance.ledger import fee_status, shown_as
from finance.models import Charge, ChargeKind, Concession, ConcessionKind
from finance.services import concessions
from finance.services.approval_limits import Approvers

CONCESSION_FIELDS = ("amount", "percent", "kind", "reason", "token")


def concession_create(request, pk):
    student = student_or_404(request.user, pk)
    unpaid = [
        line for line in fee_status(student, timezone.localdate()).shown_lines if line.unpaid > ZERO
    ]
    if not unpaid:
        messages.error(request, f"{student} has no unpaid fees, so no concession can be added.")
        return redirect(_fees_url(student))
    siblings = concessions.first_siblings(student, request.user)
    form = ConcessionForm(
        request.POST or None,
        lines=unpaid,
        initial={"on": f"charge-{_parse_id(request.GET.get('charge'))}"},
    )
    if form.is_valid():
        data = {name: form.cleaned_data[name] for name in CONCESSION_FIELDS}
        if _request_concession(request, form, student=student, charges=form.charges, **data):
            return redirect(_fees_url(student))
    return form_page(
        request,
        form,
        title=f"Concession for {student}",
        template="finance/concessions/form.html",
        submit="Add concession",
        back=_fees_url(student),
        back_label=f"Fees of {student}",
        context={
            "student": student,
            "siblings": siblings,
            "approval_notice": Approvers(request.user).notice,
        },
    )


def _fees_url(student):
    return reverse("finance:student-fees", args=[student.pk])


def _parse_id(text):
    try:
        return IdField().clean(text)
    except ValidationError:
        return None


def _total(rows):
    return sum((row.amount for row in rows), ZERO)


def _request_concession(request, form, **values):
    """Return whether the concession was added; if not, the form has the errors."""
    try:
        rows = concessions.request_concession(by=request.user, **values)
    except ValidationError as refusal:
        add_errors(form, refusal)
        return False
    _report_concession(request, rows)
    return True


def _report_concession(request, rows):
    amount, student = display(_total(rows)), rows[0].student
    if rows[0].is_waiting:
        messages.info(
            request,
            f"The concession of {amount} for {student} is pending approval. "
            "The dues have not changed yet.",
        )
    else:
        messages.success(request, f"Concession of {amount} added for {student}.")


def concession_list(request):
    """List the concessions that are pending approval."""
    pending = Concession.objects.visible_to(request.user).waiting().one_per_concession()
    return list_page(
        request,
        pending.select_related("student__user", "charge__enrollment__batch", "asked_by"),
        template="finance/concessions/list.html",
        sorts={"asked": ["asked_at"]},
        default_sort="asked",
        export=CONCESSIONS,
        filename="pending-concessions",
        as_rows=lambda rows: concessions.pending_concessions(rows, request.user),
    )


def _concession_rows(request, pk):
    row = get_object_or_404(Concession.objects.visible_to(request.user), pk=pk)
    rows = Concession.objects.filter(token=row.token).order_by("pk")
    return list(
        rows.select_related("student__user", "charge__enrollment__batch", "asked_by", "approved_by")
    )


def concession_approve(request, pk):
    rows = _concession_rows(request, pk)
    student, amount = rows[0].student, display(_total(rows))
    try:
        concessions.check_can_approve(rows, by=request.user)
    except ValidationError as refusal:
        messages.error(request, refusal.message)
        return redirect(_fees_url(student))
    form = ApprovalForm(request.POST if request.method == "POST" else None, request=request)
    if form.is_valid():
        try:
            concessions.approve_concession(token=rows[0].token, by=request.user)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"Concession of {amount} for {student} approved.")
            return redirect("finance:concession-list")
    return form_page(
        request,
        form,
        title=f"Approve concession of {amount} for {student}",
        template="finance/concessions/approve.html",
        back=reverse("finance:concession-list"),
        back_label="Pending concessions",
        context={
            "rows": rows,
            "pending": concessions.pending_concessions(rows[:1], request.user)[0],
        },
    )


def concession_cancel(request, pk):
    """Decline a pending concession, or cancel an approved one."""
    rows = _concession_rows(request, pk)
    first, student = rows[0], rows[0].student
    amount = display(_total(rows))
    if first.cancelled_on:
        messages.error(request, "This concession is already cancelled.")
        return redirect(_fees_url(student))
    was_pending = first.is_waiting
    form = CancelReasonForm(request.POST or None)
    if form.is_valid():
        try:
            concessions.cancel_concession(
                token=first.token, by=request.user, reason=form.cleaned_data["reason"]
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            result = "declined" if was_pending else "cancelled. The amount is due again"
            messages.success(request, f"Concession of {amount} for {student} {result}.")
            return redirect(_fees_url(student))
    verb = "Decline" if was_pending else "Cancel"
    return form_page(
        request,
        form,
        title=f"{verb} concession of {amount} for {student}",
        template="finance/concessions/cancel.html",
        submit=f"{verb} concession",
        back=_fees_url(student),
        back_label=f"Fees of {student}",
        context={"rows": rows},
    )


def late_fee_waive(request, pk):
    late_fees = Charge.objects.visible_to(request.user).filter(kind=ChargeKind.LATE_FEE)
    charge = get_object_or_404(
        late_fees.select_related("student__user", "enrollment__batch"), pk=pk
    )
    student = charge.student
    # All that is unpaid of the rule on the installment is waived, as it is one line of the fees.
    lines = [
        line
        for line in fee_status(student, timezone.localdate()).lines
        if line.unpaid and shown_as(line.charge) == shown_as(charge)
    ]
    if charge.is_cancelled or not lines:
        messages.error(request, f"This late fee of {student} is already paid or waived.")
        return redirect(_fees_url(student))
    unpaid = sum((line.unpaid for line in lines), ZERO)
    form = WaiveForm(request.POST or None)
    if form.is_valid():
        is_requested = _request_concession(
            request,
            form,
            student=student,
            charges=[line.charge for line in lines],
            kind=ConcessionKind.LATE_FEE,
            amount=unpaid,
            reason=form.cleaned_data["reason"],
            token=form.cleaned_data["token"],
        )
        if is_requested:
            return redirect(_fees_url(student))
    return form_page(
        request,
        form,
        title=f"Waive late fee of {display(unpaid)} for {student}",
        lead=f"{charge}. {Approvers(request.user).notice}",
        submit="Waive late fee",
        back=_fees_url(student),
        back_label=f"Fees of {student}",
    )
