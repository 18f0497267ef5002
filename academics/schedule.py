"""Whose classes are whose: the timetable of one person, for the week's page and the calendar on their phone."""

from collections import Counter, defaultdict

from django.db.models import Count, DateField, Exists, OuterRef, Q, Value

from coachmaster.ground.prepared import Prepared

from .calendar import Timetable
from .models import Batch, ClassChange, Enrollment, days_between, standing_on


def running(batches, first, last):
    """Those of ``batches`` that run on some day from ``first`` to ``last``, by name."""
    return batches.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last).order_by("name", "pk")


@Prepared
def in_short(*, first, last):
    """Key, name, room, and key and name of the instructor of each batch that runs on some day from ``first`` to ``last``."""
    columns = "pk", "name", "room", "instructor", "instructor__full_name"
    return running(Batch.objects, first, last).values_list(*columns)


@Prepared
def _number_held(**days):
    numbers = [
        rows.filter(batch__in=Batch.objects.running(day))
        .order_by()
        .values_list(Value(day, DateField()))
        .annotate(Count("pk"))
        for day in days.values()
        for rows in standing_on(day)
    ]
    return numbers[0].union(*numbers[1:], all=True)


def number_held(first, last):
    """How many classes stand on each day from ``first`` to ``last``, as a Counter; holidays are not looked at. One query."""
    found = Counter()
    for day, number in _number_held(**{f"day_{place}": day for place, day in enumerate(days_between(first, last))}):
        found[day] += number
    return found


#: What the page of a week shows of a batch.
_SHOWN = "name", "room", "starts_on", "ends_on", "instructor__full_name"


@Prepared
def _on_day(*, day):
    weekly, _ = standing_on(day)
    changes = ClassChange.objects.touching(day, day)
    found = running(Batch.objects.select_related("instructor"), day, day)
    return found.filter(
        Exists(weekly.filter(batch=OuterRef("pk"))) | Exists(changes.filter(batch=OuterRef("pk")))
    ).only(*_SHOWN)


def timetable_of_day(day):
    """The `Timetable` of the whole institute on that day: for weeks with too many classes to look at each. Two queries."""
    return Timetable(_on_day(day=day), day, day)


def timetable_of(user, first, last, filters=None):
    """The `Timetable` that ``user`` sees: with ``filters`` (a `ClassFilter`) that of the whole institute as they ask for, without
    their own. At most three queries."""
    if filters is None:
        return own_timetable(user, first, last)
    batches = running(filters.narrow(Batch.objects.select_related("instructor")), first, last)
    return Timetable(batches.only(*_SHOWN), first, last)


def own_timetable(user, first, last):
    """The `Timetable` of the classes that ``user`` teaches or, while enrolled, attends. Three queries."""
    enrollments = defaultdict(list)
    for enrollment in Enrollment.objects.filter(student=user.pk).only("batch", "enrolled_on", "ended_on"):
        enrollments[enrollment.batch_id].append(enrollment)
    batches = Batch.objects.filter(Q(instructor=user) | Q(pk__in=enrollments)).select_related("course", "instructor")
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
