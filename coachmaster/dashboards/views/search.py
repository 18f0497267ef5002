from django.shortcuts import redirect, render

from accounts.exports import STUDENT_COLUMNS
from coachmaster.core.exports import requested_export
from coachmaster.core.pagination import all_rows, paginate
from coachmaster.dashboards.forms.search import SearchForm
from finance.student_search import StudentSearch

SORTS = {
    "best": ["rank", "full_name"],
    "name": ["full_name"],
    "admission": ["student_profile__admission_number"],
}
SUGGESTIONS = 8


def search(request):
    """List the students that match; redirect to the only one that the text names exactly."""
    text = SearchForm(request.GET).text
    search = StudentSearch(request.user, text)
    rows = all_rows(request, search.found, SORTS, default="best")
    if file := requested_export(request, "students", STUDENT_COLUMNS, rows):
        return file
    if student := search.exact_match():
        return redirect("dashboards:student-page", student.pk)
    students = paginate(request, search.found, SORTS, default="best")
    if students.total == 1 and search.is_exact(students[0]):
        return redirect("dashboards:student-page", students[0].pk)
    return render(
        request,
        "dashboards/search/list.html",
        {"students": students, "hits": search.hits(list(students)), "search_text": text},
    )


def search_suggestions(request):
    text = SearchForm(request.GET).text
    search = StudentSearch(request.user, text)
    students = search.found.order_by("rank", "full_name", "pk")[:SUGGESTIONS]
    return render(
        request,
        "dashboards/search/_suggestions.html",
        {"hits": search.hits(list(students)), "search_text": text},
    )
