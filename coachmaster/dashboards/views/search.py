from django.shortcuts import redirect, render

from accounts.exports import STUDENTS
from coachmaster.core.exports import list_file
from coachmaster.core.pagination import every_row, listing
from coachmaster.dashboards.forms.search import SearchForm
from coachmaster.dashboards.queries.search import students_matching


def search(request):
    """The students that match; a single one is opened at once."""
    words = SearchForm(request.GET).words
    sorts = {"name": ["full_name"], "admission": ["student_profile__admission_number"]}
    listed = (request, students_matching(request.user, words), sorts)
    if file := list_file(request, "students", STUDENTS, every_row(*listed, default="name")):
        return file
    students = listing(*listed, default="name")
    if students.total == 1:
        return redirect("dashboards:student-page", next(iter(students)).pk)
    return render(
        request, "dashboards/search/list.html", {"students": students, "search_words": words}
    )


def search_suggestions(request):
    """The first matches as links, for the list under the search box."""
    words = SearchForm(request.GET).words
    students = students_matching(request.user, words).order_by("full_name", "pk")[:8]
    return render(
        request,
        "dashboards/search/_suggestions.html",
        {"students": students, "search_words": words},
    )
