from django.shortcuts import redirect, render

from accounts.exports import STUDENT_COLUMNS
from coachmaster.core.exports import requested_export
from coachmaster.core.pagination import all_rows, paginate
from coachmaster.dashboards.forms.search import SearchForm
from coachmaster.dashboards.queries.search import students_matching

SORTS = {"name": ["full_name"], "admission": ["student_profile__admission_number"]}
SUGGESTIONS = 8


def search(request):
    """List the students that match; redirect to the student page of a single match."""
    text = SearchForm(request.GET).text
    found = students_matching(request.user, text)
    rows = all_rows(request, found, SORTS, default="name")
    if file := requested_export(request, "students", STUDENT_COLUMNS, rows):
        return file
    students = paginate(request, found, SORTS, default="name")
    if students.total == 1:
        return redirect("dashboards:student-page", next(iter(students)).pk)
    return render(
        request, "dashboards/search/list.html", {"students": students, "search_text": text}
    )


def search_suggestions(request):
    text = SearchForm(request.GET).text
    students = students_matching(request.user, text).order_by("full_name", "pk")[:SUGGESTIONS]
    return render(
        request,
        "dashboards/search/_suggestions.html",
        {"students": students, "search_text": text},
    )
