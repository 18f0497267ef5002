"""The students of each batch: who is, was or will be enrolled."""

import re
from decimal import Decimal

from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from academics.models import DropReason, Enrollment, EnrollmentStatus
from coachmaster.core.money import ZERO

from . import names
from .academy import CHUNK, DAY, EnrollmentPlan, StudentPlan
from .batches import BATCHES

#: Students of each copy who are admitted, but not enrolled yet.
NOT_ENROLLED = 3

LOWER_FEES = [
    ("Sister studies here", 90),
    ("Brother studies here", 90),
    ("Scholarship test, first ten", 75),
    ("Scholarship test, first fifty", 85),
    ("Paid before the batch began", 95),
]
DROP_REASONS = [
    (DropReason.MOVED_AWAY, "To another city"),
    (DropReason.OTHER_INSTITUTE, ""),
    (DropReason.TIMINGS, "Clash with college"),
    (DropReason.HEALTH, "Ill for several weeks"),
    (DropReason.FEES, ""),
    (DropReason.OTHER, "Chose another stream"),
]
TRANSFER_REASONS = [
    "wants the evening",
    "school timings changed",
    "moved house",
    "asked by the parents",
]


def plan_students(academy):
    """Fill ``academy.students`` with StudentPlans and their EnrollmentPlans."""
    for copy in range(academy.scale):
        batches = academy.batches[copy * len(BATCHES) : (copy + 1) * len(BATCHES)]
        by_code = {batch.code.removesuffix(f"-{copy + 1}"): batch for batch in batches}
        students = {code: _plan_batch(academy, batch) for code, batch in by_code.items()}
        for student in students["NEET-M"][5:7]:
            _plan_transfer(academy, student, by_code["NEET-E"])
        _plan_transfer(academy, students["JEE-M"][7], by_code["JEE-E"])
        morning = by_code["JEE-M"]  # the transfer left a seat
        _plan_student(academy, morning, morning.starts_on + 70 * DAY)
        for place, student in enumerate(students["FND-9"][4:10]):
            # Class 10 has five seats left.
            code = "FND-10" if academy.rng.random() < 0.4 and place < 5 else "CET-W"
            _plan_next_course(academy, student, by_code[code])
        for _ in range(NOT_ENROLLED):
            admitted_on = academy.today - academy.rng.randrange(1, 9) * DAY
            academy.students.append(_new_student(academy, admitted_on))
        if copy == 0:
            _make_demo_student(academy, students["JEE-E"][10])
    academy.students.sort(key=lambda student: student.admitted_on)


def _make_demo_student(academy, student):
    *_, email = academy.passwords
    student.full_name, student.guardian = "Asha Verma", "Sunita Verma"
    student.email, student.password = email, academy.passwords[email]
    enrollment = student.enrollments[0]
    enrollment.agreed_fee, enrollment.fee_reason = enrollment.batch.course.total_fee, ""
    enrollment.enrolled_on = enrollment.batch.starts_on
    academy.demo_student = student


def _new_student(academy, admitted_on):
    rng = academy.rng
    full_name, guardian = names.family(rng)
    student = StudentPlan(full_name, guardian, admitted_on, phone=names.phone(rng))
    if rng.random() < 0.85:
        latin = ".".join(re.findall("[a-z]+", full_name.lower())) or "student"
        student.email = f"{latin}.{len(academy.students) + 1}@example.com"
    return student


def _plan_student(academy, batch, enrolled_on):
    rng = academy.rng
    days_before = rng.randrange(7)
    agreed_on = min(enrolled_on - days_before * DAY, academy.today - rng.randrange(12) * DAY)
    student = _new_student(academy, agreed_on)
    fee, reason = batch.course.total_fee, ""
    if rng.random() < 0.14:
        reason, percent = rng.choice(LOWER_FEES)
        fee = fee * percent / 100
    student.enrollments.append(EnrollmentPlan(batch, enrolled_on, agreed_on, fee, reason))
    academy.students.append(student)
    return student


