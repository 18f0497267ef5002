"""Its people, courses and batches, and who is, was or will be enrolled."""

import datetime
import random
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from academics import class_times
from academics.models import (
    Batch,
    ClassTime,
    Course,
    Enrollment,
    EnrollmentStatus,
    Holiday,
    Institute,
)
from accounts.models import AdmissionSeries, Membership, StudentProfile, User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from coachmaster.core.money import ZERO

from . import names

CHUNK = 2000
DAY = datetime.timedelta(days=1)

COURSES = {
    "JEE": ("JEE Main + Advanced", "120000", "Physics, chemistry and mathematics for the engineering entrance, with weekly tests."),
    "NEET": ("NEET", "110000", "Physics, chemistry and biology for the medical entrance, with weekly tests."),
    "CET": ("MHT-CET Weekend", "65000", "For the state's entrance, on Saturdays and Sundays."),
    "FND": ("Foundation, Class 9 and 10", "42000", "School mathematics and science, and the first steps to the entrances."),
}  # fmt: skip


class BatchPlan(NamedTuple):
    """A batch of the demo. Days are counted from today; ``teacher`` is a place in `names.TEACHERS`."""

    course: str
    code: str
    name: str
    teacher: int
    room: str
    times: str
    starts: int
    ends: int
    seats: int
    students: int
    dropped: int = 0


