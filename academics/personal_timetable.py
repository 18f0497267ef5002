from collections import defaultdict

from django.db.models import Q

from .models import Batch, Enrollment
from .timetable import Timetable


def personal_timetable(user, first, last):
    """Return the Timetable of the classes that ``user`` teaches or attends."""
    enrollments = defaultdict(list)
    for enrollment in Enrollment.objects.filter(student=user.pk).only(
        "batch", "enrolled_on", "ended_on"
    ):
        enrollments[enrollment.batch_id].append(enrollment)
    batches = Batch.objects.running(first, last).filter(Q(instructor=user) | Q(pk__in=enrollments))
    batches = batches.select_related("course", "instructor").order_by("name", "pk")
    return PersonalTimetable(user, enrollments, batches, first, last)


class PersonalTimetable(Timetable):
    def __init__(self, user, enrollments, batches, first, last):
        self._user, self._enrollments = user, enrollments
        super().__init__(batches, first, last)

    def all_on(self, batch, day):
        if batch.instructor_id == self._user.pk:
            return super().all_on(batch, day)
        if any(enrollment.covers(day) for enrollment in self._enrollments[batch.pk]):
            return super().all_on(batch, day)
        return []
