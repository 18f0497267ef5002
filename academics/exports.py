"""What the lists of courses, batches, students of a batch and holidays are as files."""

from accounts.roles import sees_whole_institute
from coachmaster.core.exports import Column, Kind


def course_columns(user):
    """The list of courses; how many go on and take part, for who sees the whole institute."""
    columns = [
        Column("Course", Kind.TEXT, lambda course: course.name),
        Column("Code", Kind.TEXT, lambda course: course.code),
        Column("Fee", Kind.AMOUNT, lambda course: course.total_fee),
        Column("Description", Kind.TEXT, lambda course: course.description),
        Column("Active", Kind.TEXT, lambda course: "Yes" if course.is_active else "No"),
    ]
    if sees_whole_institute(user):
        columns += [
            Column("Running batches", Kind.NUMBER, lambda course: course.running_batches),
            Column("Students", Kind.NUMBER, lambda course: course.active_students),
        ]
    return columns


def batch_columns(user):
    """The list of batches; how many students, for who may see enrollments."""
    columns = [
        Column("Batch", Kind.TEXT, lambda batch: batch.name),
        Column("Code", Kind.TEXT, lambda batch: batch.code),
        Column("Course", Kind.TEXT, lambda batch: batch.course.name),
        Column(
            "Instructor",
            Kind.TEXT,
            lambda batch: batch.instructor.full_name if batch.instructor else None,
        ),
        Column("Timings", Kind.TEXT, lambda batch: batch.class_times_text),
        Column("Room", Kind.TEXT, lambda batch: batch.room),
        Column("Start date", Kind.DAY, lambda batch: batch.starts_on),
        Column("End date", Kind.DAY, lambda batch: batch.ends_on),
    ]
    if user.has_perm("academics.view_enrollment"):
        columns += [
            Column("Students", Kind.NUMBER, lambda batch: batch.strength),
            Column("Seats", Kind.NUMBER, lambda batch: batch.capacity),
        ]
    return columns


BATCH_STUDENT_COLUMNS = [
    Column("Student", Kind.TEXT, lambda enrollment: enrollment.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda enrollment: enrollment.student.admission_number),
    Column("Phone", Kind.TEXT, lambda enrollment: enrollment.student.user.phone),
    Column("Guardian", Kind.TEXT, lambda enrollment: enrollment.student.guardian_name),
    Column("Guardian phone", Kind.TEXT, lambda enrollment: enrollment.student.guardian_phone),
    Column("Enrolled on", Kind.DAY, lambda enrollment: enrollment.enrolled_on),
    Column("Status", Kind.TEXT, lambda enrollment: enrollment.get_status_display()),
    Column("Ended on", Kind.DAY, lambda enrollment: enrollment.ended_on),
]

HOLIDAY_COLUMNS = [
    Column("Holiday", Kind.TEXT, lambda holiday: holiday.name),
    Column("Date", Kind.DAY, lambda holiday: holiday.day),
]
