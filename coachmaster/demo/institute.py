"""The demo institute: invented, the same every time, its days counted from today.

`make` writes it in bulk, in one transaction, with the totals and histories that the services would have kept.
"""

from django.contrib.auth import authenticate
from django.db import transaction

from academics.models import Batch, Course
from accounts.models import User
from finance.models import Payment

from .academy import Academy
from .classes import change_classes
from .fees import collect
from .sheets import take_sheets

#: Who can sign in to it, and with which password.
LOGINS = {
    "admin@coachmaster.example": "open-the-desk-7",
    "instructor@coachmaster.example": "chalk-and-duster-7",
    "student@coachmaster.example": "pencil-and-paper-7",
}


def is_empty():
    """Whether nothing was entered yet into the database."""
    return not any(model.objects.exists() for model in (User, Course, Batch, Payment))


def working_logins():
    """The pairs of `LOGINS` that open a door in this database: none in an institute that is not the demo."""
    return [
        pair for pair in LOGINS.items() if authenticate(None, username=pair[0], password=pair[1])
    ]


@transaction.atomic
def make(*, scale=1, today, progress=lambda steps, words: steps):
    """Write the demo institute, ``scale`` times the size of a small one, into an empty database.

    ``progress`` wraps a list of steps that takes a while, with words for it.
    """
    academy = Academy(today=today, scale=scale, passwords=LOGINS)
    academy.build(progress)
    take_sheets(academy, progress)
    collect(academy, progress)
    change_classes(academy)
    return academy
