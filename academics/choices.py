"""The batches, courses and instructors that the filters of a list offer."""

from typing import NamedTuple

from coachmaster.ground.prepared import Prepared

from .models import Batch


class Choices(NamedTuple):
    """Pairs of a key and words, as choices of a form."""

    courses: list
    batches: list
    instructors: list


@Prepared
def _batches(*, not_over_on, instructor):
    found = Batch.objects.all() if not_over_on is None else Batch.objects.not_over(not_over_on)
    if instructor is not None:
        found = found.taught_by(instructor)
    # As plain values: there may be thousands.
    columns = "pk", "name", "course", "course__name", "instructor", "instructor__full_name"
    return found.order_by("name", "pk").values_list(*columns)


def choices_of(*, not_over_on=None, instructor=None):
    """The Choices of all batches, or of those that are not over on that day, or that this person (a key) teaches."""
    rows = _batches(not_over_on=not_over_on, instructor=instructor)
    courses = sorted({(name, key) for _, _, key, name, _, _ in rows})
    instructors = sorted({(name, key) for *_, key, name in rows if key})
    return Choices(
        courses=[("", "All courses"), *((key, name) for name, key in courses)],
        batches=[("", "All batches"), *(row[:2] for row in rows)],
        instructors=[("", "All instructors"), *((key, name) for name, key in instructors)],
    )
