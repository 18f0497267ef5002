from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from academics.models import Batch
from accounts.models import StudentProfile
from finance.forms.student_picker import StudentPickerForm
from finance.reports.current_dues import current_amounts
from finance.student_search import StudentSearch

#: Title and URL name of the page that a student is picked for.
PURPOSES = {
    "payment": ("Record payment", "finance:payment-create"),
    "enrollment": ("Enroll student", "finance:enrollment-create"),
}
MAX_MATCHES = 20
MAX_SUGGESTIONS = 8


def picked_student(request, picker):
    """Return the student of the query string, or None.

    Raise Http404 if there is no such student.
    """
    if "student" not in request.GET:
        return None
    students = StudentProfile.objects.visible_to(request.user).select_related("user")
    pk = picker.value("student")
    student = students.filter(pk=pk).first() if pk else None
    if student is None:
        raise Http404
    return student


def student_picker(request, picker, purpose):
    """Ask for the student; go on at once if the text names one exactly."""
    query = picker.value("q") or ""
    search = StudentSearch(request.user, query)
    if person := search.exact_match():
        return redirect(_form_url(picker, purpose, person))
    people = list(_best(search)[: MAX_MATCHES + 1])
    if len(people) == 1 and search.is_exact(people[0]):
        return redirect(_form_url(picker, purpose, people[0]))
    batch_id = picker.value("batch")
    batches = Batch.objects.visible_to(request.user)
    return render(
        request,
        "finance/student_picker/list.html",
        {
            "title": PURPOSES[purpose][0],
            "purpose": purpose,
            "query": query,
            "suggestions": _suggestions_url(picker, purpose),
            "batch_id": batch_id,
            "batch": batches.filter(pk=batch_id).first() if batch_id else None,
            "links": _links(picker, purpose, search, people[:MAX_MATCHES]),
            "has_more": len(people) > MAX_MATCHES,
        },
    )


def student_suggestions(request, purpose):
    picker = StudentPickerForm(request.GET)
    query = picker.value("q") or ""
    search = StudentSearch(request.user, query)
    links = _links(picker, purpose, search, list(_best(search)[:MAX_SUGGESTIONS]))
    return render(
        request,
        "finance/student_picker/_links.html",
        {"links": links, "query": query, "purpose": purpose},
    )


def _best(search):
    return search.found.order_by("rank", "full_name", "pk")


def _links(picker, purpose, search, people):
    """Return triples of a Hit, the URL of the form, and the dues if it is a payment."""
    dues = {}
    if purpose == "payment":
        dues = current_amounts([person.pk for person in people], timezone.localdate())
    return [
        (hit, _form_url(picker, purpose, hit.person), dues.get(hit.person.pk))
        for hit in search.hits(people)
    ]


def _form_url(picker, purpose, student):
    parameters = {"student": student.pk}
    if batch := picker.value("batch"):
        parameters["batch"] = batch
    return f"{reverse(PURPOSES[purpose][1])}?{urlencode(parameters)}"


def _suggestions_url(picker, purpose):
    url = reverse(f"finance:{purpose}-suggestions")
    batch = picker.value("batch")
    return f"{url}?{urlencode({'batch': batch})}" if batch else url
