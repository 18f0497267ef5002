from collections import defaultdict

from .models import Batch, Enrollment
from .timetable import Timetable


def personal_timetable(user, first, last):
    """Return the Timetable of the classes that ``user`` teaches or attends."""
    enrollments = defaultdict(list)
    for enrollment in Enrollment.objects.filter(student=user.pk).only(
        "batch", "enrolled_on", "ended_on"
    ):
        enrollments[enrollment.batch_id].append(enrollment)
    batches = Batch.objects.owned_by(user.pk).running(first, last)
    batches = batches.select_related("course", "instructor").order_by("name", "pk")
    return PersonalTimetable(enrollments, batches, first, last)


class PersonalTimetable(Timetable):
    def __init__(self, enrollments, batches, first, last):
        self._enrollments = enrollments
        super().__init__(batches, first, last)

    def all_on(self, batch, day):
        enrollments = self._enrollments.get(batch.pk)
        # The instructor of the batch has all classes.
        if enrollments is None or any(enrollment.covers(day) for enrollment in enrollments):
            return super().all_on(batch, day)
        return []
