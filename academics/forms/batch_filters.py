from typing import NamedTuple

from academics.models import Batch

#: With more batches, only those of the chosen course or instructor are offered.
MAX_BATCH_CHOICES = 500


class BatchFilterChoices(NamedTuple):
    course: list
    batch: list
    instructor: list

    def apply_to(self, form):
        """Set the choices; remove the batch field if it has none."""
        for name, choices in self._asdict().items():
            form.fields[name].choices = choices
        if len(self.batch) == 1:
            del form.fields["batch"]


def batch_filter_choices(data=None, *, not_over_on=None, user_id=None):
    """Return the choices; ``data`` of the form limits a long list of batches."""
    batches = Batch.objects.recorded_by(user_id).order_by("name", "pk")
    if not_over_on is not None:
        batches = batches.not_over(not_over_on)
    columns = "pk", "name", "course", "course__name", "instructor", "instructor__full_name"
    rows = list(batches.values_list(*columns))
    courses = sorted({(name, pk) for _, _, pk, name, _, _ in rows})
    instructors = sorted({(name, pk) for *_, pk, name in rows if pk})
    offered = rows if data is None else limit_batches(rows, data, course=2, instructor=4)
    return BatchFilterChoices(
        course=[("", "All courses"), *((pk, name) for name, pk in courses)],
        batch=[("", "All batches"), *(row[:2] for row in offered)],
        instructor=[("", "All instructors"), *((pk, name) for name, pk in instructors)],
    )


def limit_batches(rows, data, **columns):
    """Return all rows or, if there are too many, those that match ``data``.

    ``columns`` maps fields of the form to positions in a row, which begins with the batch id.
    """
    if len(rows) <= MAX_BATCH_CHOICES:
        return rows
    chosen = {column: data[name] for name, column in columns.items() if data.get(name)}
    return [
        row
        for row in rows
        if str(row[0]) == data.get("batch")
        or (chosen and all(str(row[column]) == value for column, value in chosen.items()))
    ]
