"""The batches, courses and instructors that the filters of a list offer."""

from typing import NamedTuple

from academics.models import Batch


class Choices(NamedTuple):
    """The choices of a form."""

    course: list
    batch: list
    instructor: list

    def offer_in(self, form):
        """Let the fields of these names offer them; where no batch is to be offered there is no such field."""
        for name, choices in self._asdict().items():
            form.fields[name].choices = choices
        if len(self.batch) == 1:
            del form.fields["batch"]


#: More batches than anybody looks through.
MAX_BATCH_CHOICES = 500


def limit_batches(rows, asked, **places):
    """``rows`` of batches, their keys first; of more than `MAX_BATCH_CHOICES` those that agree with all else that is ``asked`` for,
    the data of a form: each name of ``places`` says where in a row that stands."""
    if len(rows) <= MAX_BATCH_CHOICES:
        return rows
    chosen = {place: asked[name] for name, place in places.items() if asked.get(name)}
    return [
        row
        for row in rows
        if str(row[0]) == asked.get("batch")
        or (chosen and all(str(row[place]) == value for place, value in chosen.items()))
    ]


def batch_filter_choices(asked=None, *, not_over_on=None, scope=None):
    """The Choices of all batches, or of those that are not over on that day, or that are `recorded_by` that ``scope``; of the
    batches those `limit_batches` where ``asked`` says what is chosen."""
    batches = Batch.objects.recorded_by(scope).order_by("name", "pk")
    if not_over_on is not None:
        batches = batches.not_over(not_over_on)
    columns = "pk", "name", "course", "course__name", "instructor", "instructor__full_name"
    rows = list(batches.values_list(*columns))
    courses = sorted({(name, key) for _, _, key, name, _, _ in rows})
    instructors = sorted({(name, key) for *_, key, name in rows if key})
    offered = rows if asked is None else limit_batches(rows, asked, course=2, instructor=4)
    return Choices(
        course=[("", "All courses"), *((key, name) for name, key in courses)],
        batch=[("", "All batches"), *(row[:2] for row in offered)],
        instructor=[("", "All instructors"), *((key, name) for name, key in instructors)],
    )
