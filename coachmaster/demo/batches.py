from decimal import Decimal
from typing import NamedTuple

from simple_history.utils import bulk_create_with_history

from academics import class_times
from academics.models import Batch, ClassTime, Course, Holiday, Institute

from . import names
from .academy import CHUNK, DAY

COURSES = {
    "JEE": (
        "JEE Main + Advanced",
        "120000",
        "Physics, chemistry and mathematics for the engineering entrance, with weekly tests.",
    ),
    "NEET": (
        "NEET",
        "110000",
        "Physics, chemistry and biology for the medical entrance, with weekly tests.",
    ),
    "CET": ("MHT-CET Weekend", "65000", "For the state entrance, on Saturdays and Sundays."),
    "FND": (
        "Foundation, Class 9 and 10",
        "42000",
        "School mathematics and science, and an introduction to the entrances.",
    ),
}


class BatchPlan(NamedTuple):
    """A batch of the demo; ``starts`` and ``ends`` are days from today."""

    course: str
    code: str
    name: str
    instructor: int  # index in names.INSTRUCTORS
    room: str
    times: str
    starts: int
    ends: int
    seats: int
    students: int
    dropped: int = 0


MORNING, EVENING = "Mon-Sat 07:00-08:30", "Mon, Wed, Fri, Sun 17:00-18:30"
FND_TIMES = "Tue, Thu, Sat, Sun 18:45-20:15"
# The first instructor, who can sign in, has two classes on every day of the week.
BATCHES = [
    BatchPlan("JEE", "JEE-M", "JEE Morning", 0, "101", MORNING, -150, 200, 36, 36),
    BatchPlan("JEE", "JEE-E", "JEE Evening", 0, "102", EVENING, -140, 210, 40, 34, 2),
    BatchPlan(
        "NEET", "NEET-M", "NEET Morning", 1, "201", "Mon-Fri 09:00-11:00", -150, 190, 40, 34, 3
    ),
    BatchPlan(
        "NEET", "NEET-E", "NEET Evening", 2, "201", "Mon-Sat 16:30-18:00", -120, 220, 40, 32, 1
    ),
    BatchPlan(
        "CET", "CET-W", "CET Weekend", 3, "202", "Sat, Sun 10:00-13:00", -100, 160, 45, 30, 2
    ),
    BatchPlan("FND", "FND-10", "Class 10 Evening", 0, "101", FND_TIMES, -130, 110, 32, 28, 1),
    BatchPlan(
        "FND",
        "FND-9",
        "Class 9 Summer",
        4,
        "102",
        "Mon, Wed, Fri 15:00-16:30",
        -200,
        -20,
        30,
        26,
        1,
    ),
    BatchPlan("JEE", "JEE-W", "JEE Weekend", 5, "202", "Sat, Sun 14:00-17:00", 12, 300, 30, 16),
]

#: By month and day, or by year, month and day where the date moves.
HOLIDAYS = {
    (1, 26): "Republic Day",
    (4, 14): "Ambedkar Jayanti",
    (5, 1): "Maharashtra Day",
    (8, 15): "Independence Day",
    (10, 2): "Gandhi Jayanti",
    (12, 25): "Christmas",
    (2026, 3, 4): "Holi",
    (2026, 9, 14): "Ganesh Chaturthi",
    (2026, 10, 20): "Dussehra",
    (2026, 11, 8): "Diwali",
    (2027, 3, 22): "Holi",
    (2027, 9, 4): "Ganesh Chaturthi",
    (2027, 10, 9): "Dussehra",
    (2027, 10, 29): "Diwali",
    (2028, 3, 11): "Holi",
    (2028, 8, 23): "Ganesh Chaturthi",
    (2028, 9, 27): "Dussehra",
    (2028, 10, 17): "Diwali",
}


def create_institute(academy):
    institute = Institute.objects.current()
    institute.name = "Sunrise Academy"
    institute.upi_id = "sunrise@example"  # no bank has it, so no money can be sent
    institute.address = "2nd floor, Lakshmi Chambers, Karve Road\nPune 411004"
    institute.state, institute.phone = "27", "9000012345"
    institute.email = "office@sunrise.example"
    institute.save()
    days = {day: _holiday(day) for day in (academy.today + n * DAY for n in range(-200, 300))}
    days[academy.today - 24 * DAY] = "Heavy rain, closed"
    days[academy.today + 18 * DAY] = "Annual day"
    days[academy.today] = None
    academy.holidays = {day: name for day, name in sorted(days.items()) if name}
    Holiday.objects.bulk_create(
        Holiday(day=day, name=name) for day, name in academy.holidays.items()
    )


def _holiday(day):
    return HOLIDAYS.get((day.year, day.month, day.day)) or HOLIDAYS.get((day.month, day.day))


def create_batches(academy):
    """Create the courses, and all batches once for each copy of the institute."""
    created_at = academy.desk_hour(academy.today - 390 * DAY)
    courses = {
        code: Course(
            code=code,
            name=name,
            total_fee=Decimal(fee),
            description=description,
            created_at=created_at,
        )
        for code, (name, fee, description) in COURSES.items()
    }
    bulk_create_with_history(
        list(courses.values()), Course, default_user=academy.owner, default_date=created_at
    )
    for copy in range(academy.scale):
        for plan in BATCHES:
            batch = _batch(academy, plan, copy, courses[plan.course])
            academy.batches.append(batch)
            academy.batch_plans[batch.code] = plan
    bulk_create_with_history(academy.batches, Batch, batch_size=CHUNK, default_user=academy.owner)
    times = []
    for batch in academy.batches:
        batch.times = class_times.parse(academy.batch_plans[batch.code].times)
        times += [ClassTime(batch=batch, **slot._asdict()) for slot in batch.times]
    ClassTime.objects.bulk_create(times, batch_size=CHUNK)


def _batch(academy, plan, copy, course):
    suffix = f" {copy + 1}" if copy else ""
    created_on = academy.today + (min(plan.starts, 0) - 30) * DAY
    batch = Batch(
        code=plan.code + suffix.replace(" ", "-"),
        course=course,
        instructor=academy.instructors[copy * len(names.INSTRUCTORS) + plan.instructor],
        name=plan.name + suffix,
        starts_on=academy.today + plan.starts * DAY,
        ends_on=academy.today + plan.ends * DAY,
        capacity=plan.seats,
        room=f"Room {plan.room}" + (f", wing {copy + 1}" if copy else ""),
        created_at=academy.desk_hour(created_on),
    )
    batch._history_date = batch.created_at
    return batch
