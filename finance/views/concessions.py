"""The pages about paying less: asking for a concession, approving it, taking it back, waiving a late fee."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from accounts.models import student_or_404
from coachmaster.core.exports import requested_export
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display
from coachmaster.core.pagination import all_rows, paginate
from finance.exports import CONCESSIONS
from finance.forms.charges import CancelReasonForm
from finance.forms.concessions import ApprovalForm, ConcessionForm, WaiveForm
from finance.forms.student_picker import IdField
from finance.ledger import fee_status
from finance.models import Charge, ChargeKind, Concession, ConcessionKind
from finance.services import concessions


def _fees_of(student):
    return reverse("finance:student-fees", args=[student.pk])


def _tell(request, rows):
    """Say what has become of a concession that was asked for."""
    amount, student = display(sum((row.amount for row in rows), ZERO)), rows[0].student
    if rows[0].is_waiting:
        messages.info(
            request,
            f"{amount} off the fees of {student} waits for approval; nothing has changed yet.",
        )
    else:
        messages.success(request, f"{amount} taken off the fees of {student}.")


def concession_create(request, pk):
    """Take something off what is open."""
    student = student_or_404(request.user, pk)
    lines = [line for line in fee_status(student, timezone.localdate()).lines if line.unpaid > ZERO]
    if not lines:
        messages.error(
            request, f"Nothing is open of the fees of {student}, so nothing can be taken off."
        )
        return redirect(_fees_of(student))
    siblings = concessions.first_siblings(student)
    initial = {
        "on": f"charge-{_key(request.GET.get('charge'))}",
        "kind": "sibling" if siblings else "merit",
    }
    form = ConcessionForm(request.POST or None, lines=lines, initial=initial)
    if form.is_valid():
        given = form.cleaned_data
        try:
            rows = concessions.request_concession(
                student=student,
                charges=form.charges,
                by=request.user,
                **{name: given[name] for name in ("amount", "percent", "kind", "reason", "token")},
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            _tell(request, rows)
            return redirect(_fees_of(student))
    return render(
        request,
        "finance/concessions/form.html",
        {
            "form": form,
            "student": student,
            "siblings": siblings,
            "limit": Institute.objects.current().concession_limit,
            "heading": f"Concession for {student}",
            "submit": "Take it off",
            "back": _fees_of(student),
            "back_label": f"Fees of {student}",
        },
    )


def _key(text):
    """A key out of an address; None when it is none."""
    try:
        return IdField().clean(text)
    except ValidationError:
        return None


def concession_list(request):
    """Those that wait for somebody to approve them."""
    waiting = (
        Concession.objects.visible_to(request.user).waiting().one_per_concession().with_total()
    )
    rows = waiting.select_related("student__user", "charge__enrollment__batch", "asked_by")
    listed = (request, rows, {"asked": ["asked_at"]})
    if file := requested_export(
        request, "concessions-waiting", CONCESSIONS, all_rows(*listed, default="asked")
    ):
        return file
    return render(
        request,
        "finance/concessions/list.html",
        {
            "concessions": paginate(*listed, default="asked"),
            "limit": Institute.objects.current().concession_limit,
        },
    )


def _group(request, pk):
    """All rows of the concession that the row ``pk`` belongs to."""
    row = get_object_or_404(Concession.objects.visible_to(request.user), pk=pk)
    rows = Concession.objects.filter(token=row.token).order_by("pk")
    return list(
        rows.select_related("student__user", "charge__enrollment__batch", "asked_by", "approved_by")
    )


def concession_approve(request, pk):
    rows = _group(request, pk)
    student, amount = rows[0].student, sum((row.amount for row in rows), ZERO)
    if not all(row.is_waiting for row in rows):
        messages.error(request, "This concession was decided already.")
        return redirect(_fees_of(student))
    form = ApprovalForm(request.POST if request.method == "POST" else None, request=request)
    if form.is_valid():
        try:
            concessions.approve_concession(token=rows[0].token, by=request.user)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"{display(amount)} taken off the fees of {student}.")
            return redirect("finance:concession-list")
    return render(
        request,
        "finance/concessions/approve.html",
        {
            "form": form,
            "rows": rows,
            "amount": amount,
            "student": student,
            "heading": f"Approve {display(amount)} off for {student}?",
            "submit": "Approve",
            "back": reverse("finance:concession-list"),
            "back_label": "Waiting concessions",
        },
    )


def concession_cancel(request, pk):
    """Decline one that waits, or take back one that counts."""
    rows = _group(request, pk)
    first, student = rows[0], rows[0].student
    amount = display(sum((row.amount for row in rows), ZERO))
    if first.cancelled_on:
        messages.error(request, "This concession was taken back already.")
        return redirect(_fees_of(student))
    was_waiting = first.is_waiting
    form = CancelReasonForm(request.POST or None)
    if form.is_valid():
        try:
            concessions.withdraw_concession(
                token=first.token, by=request.user, reason=form.cleaned_data["reason"]
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            words = "declined" if was_waiting else "taken back; it is owed again"
            messages.success(request, f"Concession of {amount} for {student} {words}.")
            return redirect(_fees_of(student))
    return render(
        request,
        "finance/concessions/cancel.html",
        {
            "form": form,
            "rows": rows,
            "heading": f"{'Decline' if was_waiting else 'Take back'} {amount} off for {student}?",
            "submit": "Decline" if was_waiting else "Take back",
            "back": _fees_of(student),
            "back_label": f"Fees of {student}",
        },
    )


def late_fee_waive(request, pk):
    """A late fee, or what is still open of it, is not asked for."""
    charge = get_object_or_404(
        Charge.objects.visible_to(request.user).select_related(
            "student__user", "enrollment__batch"
        ),
        pk=pk,
        kind=ChargeKind.LATE_FEE,
    )
    student = charge.student
    lines = fee_status(student, timezone.localdate()).lines
    is_open = sum((line.unpaid for line in lines if line.charge.pk == charge.pk), ZERO)
    if is_open == ZERO:
        messages.error(request, f"Nothing is open of this late fee of {student}.")
        return redirect(_fees_of(student))
    form = WaiveForm(request.POST or None)
    if form.is_valid():
        try:
            rows = concessions.request_concession(
                student=student,
                charges=[charge],
                kind=ConcessionKind.LATE_FEE,
                amount=is_open,
                by=request.user,
                reason=form.cleaned_data["reason"],
                token=form.cleaned_data["token"],
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            _tell(request, rows)
            return redirect(_fees_of(student))
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": f"Waive {display(is_open)} of {student}?",
            "lead": str(charge),
            "submit": "Waive the late fee",
            "back": _fees_of(student),
            "back_label": f"Fees of {student}",
        },
    )
