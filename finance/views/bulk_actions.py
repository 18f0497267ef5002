from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from academics.models import Enrollment
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import grouped
from coachmaster.core.text import plural
from coachmaster.core.views import form_page, list_page
from finance.exports import bulk_action_columns
from finance.forms.bulk_actions import BulkActionFilter, UndoForm
from finance.models import BulkAction, Charge, Payment
from finance.services.bulk_actions import may_undo, undo_bulk_action, undo_promise

#: Reasons shown why an action cannot be undone.
MOST_MESSAGES = 20
LIST_SORTS = {"time": ["at"], "rows": ["row_count"], "amount": ["amount"]}


@dataclass
class BulkRow:
    """A row of a confirmation page, or of a recorded action."""

    label: str
    url: str = ""
    note: str = ""
    detail: str = ""
    amount: Decimal | None = None
    status: str = ""


#: For each model, the related rows that its function needs, and the function that makes a BulkRow.
_DESCRIBED = {}


def describes(model, *related):
    """Register the decorated ``function(row)``, which describes rows of ``model`` on the page."""

    def register(function):
        _DESCRIBED[model] = (related, function)
        return function

    return register


@describes(Charge, "student__user", "enrollment__batch")
def describe_charge(charge):
    return BulkRow(
        label=charge.student.user.full_name,
        note=charge.student.admission_number,
        url=reverse("finance:student-fees", args=[charge.student_id]),
        detail=str(charge),
        amount=charge.amount,
        status="Cancelled" if charge.is_cancelled else "",
    )


@describes(Enrollment, "student__user", "batch")
def describe_enrollment(enrollment):
    is_ended = not enrollment.is_active
    return BulkRow(
        label=enrollment.student.user.full_name,
        url=enrollment.student.get_absolute_url(),
        detail=f"{enrollment.batch}, from {format_date(enrollment.enrolled_on)}",
        amount=enrollment.agreed_fee,
        status=enrollment.get_status_display() if is_ended else "",
    )


@describes(Payment, "student__user", "reversal")
def describe_payment(payment):
    return BulkRow(
        label=payment.student.user.full_name,
        url=payment.get_absolute_url(),
        detail=f"{payment}, {format_date(payment.paid_on)}",
        amount=payment.amount,
        status="Cancelled" if payment.is_cancelled else "",
    )


def bulk_action_list(request):
    filters = BulkActionFilter(request.GET)
    actions = filters.apply(BulkAction.objects.visible_to(request.user))
    return list_page(
        request,
        actions.select_related("by", "undone_by"),
        template="finance/bulk_actions/list.html",
        filters=filters,
        sorts=LIST_SORTS,
        default_sort="-time",
        export=bulk_action_columns(request.user),
        filename="bulk-actions",
        as_rows=lambda actions: _note_undo(actions, request.user),
    )


def _note_undo(actions, user):
    """Return ``actions`` as a list, noting for each whether ``user`` is offered to undo it."""
    actions = list(actions)
    for action in actions:
        action.offers_undo = not action.is_undone and may_undo(action, user)
    return actions


def _get_action(request, pk):
    actions = BulkAction.objects.visible_to(request.user).select_related("by", "undone_by")
    return get_object_or_404(actions, pk=pk)


def bulk_action(request, pk):
    action = _get_action(request, pk)
    return list_page(
        request,
        action.rows.select_related("content_type"),
        template="finance/bulk_actions/detail.html",
        sorts={"row": ["pk"]},
        default_sort="row",
        total=action.row_count,
        as_rows=lambda rows: describe_rows(rows, request.user),
        context={
            "action": _note_undo([action], request.user)[0],
        },
    )


def describe_rows(rows, user):
    """Return a BulkRow for each BulkActionRow, with one query for each model.

    Rows need the permission to view their model, and amounts that to view payments.
    """
    keys = {}
    for row in rows:
        keys.setdefault(row.content_type, []).append(row.object_id)
    found = {}
    for kind, ids in keys.items():
        if not user.has_perm(f"{kind.app_label}.view_{kind.model}"):
            continue
        model = kind.model_class()
        related, describe = _DESCRIBED.get(model, ((), _describe_any))
        objects = model._default_manager.filter(pk__in=ids).select_related(*related)
        if hasattr(objects, "visible_to"):
            objects = objects.visible_to(user)
        found |= {(kind.pk, row.pk): describe(row) for row in objects}
    if not user.has_perm("finance.view_payment"):
        found = {key: replace(row, amount=None) for key, row in found.items()}
    return [
        found.get((row.content_type_id, row.object_id), BulkRow(label=f"{row} is not available"))
        for row in rows
    ]


def _describe_any(row):
    url = row.get_absolute_url() if hasattr(row, "get_absolute_url") else ""
    return BulkRow(label=str(row), url=url, detail=row._meta.verbose_name.capitalize())


def bulk_action_undo(request, pk):
    action = _get_action(request, pk)
    if not may_undo(action, request.user):
        raise PermissionDenied
    if action.is_undone:
        messages.error(request, f"“{action}” is already undone.")
        return redirect(action)
    form = UndoForm(request.POST or None, request=request)
    if form.is_valid():
        try:
            undo_bulk_action(action=action, by=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as refusal:
            add_errors(form, shortened(refusal))
        else:
            messages.success(request, f"“{action}” undone.")
            return redirect(action)
    return form_page(
        request,
        form,
        title=f"Undo “{action}”",
        template="finance/bulk_actions/undo.html",
        submit="Undo",
        back=action.get_absolute_url(),
        back_label=str(action),
        context={"action": action, "promise": undo_promise(action)},
    )


def shortened(refusal):
    """Return a ValidationError with the first of many messages, and how many there are more."""
    more = len(refusal.messages) - MOST_MESSAGES
    if more <= 0 or hasattr(refusal, "error_dict"):
        return refusal
    return ValidationError([*refusal.messages[:MOST_MESSAGES], f"And {grouped(more)} more."])


def confirmation_page(
    request,
    form,
    rows,
    *,
    title,
    submit,
    back,
    back_label,
    lead="",
    left_out=(),
    total=None,
    promise="",
    noun="student",
    template="finance/bulk_actions/confirm.html",
):
    """Show whom a bulk action is about to change, before the button that does it.

    ``form`` is a BulkConfirmationForm, ``rows`` and ``left_out`` are BulkRows; ``submit`` names
    the action, as in “Charge 104 students ₹20,800”; ``promise`` says what undoing it does, and
    ``noun`` what a row is.
    """
    return form_page(
        request,
        form,
        title=title,
        template=template,
        lead=lead,
        submit=submit,
        back=back,
        back_label=back_label,
        context={
            "rows": rows,
            "heading": plural(len(rows), noun),
            "left_out": left_out,
            "total": total,
            "promise": promise,
        },
    )


def show_result(request, action, message, *, otherwise):
    """Redirect to the recorded ``action``, or users who may not see it to the URL ``otherwise``."""
    messages.success(request, message)
    may_see = request.user.has_perm("finance.view_bulkaction")
    return redirect(action.get_absolute_url() if may_see else otherwise)
