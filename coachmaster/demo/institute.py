"""The demo institute: invented, and the same every time."""

from django.contrib.auth import authenticate
from django.db import transaction

from academics.models import Batch, Course
from accounts.models import User
from finance.models import Payment

from .academy import CHUNK, Academy
from .attendance import create_sheets
from .batches import create_batches, create_institute
from .class_changes import change_classes
from .enrollments import create_enrollments, plan_students
from .fees import create_fees
from .people import create_staff, create_students

#: Email and password of an Admin, an instructor and a student.
LOGINS = {
    "admin@coachmaster.example": "open-the-desk-7",
    "instructor@coachmaster.example": "chalk-and-duster-7",
    "student@coachmaster.example": "pencil-and-paper-7",
}


def is_empty():
    return not any(model.objects.exists() for model in (User, Course, Batch, Payment))


def working_logins():
    return [
        pair for pair in LOGINS.items() if authenticate(None, username=pair[0], password=pair[1])
    ]


@transaction.atomic
def create_demo(*, scale=1, today, progress=lambda steps, label: steps):
    """Write the demo institute into an empty database; return the Academy.

    ``scale`` multiplies its size. ``progress(steps, label)`` may wrap a list of steps.
    """
    academy = Academy(today=today, scale=scale, passwords=LOGINS)
    create_institute(academy)
    create_staff(academy)
    create_batches(academy)
    plan_students(academy)
    students = academy.students
    chunks = [students[start : start + CHUNK] for start in range(0, len(students), CHUNK)]
    for chunk in progress(chunks, "Students"):
        create_students(academy, chunk)
        create_enrollments(academy, [row for row in chunk if row.enrollments], 0)
        create_enrollments(academy, [row for row in chunk if len(row.enrollments) > 1], 1)
    create_sheets(academy, progress)
    create_fees(academy, progress)
    change_classes(academy)
    return academy
