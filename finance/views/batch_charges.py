from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch
from accounts.models import StudentProfile
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display, short
from coachmaster.core.querysets import restricted_id
from coachmaster.core.text import plural
from coachmaster.core.views import form_page
from finance.forms.batch_charges import BatchChargeForm
from finance.services.batch_charges import BatchCharge, charge_batch
from finance.services.charges import UNDO_PROMISE

from .bulk_actions import BulkRow, confirmation_page, show_result

CHARGE_FIELDS = ("kind", "label", "amount", "due_on", "charge_again")


def batch_charge(request, pk):
    """Ask what to charge whom, then show the list, then charge."""
    batch = get_object_or_404(Batch.objects.recorded_by(restricted_id(request.user)), pk=pk)
    students = (
        StudentProfile.objects.filter(enrollments__batch=batch, enrollments__status="active")
        .select_related("user")
        .order_by("user__full_name", "pk")
    )
    form = BatchChargeForm(
        request.POST or None, students=students, initial={"due_on": timezone.localdate()}
    )
    if "change" not in request.POST and form.is_valid():
        return _confirm(request, form, batch)
    return form_page(
        request,
        form,
        title=f"Charge students of {batch}",
        template="finance/batch_charges/form.html",
        back=batch.get_absolute_url(),
        back_label=str(batch),
        context={"students": students, "ticked": form.ticked},
    )


def _confirm(request, form, batch):
    data = form.cleaned_data
    charge = BatchCharge(**{name: data[name] for name in CHARGE_FIELDS})
    if form.is_confirmed:
        try:
            action = charge_batch(
                batch=batch,
                students=data["students"],
                charge=charge,
                token=data["token"],
                digest=data["digest"],
                by=request.user,
            )
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            message = f"{action}: {display(action.amount)} charged."
            return show_result(request, action, message, otherwise=request.path)
    else:
        form.begin_confirmation()
    return _confirmation(request, form, batch, charge)


def _confirmation(request, form, batch, charge):
    students, left_out = charge.split(form.cleaned_data["students"])
    form.show_digest(charge.digest_of(students))
    total = charge.amount * len(students)
    return confirmation_page(
        request,
        form,
        [_describe(student, charge, charge.amount) for student in students],
        title=f"{charge}: charge {batch}",
        lead=f"{display(charge.amount)} each, due on {format_date(charge.due_on)}. "
        "Nobody is charged before you confirm.",
        submit=f"Charge {plural(len(students), 'student')} {short(total)}",
        back=request.path,
        back_label=f"Charge students of {batch}",
        total=total,
        promise=UNDO_PROMISE,
        left_out=[_describe(student, charge, status="Already charged") for student in left_out],
    )


def _describe(student, charge, amount=None, status=""):
    return BulkRow(
        label=student.user.full_name,
        url=reverse("finance:student-fees", args=[student.pk]),
        note=student.admission_number,
        detail=str(charge),
        amount=amount,
        status=status,
    )
