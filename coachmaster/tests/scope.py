"""Two halves of an institute, and a walk through everything that answers."""

import datetime
import html
import io
import re
import zipfile
from contextlib import contextmanager
from decimal import Decimal

import pypdf
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models, transaction
from django.test import Client
from django.utils import timezone

from academics.models import Course, Holiday, Institute, Logo
from academics.tests.factories import ClassChangeFactory, DailyBatchFactory
from accounts import tokens
from accounts.models import SignInRules
from accounts.roles import ADMIN, INSTRUCTOR
from accounts.services import calendar_links
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.models import (
    AttendanceReminder,
    CheckIn,
    EarlierAttendance,
    Mark,
    RegisterReminder,
)
from attendance.percentages import MarkStatus
from attendance.services.sheets import SheetContent, save_sheet
from coachmaster.core.fields import MoneyField
from coachmaster.core.money import display, plain
from coachmaster.imports import services as imports
from finance.models import (
    ApprovalLimit,
    Charge,
    DayClose,
    FeePlan,
    FeePlanPart,
    FeeReminder,
    LateFeeRule,
    Letterhead,
    ReceiptPrint,
)
from finance.services import cancellations, concessions, refunds
from finance.services.bulk_actions import record_bulk_action
from finance.services.charges import post_charges
from finance.services.enrollments import drop
from finance.tests.factories import enrolled, paid, post_late_fees

DAY = datetime.timedelta(days=1)
APPS = ["accounts", "academics", "finance", "attendance", "imports"]

#: Tables whose rows belong to nobody: the same for everybody who has the permission.
SHARED = {
    ApprovalLimit,
    Course,
    FeePlan,
    FeePlanPart,
    Holiday,
    Institute,
    LateFeeRule,
    Letterhead,
    Logo,
    SignInRules,
}


# Two halves ------------------------------------------------------------------------------------


class Half:
    """A batch with all that happens in one; every text begins with ``word``."""

    def __init__(self, word, digit):
        self.word, self.digit, self.today = word, digit, timezone.localdate()
        self.clerk = self.person("clerk", ADMIN)
        self.teacher = self.person("teacher", INSTRUCTOR)
        self.batch = DailyBatchFactory(
            name=f"{word} batch",
            code=f"{word}-1",
            room=f"{word} room",
            instructor=self.teacher,
            starts_on=self.today - 60 * DAY,
            course__name=f"{word} course",
            course__total_fee=Decimal(f"1{digit}000.{digit}1"),
        )
        self.evening = DailyBatchFactory(
            name=f"{word} evening", instructor=self.teacher, course=self.batch.course
        )
        self.student = self.new_student("student")
        self.enrollment = self.enroll(self.student)
        self.enroll(self.new_student("classmate"))
        self.add_money()
        self.add_attendance()
        self.add_leaver()
        self.add_others()

    def person(self, noun, role):
        email = f"{self.word}.{noun}@example.com".lower()
        phone = f"98{self.digit}65{len(noun)}{self.digit}01{len(noun)}"
        return UserFactory(
            role=role, full_name=f"{self.word} {noun}", email=email, phone=f"{phone:0<10}"[:10]
        )

    def new_student(self, noun):
        word, digit = self.word, self.digit
        student = StudentFactory(
            user__full_name=f"{word} maiden name of {noun}",
            user__email=f"{word}.{noun}@example.com".lower(),
            user__phone=f"97{digit}55{digit}000{len(noun)}"[:10],
            admission_number=f"{word[:3].upper()}-{noun}",
            guardian_name=f"{word} guardian of {noun}",
            guardian_phone=f"96{digit}44{digit}111{len(noun)}"[:10],
            guardian_email=f"{word}.guardian.{noun}@example.com".lower(),
            address=f"{word} street of {noun}",
        )
        student.user.full_name = f"{word} {noun}"
        student.user.save(update_fields=["full_name"])
        return student

    def enroll(self, student):
        fee = self.batch.course.total_fee - Decimal("7.04")
        return enrolled(
            student=student,
            batch=self.batch,
            agreed_fee=fee,
            fee_reason=f"{self.word} lower fee",
            by=self.clerk,
        )

    def amount(self, rupees):
        return Decimal(f"{rupees}{self.digit}.{self.digit}7")

    def pay(self, student, rupees, mode, **kwargs):
        reference = f"{self.word}{mode}{rupees}".upper()
        kwargs = {"notes": f"{self.word} notes {rupees}", **kwargs}
        return paid(
            student=student,
            amount=self.amount(rupees),
            mode=mode,
            reference=reference,
            by=self.clerk,
            **kwargs,
        )

    def add_money(self):
        word, student = self.word, self.student
        self.charge, *_ = post_charges(
            students=[student],
            kind="exam",
            label=f"{word} exam",
            amount=self.amount(33),
            due_on=self.today,
            token=f"{word} exam",
            by=self.clerk,
        )
        record_bulk_action(
            kind="charge",
            description=f"{word} books for everybody",
            rows=[self.charge],
            amount=self.charge.amount,
            by=self.clerk,
        )
        self.late_fees = post_late_fees(on=self.today, by=self.clerk)
        self.concession, *_ = concessions.request_concession(
            student=student,
            charges=Charge.objects.filter(student=student, kind="tuition"),
            kind="merit",
            reason=f"{word} topper",
            by=self.clerk,
            amount=self.amount(611),
        )
        self.payment = self.pay(student, 55, "upi")
        ReceiptPrint.objects.create(payment=self.payment, copy=1, printed_by=self.clerk)
        cheque = self.pay(student, 44, "cheque", cheque_on=self.today)
        cancellations.cancel_receipt(payment=cheque, reason=f"{word} mistake", by=self.clerk)
        self.refund = refunds.refund_payment(
            payment=self.payment,
            amount=self.amount(2),
            refunded_on=self.today,
            mode="cash",
            reason=f"{word} paid too much",
            token=f"refund-{self.digit}",
            by=self.clerk,
        )
        FeeReminder.objects.create(
            student=student, channel="email", amount=self.amount(77), sent_by=self.clerk
        )
        DayClose.objects.create(
            person=self.clerk,
            closed_on=self.today - DAY,
            counted_cash=self.amount(8),
            system_cash=self.amount(9),
            note=f"{word} coins",
        )

    def add_attendance(self):
        word, pk = self.word, self.student.pk
        for status, note in [(MarkStatus.ABSENT, "was ill"), (MarkStatus.LATE, "bus")]:
            self.sheet = save_sheet(
                batch=self.batch,
                held_on=self.today,
                content=SheetContent(
                    {pk: status},
                    {pk: f"{word} {note}"},
                    topic=f"{word} topic {note}",
                    reason=f"{word} reason",
                ),
                by=self.teacher,
            ).sheet
        for days in range(1, 8):
            save_sheet(
                batch=self.batch,
                held_on=self.today - days * DAY,
                content=SheetContent({pk: MarkStatus.ABSENT}, topic=f"{word} topic {days}"),
                by=self.teacher,
            )
        CheckIn.objects.create(
            sheet=self.sheet, student=self.student, device=f"device-{self.digit}", status="late"
        )
        EarlierAttendance.objects.create(enrollment=self.enrollment, present=3)
        AttendanceReminder.objects.create(
            enrollment=self.enrollment, channel="email", attended=1, counted=9, sent_by=self.clerk
        )
        RegisterReminder.objects.create(instructor=self.teacher, sent_on=self.today, registers=2)

    def add_leaver(self):
        """Somebody who left, and is to get money back."""
        self.leaver = self.new_student("leaver")
        enrollment = self.enroll(self.leaver)
        self.pay(self.leaver, 991, "upi")
        drop(
            enrollment=enrollment,
            ended_on=self.today,
            reason="other",
            note=f"{self.word} moved away",
            by=self.clerk,
            fee_to_keep=Decimal("11.00"),
            fee_reason=f"{self.word} kept",
        )

    def add_others(self):
        tokens.issue(self.student.user)
        self.student.user.devices.update(description=f"Browser of {self.word}")
        calendar_links.renew_link(self.student.user)
        self.class_change = ClassChangeFactory(
            batch=self.batch,
            reason=f"{self.word} inspection",
            held=(self.today + 4 * DAY, "06:00-07:00"),
            changed_by=self.clerk,
        )
        file = SimpleUploadedFile(
            f"{self.word}.csv", f"name\n{self.word} newcomer\n".encode(), "text/csv"
        )
        self.upload = imports.receive(
            kind=imports.KINDS["students"], file=file, encoding="", by=self.clerk
        )
        imports.apply(self.upload)


def build():
    """Return our half and the other half."""
    institute = Institute.objects.current()
    institute.check_in_by_code = institute.several_batches_at_once = True
    institute.save()
    LateFeeRule.objects.create(name="Late fee", grace_days=0, kind="fixed", amount=Decimal("50.00"))
    ours, theirs = Half("Sparrow", 1), Half("Kestrel", 6)
    theirs.student.guardian_phone = ours.student.guardian_phone  # siblings
    theirs.student.save()
    FeePlan.objects.create(course=ours.batch.course, name="Halves")
    Holiday.objects.create(day=ours.today + 30 * DAY, name="Diwali")
    return ours, theirs


# Texts that a person must not get --------------------------------------------------------------


def own_models():
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def tables():
    """Return the tables of the project, without those of earlier versions of rows."""
    return [model for model in own_models() if not hasattr(model, "instance_type")]


def hidden_rows(model, user):
    rows = model._default_manager.all()
    if not hasattr(rows, "visible_to"):
        return rows.none() if model in SHARED else rows
    return rows.exclude(pk__in=list(rows.visible_to(user).values_list("pk", flat=True)))


def visible_rows(model, user):
    rows = model._default_manager.all()
    return rows.exclude(pk__in=list(hidden_rows(model, user).values_list("pk", flat=True)))


def _history(row):
    return row.history.all() if hasattr(row, "history") else []


def _texts(row):
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if isinstance(field, MoneyField):
            if value and value % 1:
                yield from (plain(abs(value)), display(abs(value)).removeprefix("₹"))
        elif (
            isinstance(field, models.CharField | models.TextField)
            and field.name != "search_text"
            and not field.choices
            and value
            and len(value) >= 6
            and re.search(r"[\W\d]", value)
        ):
            yield value


def hidden_texts(user):
    """Return the texts and amounts of rows that ``user`` may not see, and sums over all rows."""
    hidden, allowed = set(), {user.full_name}
    for model in tables():
        for row in hidden_rows(model, user):
            for version in [row, *_history(row)]:
                hidden.update(_texts(version))
        for row in visible_rows(model, user):
            for version in [row, *_history(row)]:
                allowed.update(_texts(version))
            # The name of whoever recorded a row, and of its batch, are part of the row.
            keys = [field for field in model._meta.concrete_fields if field.is_relation]
            allowed.update(str(getattr(row, field.name)) for field in keys)
        hidden.update(_sums(model, user))
    # The topic of a class is part of the mark of each student.
    topics = Mark.objects.visible_to(user).values_list("sheet__topic", flat=True)
    return hidden - allowed - set(topics)


def _sums(model, user):
    for field in model._meta.concrete_fields:
        if isinstance(field, MoneyField) and hidden_rows(model, user).exists():
            total = sum(
                filter(None, model._default_manager.values_list(field.name, flat=True)), Decimal()
            )
            if total % 1:
                yield from (plain(abs(total)), display(abs(total)).removeprefix("₹"))


# The walk --------------------------------------------------------------------------------------

_WRITE = re.compile(
    r'(INSERT INTO|UPDATE|DELETE FROM) "(academics|finance|attendance|imports'
    r"|accounts_(user|studentprofile|membership))"
)


@contextmanager
def recorded_writes():
    """Yield a list that gets the statements that write rows of the project."""
    writes = []

    def record(execute, sql, params, many, context):
        if _WRITE.match(sql):
            writes.append(sql[:80])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield writes


def _file_text(content):
    if content[:4] == b"%PDF":
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return html.unescape(content.decode())


def text_of(response):
    content = response.getvalue() if response.streaming else response.content
    kind = response.get("Content-Type", "")
    if content[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(content))
        return "\n".join(_file_text(archive.read(name)) for name in archive.namelist())
    text = _file_text(content)
    if "calendar" in kind:
        return text.replace("\r\n ", "")
    return text


def _is_in(hidden, text):
    # An amount is not part of a longer one.
    return hidden in text and re.search(rf"(?<![\d,.]){re.escape(hidden)}(?!\d)", text)


class Walk:
    """Requests of one person."""

    def __init__(self, person, hidden=None):
        self.person, self.client = person, Client()
        self.client.force_login(person)
        self.hidden = hidden_texts(person) if hidden is None else hidden
        #: What is wrong, as lines of text, and the hidden texts that were found.
        self.findings, self.found = [], set()
        self.headers = {}

    def send(self, method, url, *, is_hidden=False, **kwargs):
        """Send a request and undo its changes; return the text of the answer.

        An object that is hidden answers 403 or 404, and a request to it writes nothing.
        """
        before = transaction.savepoint()
        with recorded_writes() as writes:
            response = getattr(self.client, method.lower())(url, headers=self.headers, **kwargs)
            text = text_of(response)
        transaction.savepoint_rollback(before)
        found = sorted(hidden for hidden in self.hidden if _is_in(hidden, text))
        self.found.update(found)
        is_refused = self.is_refusal(response) and not writes
        if found or response.status_code >= 500 or (is_hidden and not is_refused):
            self.findings.append(f"{method} {url} {response.status_code}: {found or writes}")
        return text if response.status_code == 200 else ""

    @staticmethod
    def is_refusal(response):
        # Django admin redirects to its first page if it does not find a row.
        is_lost = response.status_code == 302 and response["Location"] == "/admin/"
        return response.status_code in (403, 404, 405) or is_lost

    def follow(self, url, text):
        """Open the links of a page to other versions of it: filters, orders, files."""
        path = url.partition("?")[0]
        links = set(re.findall(rf'href="(?:{re.escape(path)})?(\?[^"#]+)"', text))
        for link in sorted(links):
            self.send("GET", path + link)

    def choose(self, url, text):
        """Open a page with each choice of its filters."""
        for name, options in re.findall(r'<select name="(\w+)"(.*?)</select>', text, re.S):
            for value in re.findall(r'<option value="([^"]+)"', options):
                self.send("GET", f"{url}?{name}={value}")
