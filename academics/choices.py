"""The batches, courses and instructors that the filters of a list offer."""

from typing import NamedTuple

from coachmaster.ground.forms import Pairs
from coachmaster.ground.prepared import Prepared

from .models import Batch


class Choices(NamedTuple):
    """The choices of a form."""

    courses: Pairs
    batches: Pairs
    instructors: Pairs


@Prepared
def _batches(*, not_over_on, scope):
    found = Batch.objects.kept_in(scope) if not_over_on is None else Batch.objects.kept_in(scope).not_over(not_over_on)
    # As plain values: there may be thousands.
    columns = "pk", "name", "course", "course__name", "instructor", "instructor__full_name"
    return found.order_by("name", "pk").values_list(*columns)


def choices_of(*, not_over_on=None, scope=None):
    """The Choices of all batches, or of those that are not over on that day, or that are `kept_in` that ``scope``."""
    rows = _batches(not_over_on=not_over_on, scope=scope)
    courses = sorted({(name, key) for _, _, key, name, _, _ in rows})
    instructors = sorted({(name, key) for *_, key, name in rows if key})
    return Choices(
        courses=Pairs(("", "All courses"), *((key, name) for name, key in courses)),
        batches=Pairs(("", "All batches"), *(row[:2] for row in rows)),
        instructors=Pairs(("", "All instructors"), *((key, name) for name, key in instructors)),
    )
