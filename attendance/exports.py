from coachmaster.core.exports import CellType, ExportColumn

from .percentages import MarkStatus

MARK_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda mark: mark.day),
    ExportColumn("Mark", CellType.TEXT, lambda mark: MarkStatus(mark.status).label),
    ExportColumn("Batch", CellType.TEXT, lambda mark: mark.batch),
    ExportColumn("Topic", CellType.TEXT, lambda mark: mark.topic),
    ExportColumn("Note", CellType.TEXT, lambda mark: mark.note),
]


def _count(name):
    return lambda row: getattr(row.tally, name) if row.is_marked else None


CLASS_DAY_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda row: row.day),
    ExportColumn("Batch", CellType.TEXT, lambda row: row.batch.name),
    ExportColumn("Course", CellType.TEXT, lambda row: row.batch.course.name),
    ExportColumn("Room", CellType.TEXT, lambda row: row.batch.room),
    ExportColumn(
        "Time",
        CellType.TEXT,
        lambda row: ", ".join(f"{slot.starts_at:%H:%M}-{slot.ends_at:%H:%M}" for slot in row.slots),
    ),
    ExportColumn("Instructor", CellType.TEXT, lambda row: row.batch.instructor),
    *(ExportColumn(status.label, CellType.NUMBER, _count(status.value)) for status in MarkStatus),
]
