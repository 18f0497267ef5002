"""What the owner of an empty institute does first."""

from dataclasses import dataclass

from django.urls import reverse

from academics.models import Batch, Enrollment


@dataclass
class Step:
    """One of the first steps: what to do, why, where, and whether it is done."""

    title: str
    why: str
    href: str
    action: str
    is_done: bool


def remaining(courses):
    """The first steps while one of them is open, else an empty list. ``courses``: all courses, loaded already."""
    if any(course.active_students for course in courses):
        return []
    has_batches = bool(courses) and Batch.objects.exists()
    has_enrollments = has_batches and Enrollment.objects.exists()
    if has_enrollments:
        return []
    return [
        Step(
            "Add a course",
            "What you teach, and what it costs.",
            reverse("academics:course-create"),
            "Add a course",
            bool(courses),
        ),
        Step(
            "Add a batch",
            "When and where the course is taught, by whom, with how many seats.",
            reverse("academics:batch-create"),
            "Add a batch",
            has_batches,
        ),
        Step(
            "Add a student and enroll them",
            "The fee is charged on enrolling; payments and attendance follow.",
            reverse("accounts:person-create"),
            "Add a student",
            has_enrollments,
        ),
    ]
