from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from academics.forms.class_changes import ClassCancelForm, ClassChangeForm
from academics.models import Batch, ClassChange, class_label
from academics.services import class_changes
from academics.services.clashes import TimetableConflict
from academics.services.holidays import existing_sheets_message
from academics.timetable import Timetable
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page


def class_cancel(request, pk, day, starts_at):
    batch, scheduled = _class_or_404(request, pk, day, starts_at)
    form = ClassCancelForm(request.POST or None)
    back = _back_url(request, batch, day)
    if form.is_valid():
        try:
            class_changes.cancel_class(
                batch=batch, day=day, starts_at=starts_at, by=request.user, **form.cleaned_data
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            label = class_label(day, starts_at)
            messages.success(request, f"The class of {batch} on {label} is cancelled.")
            _warn_about_sheets(request, batch, [day])
            return redirect(back)
    return form_page(
        request,
        form,
        title=f"Cancel the class of {batch}?",
        lead=f"{_when(scheduled)}. It stays in the timetable as cancelled, and no attendance "
        "is expected.",
        submit="Cancel class",
        cancel="Keep class",
        back=back,
        back_label=str(batch),
    )


def class_move(request, pk, day, starts_at):
    batch, scheduled = _class_or_404(request, pk, day, starts_at)
    initial = {
        "to_day": day,
        "to_starts_at": starts_at,
        "to_ends_at": scheduled.slot.ends_at,
        "room": scheduled.change.room if scheduled.change else "",
    }

    def move(**values):
        return class_changes.move_class(
            batch=batch, day=day, starts_at=starts_at, by=request.user, **values
        )

    room = f", {scheduled.room}" if scheduled.room else ""
    return _class_form(
        request,
        batch,
        move,
        initial=initial,
        message="The class of {batch} is now on {when}.",
        moved_from=day,
        title=f"Move a class of {batch}",
        lead=f"{_when(scheduled)}{room}.",
        submit="Move class",
        back=_back_url(request, batch, day),
        cancel_class=reverse("academics:class-cancel", args=[pk, day, starts_at]),
    )


def class_add(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_class_times(), pk=pk)
    usual = next(iter(batch.slots), None)

    def add(**values):
        return class_changes.add_class(batch=batch, by=request.user, **values)

    initial, lead = {}, "The batch has no weekly class times yet."
    if usual:
        initial = {"to_starts_at": usual.starts_at, "to_ends_at": usual.ends_at}
        lead = f"In addition to {batch.class_times_text}."
    return _class_form(
        request,
        batch,
        add,
        initial=initial,
        message="Extra class of {batch} added on {when}.",
        title=f"Add class to {batch}",
        lead=lead,
        submit="Add class",
        back=_back_url(request, batch, timezone.localdate()),
    )


def _class_form(
    request, batch, save, *, initial, message, moved_from=None, cancel_class="", **page
):
    form = ClassChangeForm(request.POST or None, initial=initial)
    clashes = []
    if form.is_valid():
        try:
            change, remaining = save(
                to=form.new_time,
                reason=form.cleaned_data["reason"],
                despite_clash=form.cleaned_data["despite_clash"],
            )
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as error:
            add_errors(form, error)
        else:
            when = class_label(change.to_day, change.to_starts_at)
            messages.success(request, message.format(batch=batch, when=when))
            for clash in remaining:
                messages.warning(request, f"Saved despite a clash: {clash}")
            if moved_from and moved_from != change.to_day:
                _warn_about_sheets(request, batch, [moved_from])
            return redirect(_back_url(request, batch, change.to_day))
    return form_page(
        request,
        form,
        template="academics/class_changes/form.html",
        back_label=str(batch),
        context={"batch": batch, "clashes": clashes, "cancel_class": cancel_class},
        **page,
    )


def class_change_undo(request, pk):
    changes = ClassChange.objects.visible_to(request.user).select_related("batch")
    change = get_object_or_404(changes, pk=pk)
    batch = change.batch
    form = forms.Form(request.POST or None)
    back = _back_url(request, batch, change.day or change.to_day)
    if request.method == "POST":
        try:
            clashes = class_changes.undo_class_change(change, by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Change of {batch} undone: {change.description}.")
            for clash in clashes:
                messages.warning(request, f"Restored despite a clash: {clash}")
            if not change.keeps_start:
                _warn_about_sheets(request, batch, [change.to_day])
            return redirect(back)
    if change.is_extra:
        effect = "The extra class is removed."
    else:
        effect = f"The class on {class_label(change.day, change.starts_at)} is held again."
    return form_page(
        request,
        form,
        title="Undo this change?",
        lead=f"{batch}: {change.description}. Reason: {change.reason}. {effect}",
        submit="Undo change",
        back=back,
        back_label=str(batch),
    )


def _class_or_404(request, pk, day, starts_at):
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    scheduled = Timetable([batch], day, day).at(batch, day, starts_at)
    if scheduled is None:
        raise Http404
    return batch, scheduled


def _when(scheduled):
    day, slot = scheduled.day, scheduled.slot
    return f"{day:%A}, {format_date(day)}, {slot.starts_at:%H:%M}–{slot.ends_at:%H:%M}"


def _back_url(request, batch, day):
    if request.GET.get("from") == "calendar":
        return f"{reverse('academics:calendar')}?week={day}"
    return batch.get_absolute_url()


def _warn_about_sheets(request, batch, days):
    if sheets := class_changes.count_sheets(batch, days):
        messages.warning(request, existing_sheets_message(sheets))
