"""Picking the student that a form at the desk is about."""

from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from academics.models import Batch
from accounts.models import StudentProfile, User
from finance.forms.student_picker import StudentPickerForm

#: What a student is picked for: the heading, and the page that goes on.
PURPOSES = {
    "payment": ("Take a payment", "finance:payment-create"),
    "enrollment": ("Enroll a student", "finance:enrollment-create"),
}
MATCHES = 20
SUGGESTIONS = 8


def picked_student(request, pick):
    """The student whom the address names, or None when it names nobody. Raises Http404 for one who is not there."""
    if "student" not in request.GET:
        return None
    students = StudentProfile.objects.visible_to(request.user).select_related("user")
    student = students.filter(pk=pick.value("student")).first() if pick.value("student") else None
    if student is None:
        raise Http404
    return student


def _matches(user, words):
    people = User.objects.visible_to(user).filter(student_profile__isnull=False).search(words)
    return people.select_related("student_profile__account").order_by("full_name", "pk")


def _address(pick, purpose, student):
    parameters = {"student": student.pk}
    if batch := pick.value("batch"):
        parameters["batch"] = batch
    return f"{reverse(PURPOSES[purpose][1])}?{urlencode(parameters)}"


def _suggestions_address(pick, purpose):
    address = reverse(f"finance:{purpose}-suggestions")
    return (
        f"{address}?{urlencode({'batch': pick.value('batch')})}" if pick.value("batch") else address
    )


def _batch(user, pick):
    return (
        pick.value("batch")
        and Batch.objects.visible_to(user).filter(pk=pick.value("batch")).first()
    )


def _links(pick, purpose, people):
    return [(person, _address(pick, purpose, person)) for person in people]


def student_picker(request, pick, purpose):
    """The page that asks which student it is about; a single match is picked at once."""
    words = pick.value("q") or ""
    people = list(_matches(request.user, words)[: MATCHES + 1]) if words else []
    exact = [
        person
        for person in people
        if person.student_profile.admission_number.casefold() == words.casefold()
    ]
    if len(exact or people) == 1:
        return redirect(_address(pick, purpose, (exact or people)[0]))
    return render(
        request,
        "finance/student_picker/list.html",
        {
            "heading": PURPOSES[purpose][0],
            "purpose": purpose,
            "words": words,
            "suggestions": _suggestions_address(pick, purpose),
            "batch": pick.value("batch"),
            "into": _batch(request.user, pick),
            "links": _links(pick, purpose, people[:MATCHES]),
            "has_more": len(people) > MATCHES,
        },
    )


def student_suggestions(request, purpose):
    """The first matches as links, for the list under the search box."""
    pick = StudentPickerForm(request.GET)
    words = pick.value("q") or ""
    people = _matches(request.user, words)[:SUGGESTIONS] if words else []
    return render(
        request,
        "finance/student_picker/_links.html",
        {"links": _links(pick, purpose, people), "words": words, "purpose": purpose},
    )
