from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.exports import HOLIDAY_COLUMNS
from academics.forms.holidays import HolidayDeleteForm, HolidayFilter, HolidayForm
from academics.models import Holiday, Institute
from academics.services.holidays import (
    add_holidays,
    consecutive_days,
    existing_sheets_message,
    update_holidays,
)
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.dates import format_date
from coachmaster.core.exports import requested_export
from coachmaster.core.forms import add_errors
from coachmaster.core.pagination import all_rows, paginate


def holiday_list(request):
    today = timezone.localdate()
    filters = HolidayFilter(request.GET, holidays=Holiday.objects, this_year=today.year)
    listed = (
        request,
        filters.filter(Holiday.objects.all()),
        {"date": ["day"], "name": ["name", "day"]},
    )
    if file := requested_export(
        request, "holidays", HOLIDAY_COLUMNS, all_rows(*listed, default="date")
    ):
        return file
    holidays = paginate(*listed, default="date")
    return render(
        request,
        "academics/holidays/list.html",
        {"holidays": holidays, "filters": filters, "today": today},
    )


def holiday_create(request):
    form = HolidayForm(request.POST or None)
    if form.is_valid():
        try:
            added = add_holidays(**form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            _say_what_was_added(request, form.cleaned_data["name"], added)
            return redirect("academics:holiday-list")
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": "Add a holiday",
            "lead": "No batch has class on a holiday, and no attendance is taken.",
            "submit": "Add holiday",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )


@lock_on_post(Institute, pk=Institute.ONLY)
def holiday_update(request, pk):
    run = consecutive_days(get_object_or_404(Holiday, pk=pk))
    holiday, last = run[0], run[-1].day if len(run) > 1 else None
    form = HolidayForm(
        request.POST or None, initial={"name": holiday.name, "first": holiday.day, "last": last}
    )
    if form.is_valid():
        try:
            changed = update_holidays(run, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            words = _days_words(form.cleaned_data["first"], form.cleaned_data["last"])
            messages.success(request, f"Holiday {form.cleaned_data['name']} saved: {words}.")
            if changed.sheets:
                messages.warning(request, existing_sheets_message(changed.sheets))
            return redirect("academics:holiday-list")
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": f"Edit the holiday {holiday.name}",
            "lead": f"{_days_words(holiday.day, last)}." if last else "",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )


def _days_words(first, last=None):
    """`8 Nov 2026`, or `8 Nov 2026 to 11 Nov 2026, 4 days`."""
    number = (last - first).days + 1 if last else 1
    return (
        f"{format_date(first)} to {format_date(last)}, {number} days"
        if number > 1
        else format_date(first)
    )


def _say_what_was_added(request, name, added):
    days = format_date(added.new[0])
    if len(added.new) > 1:
        days += f" to {format_date(added.new[-1])}, {len(added.new)} days"
    messages.success(request, f"Holiday {name} added: {days}.")
    if added.known:
        days = ", ".join(map(format_date, added.known))
        messages.info(request, f"Already a holiday, under the name it has: {days}.")
    if added.sheets:
        messages.warning(request, existing_sheets_message(added.sheets))


def holiday_delete(request, pk):
    holiday = get_object_or_404(Holiday, pk=pk)
    run = consecutive_days(holiday)
    form = HolidayDeleteForm(request.POST if request.method == "POST" else None, number=len(run))
    if form.is_valid():
        gone = run if form.cleaned_data.get("all_days") else [holiday]
        Holiday.objects.filter(pk__in=[one.pk for one in gone]).delete()
        days = _days_words(gone[0].day, gone[-1].day)
        messages.success(
            request, f"Holiday {holiday.name} deleted: {days}. Batches have class again."
        )
        return redirect("academics:holiday-list")
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": f"Delete the holiday {holiday.name}?",
            "lead": f"Batches will have class on {format_date(holiday.day)} as on any other {holiday.day:%A}.",
            "submit": "Delete holiday",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )
