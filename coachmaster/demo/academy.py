"""The demo institute while it is written; the other modules add their part to it."""

import datetime
import random
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from academics.models import Batch, Enrollment, EnrollmentStatus
from accounts.models import StudentProfile

CHUNK = 2000
DAY = datetime.timedelta(days=1)


@dataclass
class EnrollmentPlan:
    batch: Batch
    enrolled_on: datetime.date
    agreed_on: datetime.date
    agreed_fee: Decimal
    fee_reason: str = ""
    status: str = EnrollmentStatus.ACTIVE
    ended_on: datetime.date | None = None
    drop_reason: str = ""
    reason: str = ""
    #: The tuition that stays charged after an early end; None: all of it.
    final_fee: Decimal | None = None
    #: The student's next enrollment continues this one.
    is_transferred: bool = False
    due_on: datetime.date | None = None
    enrollment: Enrollment | None = None


@dataclass
class StudentPlan:
    full_name: str
    guardian: str
    admitted_on: datetime.date
    enrollments: list[EnrollmentPlan] = field(default_factory=list)
    email: str = ""
    phone: str = ""
    password: str | None = None
    profile: StudentProfile | None = None


class Academy:
    """The state that all parts of the demo share."""

    def __init__(self, *, today, scale, passwords):
        self.today, self.scale, self.passwords = today, scale, passwords
        self.now = timezone.now()
        self.rng = random.Random("Sunrise Academy")  # noqa: S311
        self.owner = self.desk = self.demo_student = None
        #: BatchPlans by the code of the batch.
        self.batch_plans = {}
        self.students, self.batches, self.instructors = [], [], []
        self.holidays = {}

    def at(self, day, hour, minute=0):
        """Return that time of the day, now at the latest."""
        return min(
            timezone.make_aware(datetime.datetime.combine(day, datetime.time(hour, minute))),
            self.now,
        )

    def desk_hour(self, day):
        return self.at(day, self.rng.randrange(9, 19), self.rng.randrange(60))
