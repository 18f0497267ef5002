from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
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
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page, list_page


def holiday_list(request):
    today = timezone.localdate()
    filters = HolidayFilter(request.GET, holidays=Holiday.objects, this_year=today.year)
    return list_page(
        request,
        filters.filter(Holiday.objects.all()),
        template="academics/holidays/list.html",
        filters=filters,
        sorts={"date": ["day"], "name": ["name", "day"]},
        default_sort="date",
        export=HOLIDAY_COLUMNS,
        filename="holidays",
        context={"today": today},
    )


def holiday_create(request):
    form = HolidayForm(request.POST or None)
    if form.is_valid():
        try:
            result = add_holidays(**form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            _show_result(request, form.cleaned_data["name"], result)
            return redirect("academics:holiday-list")
    return _holiday_page(
        request,
        form,
        title="Add holiday",
        lead="No batch has class on a holiday, and no attendance is marked.",
        submit="Add holiday",
    )


@lock_on_post(Institute, pk=Institute.ONLY)
def holiday_update(request, pk):
    holidays = consecutive_days(get_object_or_404(Holiday, pk=pk))
    holiday, last = holidays[0], holidays[-1].day if len(holidays) > 1 else None
    initial = {"name": holiday.name, "first": holiday.day, "last": last}
    form = HolidayForm(request.POST or None, initial=initial)
    if form.is_valid():
        values = form.cleaned_data
        try:
            result = update_holidays(holidays, **values)
        except ValidationError as error:
            add_errors(form, error)
        else:
            dates = _format_dates(values["first"], values["last"])
            messages.success(request, f"Holiday {values['name']} saved: {dates}.")
            if result.sheets:
                messages.warning(request, existing_sheets_message(result.sheets))
            return redirect("academics:holiday-list")
    return _holiday_page(
        request,
        form,
        title=f"Edit the holiday {holiday.name}",
        lead=f"{_format_dates(holiday.day, last)}." if last else "",
    )


def holiday_delete(request, pk):
    holiday = get_object_or_404(Holiday, pk=pk)
    holidays = consecutive_days(holiday)
    data = request.POST if request.method == "POST" else None
    form = HolidayDeleteForm(data, number=len(holidays))
    if form.is_valid():
        deleted = holidays if form.cleaned_data.get("all_days") else [holiday]
        Holiday.objects.filter(pk__in=[row.pk for row in deleted]).delete()
        dates = _format_dates(deleted[0].day, deleted[-1].day)
        messages.success(
            request, f"Holiday {holiday.name} deleted: {dates}. Batches have class again."
        )
        return redirect("academics:holiday-list")
    return _holiday_page(
        request,
        form,
        title=f"Delete the holiday {holiday.name}?",
        lead=f"Batches will have class on {format_date(holiday.day)} as on any other "
        f"{holiday.day:%A}.",
        submit="Delete holiday",
    )


def _holiday_page(request, form, **page):
    back = reverse("academics:holiday-list")
    return form_page(request, form, back=back, back_label="Holidays", **page)


def _format_dates(first, last=None):
    """Return `8 Nov 2026`, or `8 Nov 2026 to 11 Nov 2026, 4 days`."""
    number = (last - first).days + 1 if last else 1
    if number == 1:
        return format_date(first)
    return f"{format_date(first)} to {format_date(last)}, {number} days"


def _show_result(request, name, result):
    added = result.added
    dates = format_date(added[0])
    if len(added) > 1:
        dates += f" to {format_date(added[-1])}, {len(added)} days"
    messages.success(request, f"Holiday {name} added: {dates}.")
    if result.existing:
        existing = ", ".join(map(format_date, result.existing))
        messages.info(request, f"Already a holiday and not renamed: {existing}.")
    if result.sheets:
        messages.warning(request, existing_sheets_message(result.sheets))
