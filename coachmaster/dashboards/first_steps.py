"""The first steps shown to the owner of an empty institute."""

from dataclasses import dataclass

from django.urls import reverse

from academics.models import Batch, Enrollment


@dataclass
class Step:
    title: str
    reason: str
    href: str
    is_done: bool


def remaining(courses):
    """Return the first steps, or an empty list once a student has been enrolled."""
    if any(course.active_students for course in courses):
        return []
    has_batches = bool(courses) and Batch.objects.exists()
    if has_batches and Enrollment.objects.exists():
        return []
    return [
        Step(
            "Add course",
            "What you teach and its fee.",
            reverse("academics:course-create"),
            is_done=bool(courses),
        ),
        Step(
            "Add batch",
            "Its instructor, class times, room and seats.",
            reverse("academics:batch-create"),
            is_done=has_batches,
        ),
        Step(
            "Add student",
            "Enroll the student in a batch. The fee is charged on enrollment.",
            reverse("accounts:person-create"),
            is_done=False,
        ),
    ]