def _plan_batch(academy, batch):
    rng, plan = academy.rng, academy.batch_plans[batch.code]
    students = []
    for number in range(plan.students):
        days_late = 0 if rng.random() < 0.75 or plan.starts > 0 else rng.randrange(3, 60)
        student = _plan_student(academy, batch, batch.starts_on + days_late * DAY)
        students.append(student)
        if number < 2 and plan.starts < 0 < plan.ends and plan.students < plan.seats - 4:
            enrolled_on = academy.today - rng.randrange(6) * DAY
            student.admitted_on = enrolled_on
            student.enrollments[0].enrolled_on = enrolled_on
            student.enrollments[0].agreed_on = enrolled_on
    for student in students[2 : 2 + plan.dropped]:
        _plan_drop(academy, student)
    if plan.ends < 0:
        for student in students:
            enrollment = student.enrollments[-1]
            if enrollment.status == EnrollmentStatus.ACTIVE:
                enrollment.status = EnrollmentStatus.COMPLETED
                enrollment.ended_on = batch.ends_on + DAY
    return students


def _plan_drop(academy, student):
    rng, enrollment = academy.rng, student.enrollments[0]
    batch = enrollment.batch
    last = min(academy.today, batch.ends_on)
    attended = (last - enrollment.enrolled_on) * rng.randrange(30, 80) // 100
    enrollment.ended_on = enrollment.enrolled_on + max(attended, 5 * DAY)
    enrollment.status = EnrollmentStatus.DROPPED
    enrollment.drop_reason, enrollment.reason = rng.choice(DROP_REASONS)
    if rng.random() < 0.7:
        days = (enrollment.ended_on - enrollment.enrolled_on).days
        share = Decimal(days) / (batch.ends_on - batch.starts_on).days
        enrollment.final_fee = (enrollment.agreed_fee * share).quantize(Decimal("1.00"))


def _plan_transfer(academy, student, batch):
    enrollment = student.enrollments[0]
    on = academy.today - academy.rng.randrange(20, 45) * DAY
    enrollment.status, enrollment.ended_on = EnrollmentStatus.DROPPED, on
    enrollment.reason = f"Transferred to {batch}: {academy.rng.choice(TRANSFER_REASONS)}"
    enrollment.final_fee, enrollment.is_transferred = ZERO, True
    student.enrollments.append(
        EnrollmentPlan(batch, on, on, enrollment.agreed_fee, enrollment.fee_reason)
    )


def _plan_next_course(academy, student, batch):
    on = academy.today - academy.rng.randrange(3, 17) * DAY
    student.enrollments.append(EnrollmentPlan(batch, on, on, batch.course.total_fee))


def _transferred_from(student, plan):
    first = student.enrollments[0]
    return first.enrollment if first.is_transferred and plan is not first else None


def create_enrollments(academy, students, index):
    """Create the first (``index`` 0) or second enrollment of each student, then end those ended."""
    plans = [(student, student.enrollments[index]) for student in students]
    for student, plan in plans:
        plan.enrollment = Enrollment(
            student=student.profile,
            batch=plan.batch,
            enrolled_on=plan.enrolled_on,
            list_fee=plan.batch.course.total_fee,
            agreed_fee=plan.agreed_fee,
            fee_reason=plan.fee_reason,
            transferred_from=_transferred_from(student, plan),
            created_at=academy.desk_hour(plan.agreed_on),
        )
        plan.enrollment._history_date = plan.enrollment.created_at
    bulk_create_with_history(
        [plan.enrollment for _, plan in plans],
        Enrollment,
        batch_size=CHUNK,
        default_user=academy.desk,
    )
    ended = [plan for _, plan in plans if plan.ended_on]
    for plan in ended:
        enrollment = plan.enrollment
        enrollment.status, enrollment.ended_on = plan.status, plan.ended_on
        enrollment.drop_reason, enrollment.end_reason = plan.drop_reason, plan.reason
        enrollment._history_date = academy.desk_hour(plan.ended_on)
    bulk_update_with_history(
        [plan.enrollment for plan in ended],
        Enrollment,
        ["status", "ended_on", "drop_reason", "end_reason"],
        batch_size=200,
        default_user=academy.desk,
    )
