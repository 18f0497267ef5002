from django.shortcuts import render
from django.urls import reverse

from coachmaster.core import charts
from coachmaster.core.dates import financial_year_label, month_end
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.money import display
from coachmaster.core.pagination import paginate_rows
from finance.forms.collections import CollectionsFilter
from finance.reports.collections import COLUMNS, CollectionsReport, batches_by_id, months_of

#: Bars of the chart by course; the table has all courses.
MAX_BARS = 8


def collections(request):
    filters = CollectionsFilter(request.GET)
    year = filters.value("year") or filters.this_year
    course = filters.value("course")
    report = CollectionsReport(months_of(year), course)
    if form := export_format(request):
        name = f"collections-{financial_year_label(year)}"
        return export_response(name, COLUMNS, report.rows, file_format=form)
    by_month, by_course = report.by_month, report.by_course
    page = paginate_rows(request, report.by_batch, is_printed=True)
    batches = batches_by_id(key for key, _ in page)
    return render(
        request,
        "finance/collections/report.html",
        {
            "filters": filters,
            "year_label": financial_year_label(year),
            "total": report.total,
            "total_row": [("Total", report.total)],
            "by_month": by_month,
            "by_course": by_course,
            "batches": page,
            "by_batch": [(batches.get(key), totals) for key, totals in page],
            "months": _month_chart(by_month, with_links=not course),
            "courses": _course_chart(by_course),
        },
    )


def _month_chart(by_month, *, with_links):
    bars = [
        (
            f"{month:%b}",
            totals.received,
            display(totals.received),
            _payments_url(month) if with_links else None,
        )
        for month, totals in by_month
    ]
    return charts.column_chart("Received by month", "Month", bars)


def _course_chart(by_course):
    bars = [
        (course.name, totals.received, display(totals.received), course.get_absolute_url())
        for course, totals in by_course
        if course and totals.received
    ]
    return charts.bar_chart("Received by course", "Course", bars[:MAX_BARS])


def _payments_url(month):
    return f"{reverse('finance:payment-list')}?from={month}&to={month_end(month)}&status=valid"
