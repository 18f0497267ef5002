"""Whose classes are whose: the timetable of one person, for the week's page and the calendar on their phone."""

from collections import defaultdict

from django.db.models import Q

from accounts.roles import sees_whole_institute

from .calendar import Timetable
from .models import Batch, Enrollment


def running(batches, first, last):
    """Those of ``batches`` that run on some day from ``first`` to ``last``, with course and instructor, by name."""
    found = batches.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last)
    return found.select_related("course", "instructor").order_by("name", "pk")


def timetable_of(user, first, last):
    """The `Timetable` that ``user`` sees: the whole institute for staff, their own for others. At most three queries."""
    if sees_whole_institute(user):
        return Timetable(running(Batch.objects.all(), first, last), first, last)
    return own_timetable(user, first, last)


def own_timetable(user, first, last):
    """The `Timetable` of the classes that ``user`` teaches or, while enrolled, attends. Three queries."""
    enrollments = defaultdict(list)
    for enrollment in Enrollment.objects.filter(student=user.pk).only("batch", "enrolled_on", "ended_on"):
        enrollments[enrollment.batch_id].append(enrollment)
    batches = Batch.objects.filter(Q(instructor=user) | Q(pk__in=enrollments))
    return OwnTimetable(user, enrollments, running(batches, first, last), first, last)


class OwnTimetable(Timetable):
    """The classes one teaches, and those one attends on the days one is enrolled."""

    def __init__(self, user, enrollments, batches, first, last):
        self._user, self._enrollments = user, enrollments
        super().__init__(batches, first, last)

    def all_on(self, batch, day):
        if batch.instructor_id != self._user.pk and not any(one.covers(day) for one in self._enrollments[batch.pk]):
            return []
        return super().all_on(batch, day)