#: The first teacher, the demo's instructor, has two classes on every day of the week.
BATCHES = [
    BatchPlan("JEE", "JEE-M", "JEE Morning", 0, "101", "Mon-Sat 07:00-08:30", -150, 200, 36, 36),
    BatchPlan(
        "JEE",
        "JEE-E",
        "JEE Evening",
        0,
        "102",
        "Mon, Wed, Fri, Sun 17:00-18:30",
        -140,
        210,
        40,
        34,
        2,
    ),
    BatchPlan(
        "NEET", "NEET-M", "NEET Morning", 1, "201", "Mon-Fri 09:00-11:00", -150, 190, 40, 34, 3
    ),
    BatchPlan(
        "NEET", "NEET-E", "NEET Evening", 2, "201", "Mon-Sat 16:30-18:00", -120, 220, 40, 32, 1
    ),
    BatchPlan(
        "CET", "CET-W", "CET Weekend", 3, "202", "Sat, Sun 10:00-13:00", -100, 160, 45, 30, 2
    ),
    BatchPlan(
        "FND",
        "FND-10",
        "Class 10 Evening",
        0,
        "101",
        "Tue, Thu, Sat, Sun 18:45-20:15",
        -130,
        110,
        32,
        28,
        1,
    ),
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
UNENROLLED = 4  # admitted, not enrolled yet

# The same every year, and some that move.
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

LOWER_FEES = [
    ("Sister studies here", 90),
    ("Brother studies here", 90),
    ("Scholarship test, first ten", 75),
    ("Scholarship test, first fifty", 85),
    ("Paid before the batch began", 95),
]
LEAVING = [
    "Moved to another city",
    "Joined another institute",
    "Timings clash with college",
    "Ill for several weeks",
    "Chose another stream",
]
MOVING = ["wants the evening", "school timings changed", "moved house", "asked by the parents"]


@dataclass
class Stay:
    """One enrollment in the making."""

    batch: Batch
    enrolled_on: datetime.date
    agreed_on: datetime.date
    agreed_fee: Decimal
    fee_reason: str = ""
    status: str = EnrollmentStatus.ACTIVE
    ended_on: datetime.date | None = None
    reason: str = ""
    #: The tuition that stays charged when the student leaves early; None: all of it.
    fee_kept: Decimal | None = None
    #: The next stay takes over what is owed: a transfer.
    moves_on: bool = False
    due_on: datetime.date | None = None
    enrollment: Enrollment | None = None


@dataclass
class Pupil:
    """One student in the making."""

    full_name: str
    guardian: str
    admitted_on: datetime.date
    stays: list[Stay] = field(default_factory=list)
    email: str = ""
    phone: str = ""
    password: str | None = None
    profile: StudentProfile | None = None


class Academy:
    """Draws and writes the institute; the other modules read it."""

    def __init__(self, *, today, scale, passwords):
        self.today, self.scale, self.passwords = today, scale, passwords
        self.now = timezone.now()
        self.rng = random.Random("Sunrise Academy")  # noqa: S311
        self.pupils, self.batches, self.plans = [], [], {}

    def at(self, day, hour, minute=0):
        """That time of that day; never later than now."""
        return min(
            timezone.make_aware(datetime.datetime.combine(day, datetime.time(hour, minute))),
            self.now,
        )

    def desk_hour(self, day):
        """A time at which the desk is open on that day."""
        return self.at(day, self.rng.randrange(9, 19), self.rng.randrange(60))

    def build(self, progress):
        """Everything but sheets and money."""
        self._institute()
        self._staff()
        self._courses_and_batches()
        self._pupils()
        self.pupils.sort(key=lambda pupil: pupil.admitted_on)
        chunks = [self.pupils[start : start + CHUNK] for start in range(0, len(self.pupils), CHUNK)]
        for chunk in progress(chunks, "Students"):
            self._write_pupils(chunk)
            self._write_stays([pupil for pupil in chunk if pupil.stays], 0)
            self._write_stays([pupil for pupil in chunk if len(pupil.stays) > 1], 1)

    # People ---------------------------------------------------------------------------------------------------------

    def _institute(self):
        institute = Institute.objects.current()
        institute.name = "Sunrise Academy"
        institute.upi_id = "sunrise@example"  # no bank's: money sent to it goes nowhere
        institute.address = "2nd floor, Lakshmi Chambers, Karve Road\nPune 411004"
        institute.state, institute.phone = "27", "9000012345"
        institute.email = "office@sunrise.example"
        institute.save()
        days = {
            self.today + offset * DAY: HOLIDAYS.get((day.year, day.month, day.day))
            or HOLIDAYS.get((day.month, day.day))
            for offset in range(-200, 300)
            if (day := self.today + offset * DAY)
        }
        days[self.today - 24 * DAY] = "Heavy rain, closed"
        days[self.today + 18 * DAY] = "Annual day"
        days[self.today] = None
        self.holidays = {day: name for day, name in sorted(days.items()) if name}
        Holiday.objects.bulk_create(
            Holiday(day=day, name=name) for day, name in self.holidays.items()
        )

    def _staff(self):
        self.groups = {group.name: group for group in Group.objects.all()}
        joined = self.today - 400 * DAY
        admin, instructor, _ = self.passwords
        people = [
            self._user(
                "Anita Rao", admin, ADMIN, joined, password=self.passwords[admin], is_superuser=True
            ),
            self._user("Sameer Joshi", "desk@coachmaster.example", ADMIN, joined + 30 * DAY),
        ]
        for copy in range(self.scale):
            for number, name in enumerate(names.TEACHERS):
                is_demo = copy == number == 0
                full_name = name if copy == 0 else names.family(self.rng)[0]
                email = (
                    instructor
                    if is_demo
                    else f"teacher{copy * len(names.TEACHERS) + number}@example.com"
                )
                people.append(
                    self._user(
                        full_name,
                        email,
                        INSTRUCTOR,
                        joined,
                        password=self.passwords[email] if is_demo else None,
                    )
                )
        self._write_users(people)
        self.owner, self.desk, *self.teachers = people

    def _user(self, full_name, email, role, joined, *, phone="", password=None, is_superuser=False):
        user = User(
            full_name=full_name,
            email=email,
            phone=phone or names.phone(self.rng),
            password=make_password(password),
            is_superuser=is_superuser,
            created_at=self.desk_hour(joined),
        )
        user.in_role = role
        return user

    def _write_users(self, users):
        for user in users:
            user._history_date = user.created_at
        bulk_create_with_history(users, User, batch_size=CHUNK)
        memberships = [Membership(user=user, group=self.groups[user.in_role]) for user in users]
        for membership in memberships:
            membership._history_date = membership.user.created_at
        bulk_create_with_history(memberships, Membership, batch_size=CHUNK)

    def _write_pupils(self, pupils):
        counts = {}
        users = []
        for pupil in pupils:
            year = pupil.admitted_on.year
            if year not in counts:
                counts[year] = AdmissionSeries.objects.get_or_create(year=year)[0]
            counts[year].last_number += 1
            user = self._user(
                pupil.full_name,
                pupil.email,
                STUDENT,
                pupil.admitted_on,
                phone=pupil.phone,
                password=pupil.password,
            )
            pupil.profile = StudentProfile(
                user=user,
                admission_number=f"{year % 100:02d}-{counts[year].last_number:05d}",
                birth_on=self.today - self.rng.randrange(15 * 365, 18 * 365) * DAY,
                guardian_name=pupil.guardian,
                guardian_phone=names.phone(self.rng),
                guardian_email=f"parent.of.{pupil.email}"
                if pupil.email and self.rng.random() < 0.3
                else "",
                address=names.address(self.rng),
            )
            pupil.profile._history_date = user.created_at
            users.append(user)
        for series in counts.values():
            series.save()
        self._write_users(users)
        for pupil in pupils:
            pupil.profile.user = pupil.profile.user  # it has its key now
        bulk_create_with_history(
            [pupil.profile for pupil in pupils],
            StudentProfile,
            batch_size=CHUNK,
            default_user=self.desk,
        )

    # Courses and batches --------------------------------------------------------------------------------------------

    def _courses_and_batches(self):
        began = self.desk_hour(self.today - 390 * DAY)
        courses = {
            code: Course(
                code=code, name=name, total_fee=Decimal(fee), description=words, created_at=began
            )
            for code, (name, fee, words) in COURSES.items()
        }
        bulk_create_with_history(
            list(courses.values()), Course, default_user=self.owner, default_date=began
        )
        times = []
        for copy in range(self.scale):
            mark = f" {copy + 1}" if copy else ""
            for plan in BATCHES:
                batch = Batch(
                    code=plan.code + mark.replace(" ", "-"),
                    course=courses[plan.course],
                    instructor=self.teachers[copy * len(names.TEACHERS) + plan.teacher],
                    name=plan.name + mark,
                    starts_on=self.today + plan.starts * DAY,
                    ends_on=self.today + plan.ends * DAY,
                    capacity=plan.seats,
                    room=f"Room {plan.room}" + (f", wing {copy + 1}" if copy else ""),
                    created_at=self.desk_hour(self.today + (min(plan.starts, 0) - 30) * DAY),
                )
                batch._history_date = batch.created_at
                self.batches.append(batch)
                self.plans[batch.code] = plan
        bulk_create_with_history(self.batches, Batch, batch_size=CHUNK, default_user=self.owner)
        for batch in self.batches:
            batch.times = class_times.parse(self.plans[batch.code].times)
            times += [ClassTime(batch=batch, **slot._asdict()) for slot in batch.times]
        ClassTime.objects.bulk_create(times, batch_size=CHUNK)

    # Students and their enrollments ---------------------------------------------------------------------------------

    def _pupils(self):
        for copy in range(self.scale):
            batches = self.batches[copy * len(BATCHES) : (copy + 1) * len(BATCHES)]
            classes = {
                batch.code.removesuffix(f"-{copy + 1}"): self._class_of(batch) for batch in batches
            }
            by_code = {code: pupils[0].stays[0].batch for code, pupils in classes.items()}
            for pupil in classes["NEET-M"][5:7]:
                self._transfer(pupil, by_code["NEET-E"])
            self._transfer(classes["JEE-M"][7], by_code["JEE-E"])
            classes["JEE-M"].append(
                self._pupil(by_code["JEE-M"], by_code["JEE-M"].starts_on + 70 * DAY)
            )
            for place, pupil in enumerate(classes["FND-9"][4:10]):
                # Five seats are left in FND-10.
                self._go_on(
                    pupil, by_code["FND-10" if self.rng.random() < 0.4 and place < 5 else "CET-W"]
                )
            for _ in range(UNENROLLED - 1):
                self.pupils.append(self._new_pupil(self.today - self.rng.randrange(1, 9) * DAY))
            if copy == 0:
                *_, student = self.passwords
                demo = classes["JEE-E"][10]
                demo.full_name, demo.guardian = "Asha Verma", "Sunita Verma"
                demo.email, demo.password = student, self.passwords[student]
                demo.stays[0].agreed_fee, demo.stays[0].fee_reason = (
                    demo.stays[0].batch.course.total_fee,
                    "",
                )
                demo.stays[0].enrolled_on = demo.stays[0].batch.starts_on
                self.demo_pupil = demo

    def _new_pupil(self, admitted_on):
        full_name, guardian = names.family(self.rng)
        pupil = Pupil(full_name, guardian, admitted_on, phone=names.phone(self.rng))
        if self.rng.random() < 0.85:
            latin = ".".join(re.findall("[a-z]+", full_name.lower())) or "student"
            pupil.email = f"{latin}.{len(self.pupils) + 1}@example.com"
        return pupil

    def _pupil(self, batch, enrolled_on):
        """A new student with a stay in ``batch``."""
        early = self.rng.randrange(7)
        agreed_on = min(enrolled_on - early * DAY, self.today - self.rng.randrange(12) * DAY)
        pupil = self._new_pupil(agreed_on)
        fee, reason = batch.course.total_fee, ""
        if self.rng.random() < 0.14:
            reason, percent = self.rng.choice(LOWER_FEES)
            fee = fee * percent / 100
        pupil.stays.append(Stay(batch, enrolled_on, agreed_on, fee, reason))
        self.pupils.append(pupil)
        return pupil

    def _class_of(self, batch):
        plan = self.plans[batch.code]
        pupils = []
        for number in range(plan.students):
            late = 0 if self.rng.random() < 0.75 or plan.starts > 0 else self.rng.randrange(3, 60)
            pupils.append(self._pupil(batch, batch.starts_on + late * DAY))
            if number < 2 and plan.starts < 0 < plan.ends and plan.students < plan.seats - 4:
                pupils[-1].stays[0].enrolled_on = self.today - self.rng.randrange(6) * DAY
                pupils[-1].stays[0].agreed_on = pupils[-1].admitted_on = (
                    pupils[-1].stays[0].enrolled_on
                )
        for pupil in pupils[2 : 2 + plan.dropped]:
            self._drop(pupil)
        if plan.ends < 0:
            for pupil in pupils:
                stay = pupil.stays[-1]
                if stay.status == EnrollmentStatus.ACTIVE:
                    stay.status, stay.ended_on = EnrollmentStatus.COMPLETED, batch.ends_on + DAY
        return pupils

    def _drop(self, pupil):
        stay = pupil.stays[0]
        last = min(self.today, stay.batch.ends_on)
        stay.ended_on = stay.enrolled_on + max(
            (last - stay.enrolled_on) * self.rng.randrange(30, 80) // 100, 5 * DAY
        )
        stay.status, stay.reason = EnrollmentStatus.DROPPED, self.rng.choice(LEAVING)
        if self.rng.random() < 0.7:
            share = (
                Decimal((stay.ended_on - stay.enrolled_on).days)
                / (stay.batch.ends_on - stay.batch.starts_on).days
            )
            stay.fee_kept = (stay.agreed_fee * share).quantize(Decimal("1.00"))

    def _transfer(self, pupil, batch):
        stay = pupil.stays[0]
        on = self.today - self.rng.randrange(20, 45) * DAY
        reason = f"Transferred to {batch}: {self.rng.choice(MOVING)}"
        stay.status, stay.ended_on, stay.reason, stay.fee_kept, stay.moves_on = (
            EnrollmentStatus.DROPPED,
            on,
            reason,
            ZERO,
            True,
        )
        pupil.stays.append(Stay(batch, on, on, stay.agreed_fee, stay.fee_reason))

    def _go_on(self, pupil, batch):
        on = self.today - self.rng.randrange(3, 17) * DAY
        pupil.stays.append(Stay(batch, on, on, batch.course.total_fee))

    def _write_stays(self, pupils, place):
        """Write the first or second stays of ``pupils``: enrolled, then ended, each with its line of history."""
        stays = [(pupil, pupil.stays[place]) for pupil in pupils]
        for pupil, stay in stays:
            stay.enrollment = Enrollment(
                student=pupil.profile,
                batch=stay.batch,
                enrolled_on=stay.enrolled_on,
                list_fee=stay.batch.course.total_fee,
                agreed_fee=stay.agreed_fee,
                fee_reason=stay.fee_reason,
                created_at=self.desk_hour(stay.agreed_on),
            )
            stay.enrollment._history_date = stay.enrollment.created_at
        enrollments = [stay.enrollment for _, stay in stays]
        bulk_create_with_history(enrollments, Enrollment, batch_size=CHUNK, default_user=self.desk)
        ended = [stay for _, stay in stays if stay.ended_on]
        for stay in ended:
            enrollment = stay.enrollment
            enrollment.status, enrollment.ended_on, enrollment.end_reason = (
                stay.status,
                stay.ended_on,
                stay.reason,
            )
            enrollment._history_date = self.desk_hour(stay.ended_on)
        bulk_update_with_history(
            [stay.enrollment for stay in ended],
            Enrollment,
            ["status", "ended_on", "end_reason"],
            batch_size=200,
            default_user=self.desk,
        )
