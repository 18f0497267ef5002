"""What a student's marks and the classes of a day are as files."""

from coachmaster.core.exports import CellType, ExportColumn

from .percentages import MarkStatus

#: `MarkOfStudent`s.
MARK_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda mark: mark.day),
    ExportColumn("Mark", CellType.TEXT, lambda mark: MarkStatus(mark.status).label),
    ExportColumn("Batch", CellType.TEXT, lambda mark: mark.batch),
    ExportColumn("Topic", CellType.TEXT, lambda mark: mark.topic),
    ExportColumn("Note", CellType.TEXT, lambda mark: mark.note),
]


def _of_tally(name):
    return lambda one: getattr(one.tally, name) if one.is_marked else None


#: `ClassDay`s.
CLASS_DAY_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda one: one.day),
    ExportColumn("Batch", CellType.TEXT, lambda one: one.batch.name),
    ExportColumn("Course", CellType.TEXT, lambda one: one.batch.course.name),
    ExportColumn("Room", CellType.TEXT, lambda one: one.batch.room),
    ExportColumn(
        "Time",
        CellType.TEXT,
        lambda one: ", ".join(f"{slot.starts_at:%H:%M}-{slot.ends_at:%H:%M}" for slot in one.slots),
    ),
    ExportColumn("Instructor", CellType.TEXT, lambda one: one.batch.instructor),
    *(
        ExportColumn(status.label, CellType.NUMBER, _of_tally(status.value))
        for status in MarkStatus
    ),
]
