"""What a student's marks and the classes of a day are as files."""

from coachmaster.core.exports import Column, Kind

from .percentages import MarkStatus

#: `MarkOfStudent`s.
MARK_COLUMNS = [
    Column("Day", Kind.DAY, lambda mark: mark.day),
    Column("Mark", Kind.TEXT, lambda mark: MarkStatus(mark.status).label),
    Column("Batch", Kind.TEXT, lambda mark: mark.batch),
    Column("Topic", Kind.TEXT, lambda mark: mark.topic),
    Column("Note", Kind.TEXT, lambda mark: mark.note),
]


def _of_tally(name):
    return lambda one: getattr(one.tally, name) if one.is_marked else None


#: `ClassDay`s.
CLASS_DAY_COLUMNS = [
    Column("Day", Kind.DAY, lambda one: one.day),
    Column("Batch", Kind.TEXT, lambda one: one.batch.name),
    Column("Course", Kind.TEXT, lambda one: one.batch.course.name),
    Column("Room", Kind.TEXT, lambda one: one.batch.room),
    Column(
        "Time",
        Kind.TEXT,
        lambda one: ", ".join(f"{slot.starts_at:%H:%M}-{slot.ends_at:%H:%M}" for slot in one.slots),
    ),
    Column("Instructor", Kind.TEXT, lambda one: one.batch.instructor),
    *(Column(status.label, Kind.NUMBER, _of_tally(status.value)) for status in MarkStatus),
]
