from collections import defaultdict
from dataclasses import dataclass, field

from django.utils import timezone

from academics.models import Batch, Enrollment
from accounts.models import User
from finance.due_amounts import DueAmounts
from finance.reports.current_dues import current_amounts


@dataclass
class ListedPerson:
    """A person with what the user may see of their batches and dues."""

    person: User
    batches: list[Batch] = field(default_factory=list)
    dues: DueAmounts | None = None

    @property
    def batches_label(self):
        return ", ".join(batch.name for batch in self.batches)


class PeopleColumns:
    """The columns of the list of people, as ``user`` may see them."""

    def __init__(self, user):
        self.user = user
        self.shows_batches = user.has_perm("academics.view_enrollment")
        self.shows_dues = user.has_perm("finance.view_account")

    def load(self, people):
        """Return a ListedPerson of each person; the number of queries does not grow."""
        people = list(people)
        ids = [person.pk for person in people if person.is_student]
        batches = self._batches(ids) if ids and self.shows_batches else {}
        dues = current_amounts(ids, timezone.localdate()) if ids and self.shows_dues else {}
        return [
            ListedPerson(person, batches.get(person.pk, []), dues.get(person.pk))
            for person in people
        ]

    def _batches(self, ids):
        found = defaultdict(list)
        enrollments = Enrollment.objects.visible_to(self.user).active().filter(student__in=ids)
        for enrollment in enrollments.select_related("batch").order_by("batch__name", "pk"):
            found[enrollment.student_id].append(enrollment.batch)
        return found
