from academics import class_times
from accounts.roles import sees_whole_institute
from coachmaster.core.exports import CellType, ExportColumn


def course_columns(user):
    columns = [
        ExportColumn("Course", CellType.TEXT, lambda course: course.name),
        ExportColumn("Code", CellType.TEXT, lambda course: course.code),
        ExportColumn("Fee", CellType.AMOUNT, lambda course: course.total_fee),
        ExportColumn("Description", CellType.TEXT, lambda course: course.description),
        ExportColumn("Active", CellType.TEXT, lambda course: "Yes" if course.is_active else "No"),
    ]
    if sees_whole_institute(user):
        columns += [
            ExportColumn("Running batches", CellType.NUMBER, lambda course: course.running_batches),
            ExportColumn("Students", CellType.NUMBER, lambda course: course.active_students),
        ]
    return columns


def batch_columns(user):
    columns = [
        ExportColumn("Batch", CellType.TEXT, lambda batch: batch.name),
        ExportColumn("Code", CellType.TEXT, lambda batch: batch.code),
        ExportColumn("Course", CellType.TEXT, lambda batch: batch.course.name),
        ExportColumn(
            "Instructor",
            CellType.TEXT,
            lambda batch: batch.instructor.full_name if batch.instructor else None,
        ),
        ExportColumn("Timings", CellType.TEXT, lambda batch: class_times.format_slots(batch.slots)),
        ExportColumn("Timings in words", CellType.TEXT, lambda batch: batch.class_times_note),
        ExportColumn("Room", CellType.TEXT, lambda batch: batch.room),
        ExportColumn("Start date", CellType.DATE, lambda batch: batch.starts_on),
        ExportColumn("End date", CellType.DATE, lambda batch: batch.ends_on),
    ]
    if user.has_perm("academics.view_enrollment"):
        columns += [
            ExportColumn("Students", CellType.NUMBER, lambda batch: batch.strength),
            ExportColumn("Seats", CellType.NUMBER, lambda batch: batch.capacity),
        ]
    return columns


BATCH_STUDENT_COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda enrollment: enrollment.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda enrollment: enrollment.student.admission_number
    ),
    ExportColumn("Phone", CellType.TEXT, lambda enrollment: enrollment.student.user.phone),
    ExportColumn("Guardian", CellType.TEXT, lambda enrollment: enrollment.student.guardian_name),
    ExportColumn(
        "Guardian phone", CellType.TEXT, lambda enrollment: enrollment.student.guardian_phone
    ),
    ExportColumn("Enrolled on", CellType.DATE, lambda enrollment: enrollment.enrolled_on),
    ExportColumn("Status", CellType.TEXT, lambda enrollment: enrollment.get_status_display()),
    ExportColumn("Ended on", CellType.DATE, lambda enrollment: enrollment.ended_on),
]

DROP_COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda enrollment: enrollment.student.user.full_name),
    ExportColumn(
        "Admission number", CellType.TEXT, lambda enrollment: enrollment.student.admission_number
    ),
    ExportColumn("Batch", CellType.TEXT, lambda enrollment: enrollment.batch.name),
    ExportColumn("Course", CellType.TEXT, lambda enrollment: enrollment.batch.course.name),
    ExportColumn("Enrolled on", CellType.DATE, lambda enrollment: enrollment.enrolled_on),
    ExportColumn("Left on", CellType.DATE, lambda enrollment: enrollment.ended_on),
    ExportColumn("Reason", CellType.TEXT, lambda row: row.get_drop_reason_display()),
    ExportColumn("Note", CellType.TEXT, lambda enrollment: enrollment.end_reason),
]

HOLIDAY_COLUMNS = [
    ExportColumn("Holiday", CellType.TEXT, lambda holiday: holiday.name),
    ExportColumn("Date", CellType.DATE, lambda holiday: holiday.day),
]
