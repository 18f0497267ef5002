"""The page of collections: what came in, against what fell due."""

from django.shortcuts import render
from django.urls import reverse

from coachmaster.core import charts
from coachmaster.core.dates import financial_year_label, month_end
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.money import display
from coachmaster.core.pagination import paginate_rows
from finance.forms.collections import CollectionsFilter
from finance.reports.collections import COLUMNS, CollectionsReport, batches_by_id, months_of

#: How many bars the chart of courses has; the table has all.
MAX_BARS = 8


def collections(request):
    """A financial year by month, course and batch; with ``?as=csv`` or ``?as=xlsx`` as a file."""
    filters = CollectionsFilter(request.GET)
    year = filters.value("year") or filters.this_year
    course = filters.value("course")
    collected = CollectionsReport(months_of(year), course)
    if form := export_format(request):
        name = f"collections-{financial_year_label(year)}"
        return export_response(name, COLUMNS, collected.rows, file_format=form)
    by_month, by_course = collected.by_month, collected.by_course
    batches = paginate_rows(request, collected.by_batch)
    shown = batches_by_id(key for key, _ in batches)
    return render(
        request,
        "finance/collections/report.html",
        {
            "filters": filters,
            "year_words": financial_year_label(year),
            "in_all": collected.total,
            "together": [("Together", collected.total)],
            "by_month": by_month,
            "by_course": by_course,
            "batches": batches,
            "by_batch": [(shown.get(key), flow) for key, flow in batches],
            "months": charts.column_chart(
                "Received by month",
                "Month",
                [
                    (
                        f"{first:%b}",
                        flow.received,
                        display(flow.received),
                        None if course else _payments_of(first),
                    )
                    for first, flow in by_month
                ],
            ),
            "courses": charts.bar_chart(
                "Received by course",
                "Course",
                [
                    (course.name, flow.received, display(flow.received), course.get_absolute_url())
                    for course, flow in by_course
                    if course and flow.received
                ][:MAX_BARS],
            ),
        },
    )


def _payments_of(first):
    """The list of payments of a month that stand."""
    return f"{reverse('finance:payment-list')}?from={first}&to={month_end(first)}&state=standing"
