import datetime
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from academics.models import Institute, Logo
from academics.tests.factories import (
    BatchFactory,
    ClassChangeFactory,
    DailyBatchFactory,
    HolidayFactory,
)
from accounts import tokens
from accounts.models import Device, User
from accounts.roles import INSTRUCTOR
from accounts.tests.factories import StudentFactory, UserFactory
from accounts.tests.second_factors import passkey_of
from attendance.tests.factories import save_marks
from coachmaster.core.images import Picture
from coachmaster.imports import services
from finance.models import BulkAction, Charge, FeePlan, LateFeeRule
from finance.services import concessions, refunds
from finance.services.day_closes import close_day
from finance.tests.factories import enrolled, paid, post_late_fees


@pytest.fixture
def people(admin):
    """Users for each column of the permission tables, and `objects` by the start of their URLs."""
    teacher, other_teacher = UserFactory(role=INSTRUCTOR), UserFactory(role=INSTRUCTOR)
    student, other = StudentFactory(), StudentFactory()
    batch = DailyBatchFactory(instructor=teacher)
    enrollment = enrolled(student=student, batch=batch, by=admin)
    enrolled(student=other, batch=BatchFactory(instructor=other_teacher), by=admin)
    save_marks(batch, timezone.localdate(), by=teacher)
    plan = FeePlan.objects.create(course=batch.course, name="Halves")
    waiting, *_ = concessions.request_concession(
        student=student,
        charges=Charge.objects.all(),
        kind="merit",
        reason="Topper",
        by=admin,
        amount=Decimal("6000.00"),
    )
    rule = LateFeeRule.objects.create(
        name="Late fee", grace_days=0, kind="fixed", amount=Decimal("50.00")
    )
    late_fee, *_ = post_late_fees(by=admin)
    payment = paid(student=student, amount="500.00", by=admin)
    given = refunds.refund_payment(
        payment=payment,
        amount=100,
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    closed = close_day(person=admin, on=yesterday, counted_cash=Decimal("0.00"))
    tokens.issue(student.user)
    passkey_of(student.user, pk=Device.objects.get().pk)
    institute = Institute.objects.current()
    institute.check_in_by_code = True
    institute.save()
    logo = Logo.objects.store(Picture(b"png", 1, 1))
    upload = services.receive(
        kind=services.KINDS["students"],
        file=SimpleUploadedFile("s.csv", b"name\n\0\n"),
        encoding="",
        by=admin,
    )
    objects = {
        "accounts": Device.objects.get().pk,
        "plans": plan.pk,
        "concessions": waiting.pk,
        "late-fees": rule.pk,
        "charges": late_fee.pk,
        "imports": upload.pk,
        "people": student.pk,
        "students": student.pk,
        "courses": batch.course_id,
        "batches": batch.pk,
        "bulk-actions": BulkAction.objects.get().pk,
        "enrollments": enrollment.pk,
        "payments": payment.pk,
        "refunds": given.pk,
        "logos": logo.digest,
        "day-book": closed.pk,
        "calendar": student.pk,
        "class-changes": ClassChangeFactory(
            batch=batch, held=(timezone.localdate() + datetime.timedelta(days=4), "06:00-07:00")
        ).pk,
        "holidays": HolidayFactory(day=timezone.localdate() + datetime.timedelta(days=3)).pk,
    }
    return {
        "objects": objects,
        "nobody": None,
        "admin": admin,
        "teacher": teacher,
        "other teacher": other_teacher,
        "student": student.user,
        "other student": other.user,
        "no role": User.objects.create(full_name="Nobody Yet", email="norole@example.com"),
    }
