"""Cancel, move or add one class of a batch, and take that back: fetch, decide, render."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
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


def class_cancel(request, pk, day, starts_at):
    batch, one = _class(request, pk, day, starts_at)
    form = ClassCancelForm(request.POST or None)
    if form.is_valid():
        try:
            class_changes.cancel_class(
                batch=batch, day=day, starts_at=starts_at, by=request.user, **form.cleaned_data
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request, f"The class of {batch} on {class_label(day, starts_at)} is cancelled."
            )
            _say_what_stays(request, batch, [day])
            return redirect(_back(request, batch, day))
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": f"Cancel the class of {batch}?",
            "lead": f"{_when(one)}. It stays in the calendar as cancelled, and no attendance is expected.",
            "submit": "Cancel the class",
            "leave": "Leave it as it is",
            "back": _back(request, batch, day),
            "back_label": str(batch),
        },
    )


def class_move(request, pk, day, starts_at):
    batch, one = _class(request, pk, day, starts_at)
    now = {
        "to_day": day,
        "to_starts_at": starts_at,
        "to_ends_at": one.slot.ends_at,
        "room": one.change.room if one.change else "",
    }

    def move(**values):
        return class_changes.move_class(
            batch=batch, day=day, starts_at=starts_at, by=request.user, **values
        )

    return _class_page(
        request,
        batch,
        move,
        initial=now,
        said="The class of {batch} is now on {when}.",
        stays=day,
        heading=f"Move a class of {batch}",
        lead=f"{_when(one)}{f', {one.room}' if one.room else ''}.",
        submit="Move the class",
        back=_back(request, batch, day),
        cancel=reverse("academics:class-cancel", args=[pk, day, starts_at]),
    )


def class_add(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_class_times(), pk=pk)
    usual = next(iter(batch.slots), None)

    def add(**values):
        return class_changes.add_class(batch=batch, by=request.user, **values)

    return _class_page(
        request,
        batch,
        add,
        initial={"to_starts_at": usual and usual.starts_at, "to_ends_at": usual and usual.ends_at},
        said="An extra class of {batch} is on {when}.",
        heading=f"Add a class of {batch}",
        lead=f"Besides {batch.class_times_text}." if usual else "It has no weekly class times yet.",
        submit="Add the class",
        back=_back(request, batch, timezone.localdate()),
    )


def _class_page(request, batch, act, *, initial, said, stays=None, **page):
    """The form of when and where a class is held; ``act`` saves it, or refuses. ``stays``: the day it is taken from."""
    form = ClassChangeForm(request.POST or None, initial=initial)
    clashes = []
    if form.is_valid():
        try:
            change, left = act(**form.cleaned_data)
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as error:
            add_errors(form, error)
        else:
            when = class_label(change.to_day, change.to_starts_at)
            messages.success(request, said.format(batch=batch, when=when))
            for clash in left:
                messages.warning(request, f"Saved all the same: {clash}")
            if stays and stays != change.to_day:
                _say_what_stays(request, batch, [stays])
            return redirect(_back(request, batch, change.to_day))
    return render(
        request,
        "academics/class_changes/form.html",
        {
            "batch": batch,
            "form": form,
            "clashes": clashes,
            "back_label": str(batch),
            "leave": "Leave it as it is",
            **page,
        },
    )


def class_change_undo(request, pk):
    visible = Batch.objects.visible_to(request.user)
    change = get_object_or_404(
        ClassChange.objects.select_related("batch").filter(batch__in=visible), pk=pk
    )
    form = forms.Form(request.POST or None)
    back = _back(request, change.batch, change.day or change.to_day)
    if request.method == "POST":
        try:
            clashes = class_changes.undo_class_change(change, by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Taken back for {change.batch}: {change.words}.")
            for clash in clashes:
                messages.warning(request, f"All the same at that time: {clash}")
            _say_what_stays(request, change.batch, [] if change.keeps_start else [change.to_day])
            return redirect(back)
    stands = (
        "no such class"
        if change.is_extra
        else f"class on {class_label(change.day, change.starts_at)} again"
    )
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": "Take back this change?",
            "lead": f"{change.batch}: {change.words}. Reason: {change.reason}. Taken back, the batch has {stands}.",
            "submit": "Take back",
            "leave": "Leave it as it is",
            "back": back,
            "back_label": str(change.batch),
        },
    )


def _class(request, pk, day, starts_at):
    """The batch, and its class at that time; 404 where none stands."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    one = Timetable([batch], day, day).at(batch, day, starts_at)
    if one is None:
        raise Http404
    return batch, one


def _when(one):
    return (
        f"{one.day:%A}, {format_date(one.day)}, {one.slot.starts_at:%H:%M}–{one.slot.ends_at:%H:%M}"
    )


def _back(request, batch, day):
    """Where one came from: the week in the calendar, or the batch."""
    if request.GET.get("from") == "calendar":
        return f"{reverse('academics:calendar')}?week={day}"
    return batch.get_absolute_url()


def _say_what_stays(request, batch, days):
    if sheets := class_changes.count_sheets(batch, days):
        messages.warning(request, existing_sheets_message(sheets))
