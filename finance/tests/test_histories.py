"""Random histories at the fee desk, with the expected amounts calculated in plain Python.

`make soak` plays more and longer ones (HISTORIES and HISTORY_STEPS set how many).
"""

import datetime
import os
import secrets
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from academics.models import Enrollment
from academics.tests.factories import BatchFactory, CourseFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from coachmaster.core.money import ZERO, split
from finance import checks
from finance.ledger import fee_status
from finance.models import (
    Account,
    BulkAction,
    Charge,
    ChargeKind,
    Concession,
    LateFeeRule,
    Mode,
    Payment,
    Refund,
)
from finance.reports.collections import CollectionsReport, months_of
from finance.services import (
    cancellations,
    charges,
    cheques,
    concessions,
    enrollments,
    refunds,
    transfers,
)
from finance.services import installments as installments_installments
from finance.services.batch_charges import BatchCharge, charge_batch
from finance.services.bulk_actions import undo_bulk_action
from finance.services.enrollments import tuition_lines
from finance.services.installments import split_evenly, unpaid_tuition
from finance.services.payments import ReceivedMoney, record_payment

from .factories import post_late_fees

HISTORIES = int(os.environ.get("HISTORIES", 20))
STEPS = int(os.environ.get("HISTORY_STEPS", 50))
DAY = datetime.timedelta(days=1)
BEGIN = datetime.datetime(2026, 4, 6, 4, 30, tzinfo=datetime.UTC)


def there_is(what):
    """Run a rule only if there is something to act on."""
    return precondition(lambda desk: hasattr(desk, "owed") and getattr(desk, what)().exists())


which = strategies.integers(0, 11)
paise = strategies.integers(1, 700_000)


class FeeDesk(RuleBasedStateMachine):
    """Three students, two courses with two batches, two rules of late fees, and days that pass."""

    @initialize()
    def open_the_desk(self):
        self.clock = time_machine.travel(BEGIN, tick=True)
        self.now = self.clock.start()
        self.rows = transaction.atomic()
        self.rows.__enter__()
        self.by = UserFactory(role=ADMIN)
        self.students = [StudentFactory() for _ in range(3)]
        start, end = BEGIN.date() - 30 * DAY, BEGIN.date() + 900 * DAY
        self.batches = [
            BatchFactory(course=course, starts_on=start, ends_on=end, capacity=2)
            for course in (
                CourseFactory(total_fee=Decimal("9999.99")),
                CourseFactory(total_fee=Decimal("6000.01")),
            )
            for _ in range(2)
        ]
        LateFeeRule.objects.create(
            name="Late", kind="per_day", amount=Decimal("10.07"), cap=Decimal("99.99"), grace_days=3
        )
        LateFeeRule.objects.create(name="Flat", kind="fixed", amount=Decimal("25"), grace_days=10)
        #: The expected payments less refunds, and the expected balances.
        self.paid = {student.pk: ZERO for student in self.students}
        #: The expected cheques that have not cleared.
        self.uncleared = {student.pk: ZERO for student in self.students}
        self.owed = {student.pk: ZERO for student in self.students}
        for number, student in enumerate(self.students):
            batch = self.batches[number]
            rows = [
                (self.today + 30 * n * DAY, part)
                for n, part in enumerate(split(batch.course.total_fee, 3))
            ]
            enrollments.enroll(
                student=student, batch=batch, enrolled_on=self.today, by=self.by, installments=rows
            )
            self.owe(student, batch.course.total_fee)
            self.receive_from(student, Decimal("1000.00"), Mode.CASH)

    def teardown(self):
        if hasattr(self, "rows"):
            transaction.set_rollback(True)
            self.rows.__exit__(None, None, None)
            self.clock.stop()

    def one(self, rows, which):
        rows = list(rows)
        return rows[which % len(rows)] if rows else None

    @property
    def today(self):
        return timezone.localdate()

    def lines(self, student):
        return [line for line in fee_status(student, self.today).lines if line.unpaid > ZERO]

    def owe(self, student, amount):
        self.owed[student.pk] += amount

    def pay(self, student, amount):
        self.paid[student.pk] += amount
        self.owe(student, -amount)

    @property
    def net_charges(self):
        """Return ``{student: charges less concessions}``."""
        found = dict.fromkeys(self.paid, ZERO)
        for student, amount in Charge.objects.filter(cancelled_on=None).values_list(
            "student", "amount"
        ):
            found[student] += amount
        for student, amount in Concession.objects.active().values_list("student", "amount"):
            found[student] -= amount
        return found

    # Rules

    @rule(days=strategies.integers(1, 25))
    def days_pass(self, days):
        self.now.shift(days * DAY)

    @rule(which=which, batch=which, parts=strategies.integers(1, 4), agreed=paise)
    def enroll(self, which, batch, parts, agreed):
        student, batch, fee = (
            self.one(self.students, which),
            self.one(self.batches, batch),
            Decimal(agreed).scaleb(-2),
        )
        fee = min(fee, batch.course.total_fee)
        rows = [
            (self.today + 30 * n * DAY, part)
            for n, part in enumerate(split(fee, parts))
            if part > ZERO
        ]
        try:
            enrollments.enroll(
                student=student,
                batch=batch,
                enrolled_on=self.today,
                by=self.by,
                agreed_fee=fee,
                fee_reason="agreed",
                installments=rows,
            )
        except ValidationError:
            return  # enrolled already, or the batch is full
        self.owe(student, fee)

    @rule(which=which, amount=paise, days=strategies.integers(0, 40))
    def charge(self, which, amount, days):
        student, amount = self.one(self.students, which), Decimal(amount).scaleb(-2)
        charges.post_charges(
            students=[student],
            kind=ChargeKind.MATERIAL,
            label="Books",
            amount=amount,
            due_on=self.today + days * DAY,
            token=secrets.token_urlsafe(24),
            by=self.by,
        )
        self.owe(student, amount)

    @there_is("with_dues")
    @rule(which=which, amount=paise)
    def concede(self, which, amount):
        student = self.one(self.students, which)
        lines = self.lines(student)
        if not lines:
            return
        amount = min(Decimal(amount).scaleb(-2), sum(line.unpaid for line in lines))
        rows = concessions.request_concession(
            student=student,
            charges=[line.charge for line in lines],
            kind="merit",
            reason="good marks",
            amount=amount,
            by=self.by,
        )
        if not rows[0].is_waiting:
            self.owe(student, -amount)

    @there_is("waiting")
    @rule(which=which)
    def approve(self, which):
        waiting = self.one(self.waiting(), which)
        try:
            rows = concessions.approve_concession(token=waiting.token, by=self.by)
        except ValidationError:
            return  # less is open than it takes off
        self.owe(waiting.student, -sum(row.amount for row in rows))

    @there_is("given")
    @rule(which=which)
    def cancel_concession(self, which):
        given = self.one(self.given(), which)
        before = self.net_charges[given.student_id]
        concessions.cancel_concession(token=given.token, reason="in error", by=self.by)
        self.owe(given.student, self.net_charges[given.student_id] - before)

    @rule(which=which, amount=paise, mode=strategies.sampled_from(Mode.values))
    def receive(self, which, amount, mode):
        self.receive_from(self.one(self.students, which), Decimal(amount).scaleb(-2), mode)

    def receive_from(self, student, amount, mode):
        record_payment(
            student=student,
            by=self.by,
            received=ReceivedMoney(
                amount=amount,
                paid_on=self.today,
                mode=mode,
                reference=secrets.token_hex(8) if Mode(mode).needs_reference else "",
                cheque_on=self.today,
                token=secrets.token_urlsafe(24),
                as_advance=True,
                confirm_duplicate=True,
            ),
        )
        if mode == Mode.CHEQUE:
            self.uncleared[student.pk] += amount
        else:
            self.pay(student, amount)

    @there_is("waiting_cheques")
    @rule(which=which, more=which)
    def deposit(self, which, more):
        rows = self.waiting_cheques().filter(deposit=None)
        found = {self.one(rows, number).pk for number in (which, more) if rows.exists()}
        if found:
            cheques.deposit_cheques(payments=found, on=self.today, by=self.by)

    @there_is("waiting_cheques")
    @rule(which=which, more=which, days=strategies.integers(0, 20))
    def clear(self, which, more, days):
        rows = self.waiting_cheques().select_related("deposit")
        found = {self.one(rows, number) for number in (which, more)}
        day = max(self.today - days * DAY, *map(cheques.first_bank_day, found), BEGIN.date())
        for cheque in cheques.clear_cheques(
            payments=[cheque.pk for cheque in found], on=day, by=self.by
        ):
            self.uncleared[cheque.student_id] -= cheque.amount
            self.pay(cheque.student, cheque.amount)

    def take_back(self, payment):
        if payment.is_cleared:
            self.pay(payment.student, -payment.amount)
        else:
            self.uncleared[payment.student_id] -= payment.amount

    @there_is("voidable")
    @rule(which=which)
    def void(self, which):
        payment = self.one(self.voidable(), which)
        cancellations.cancel_receipt(payment=payment, reason="typing error", by=self.by)
        self.take_back(payment)

    @there_is("cheques")
    @rule(which=which, charge=strategies.integers(0, 50_000))
    def bounce(self, which, charge):
        payment, charge = self.one(self.cheques(), which), Decimal(charge).scaleb(-2)
        day = max(payment.counted_on or payment.paid_on, self.today - 20 * DAY)
        cancellations.bounce_cheque(
            payment=payment, bounced_on=day, reason="no funds", by=self.by, charge=charge
        )
        self.take_back(payment)
        self.owe(payment.student, charge)

    @there_is("active_payments")
    @rule(which=which, part=strategies.integers(1, 100))
    def refund(self, which, part):
        payments = Payment.objects.counted().order_by("pk").with_refunded()
        payment = self.one([row for row in payments if row.amount > row.refunded], which)
        if payment:
            amount = max(
                (payment.amount - payment.refunded) * part / 100, Decimal("0.01")
            ).quantize(Decimal("0.01"))
            refunds.refund_payment(
                payment=payment,
                amount=amount,
                refunded_on=self.today,
                mode="cash",
                reason="left",
                token=secrets.token_urlsafe(24),
                by=self.by,
            )
            self.pay(payment.student, -amount)

    @there_is("active")
    @rule(which=which, batch=which)
    def transfer(self, which, batch):
        enrollment, batch = self.one(self.active(), which), self.one(self.batches, batch)
        if enrollment:
            before = self.net_charges[enrollment.student_id]
            try:
                transfers.transfer(enrollment=enrollment, batch=batch, on=self.today, by=self.by)
            except ValidationError:
                return  # the same batch, or it is full
            self.owe(enrollment.student, self.net_charges[enrollment.student_id] - before)

    @there_is("active")
    @rule(which=which, percent=strategies.integers(0, 100))
    def drop(self, which, percent):
        enrollment = self.one(self.active(), which)
        if enrollment:
            before = self.net_charges[enrollment.student_id]
            charged = sum((line.net for line in tuition_lines(enrollment)), ZERO)
            keep = (charged * percent / 100).quantize(Decimal("0.01"))
            enrollments.drop(
                enrollment=enrollment,
                ended_on=self.today,
                reason="other",
                note="left",
                by=self.by,
                fee_to_keep=keep,
            )
            assert self.net_charges[enrollment.student_id] - before == keep - charged
            self.owe(enrollment.student, keep - charged)

    @there_is("active")
    @rule(which=which, parts=strategies.integers(1, 4))
    def change_installments(self, which, parts):
        enrollment = self.one(self.active(), which)
        if enrollment:
            is_open = sum((line.unpaid for line in unpaid_tuition(enrollment, self.today)), ZERO)
            if is_open > ZERO:
                rows = split_evenly(is_open, parts, self.today + 5 * DAY)
                installments_installments.change_installments(
                    enrollment=enrollment, rows=rows, reason="asked for", by=self.by
                )

    @rule()
    def post_late_fees(self):
        for fee in post_late_fees(on=self.today, by=self.by):
            self.owe(fee.student, fee.amount)
        assert post_late_fees(on=self.today, by=self.by) == []

    @there_is("unpaid_late_fees")
    @rule(which=which)
    def waive_late_fee(self, which):
        fee = self.one(self.unpaid_late_fees(), which)
        unpaid = fee.open_now
        rows = concessions.request_concession(
            student=fee.student,
            charges=[fee],
            kind="late_fee",
            reason="ill",
            amount=unpaid,
            by=self.by,
        )
        if not rows[0].is_waiting:
            self.owe(fee.student, -unpaid)

    @there_is("other_charges")
    @rule(which=which)
    def cancel_charge(self, which):
        charge = self.one(self.other_charges(), which)
        before = self.net_charges[charge.student_id]
        charges.cancel_charge(charge=charge, reason="in error", by=self.by)
        self.owe(charge.student, self.net_charges[charge.student_id] - before)

    @rule(amount=paise, which=which)
    def charge_a_batch(self, amount, which):
        batch = self.one(self.batches, which)
        students = [
            enrollment.student for enrollment in self.active() if enrollment.batch_id == batch.pk
        ]
        if students:
            charge = BatchCharge("exam", "Test", Decimal(amount).scaleb(-2), self.today, True)
            action = charge_batch(
                batch=batch,
                students=students,
                charge=charge,
                token=secrets.token_urlsafe(24),
                digest=charge.digest_of(students),
                by=self.by,
            )
            assert action.amount == charge.amount * len(students)
            for student in students:
                self.owe(student, charge.amount)

    @there_is("bulk_actions")
    @rule(which=which)
    def undo(self, which):
        action = self.one(self.bulk_actions(), which)
        fees, before = action.rows_of(Charge).active(), self.net_charges
        later = Charge.objects.active().filter(
            kind="late_fee",
            late_for__in=fees.values("late_for"),
            pk__gt=max(fees.values_list("pk", flat=True), default=0),
        )
        is_refused = not fees.exists() or later.exists()
        try:
            undo_bulk_action(action=action, reason="in error", by=self.by)
        except ValidationError:
            assert is_refused
            return
        for student in self.students:
            self.owe(student, self.net_charges[student.pk] - before[student.pk])

    # Preconditions

    def unpaid_late_fees(self):
        return self.other_charges().filter(kind="late_fee", open_now__isnull=False)

    def other_charges(self):
        return Charge.objects.active().exclude(kind="tuition").order_by("pk")

    def bulk_actions(self):
        return BulkAction.objects.active().order_by("pk")

    def with_dues(self):
        return Account.objects.with_dues()

    def waiting(self):
        return Concession.objects.waiting().order_by("pk")

    def given(self):
        return Concession.objects.filter(cancelled_on=None, charge__cancelled_on=None).order_by(
            "pk"
        )

    def active_payments(self):
        return Payment.objects.active().order_by("pk")

    def voidable(self):
        return self.active_payments().filter(refunds=None)

    def cheques(self):
        return self.voidable().filter(mode=Mode.CHEQUE)

    def waiting_cheques(self):
        return Payment.objects.uncleared().order_by("pk")

    def active(self):
        return (
            Enrollment.objects.active()
            .select_related("batch__course", "student__user")
            .order_by("pk")
        )

    # Invariants

    @precondition(lambda self: hasattr(self, "owed"))
    @invariant()
    def the_books_are_right(self):
        assert list(checks.find_problems()) == []

    @precondition(lambda self: hasattr(self, "owed"))
    @invariant()
    def everybody_owes_what_the_acts_say(self):
        kept = dict(Account.objects.values_list("pk", "balance"))
        uncleared = dict(Account.objects.values_list("pk", "uncleared"))
        for student in self.students:
            fees = fee_status(student, self.today)
            assert fees.balance == self.owed[student.pk] == kept.get(student.pk, ZERO)
            assert fees.total_paid == self.paid[student.pk]
            assert fees.uncleared == self.uncleared[student.pk] == uncleared.get(student.pk, ZERO)
            assert sum((line.unpaid for line in fees.lines), ZERO) == max(fees.balance, ZERO)
            assert all(ZERO <= line.paid <= line.net for line in fees.lines)
        assert Refund.objects.total() <= Payment.objects.counted().total()

    @precondition(lambda self: hasattr(self, "owed"))
    @invariant()
    def late_fees_are_at_most_what_the_days_allow(self):
        counted, last = {}, {}
        fees = Charge.objects.filter(kind="late_fee").select_related("late_for", "late_rule")
        waived = Concession.objects.filter(cancelled_on=None).exclude(approved_on=None)
        for fee in fees:
            key = fee.late_for, fee.late_rule
            amount = waived.filter(charge=fee).total() if fee.is_undone else fee.amount
            counted[key] = counted.get(key, ZERO) + amount
            last[key] = max(last.get(key, fee.due_on), fee.due_on)
        for (installment, rule_), amount in counted.items():
            days = (last[installment, rule_] - installment.due_on).days - rule_.grace_days
            most = rule_.amount * days if rule_.kind == "per_day" else rule_.amount
            assert amount <= (min(most, rule_.cap) if rule_.cap else most)

    @precondition(lambda self: hasattr(self, "owed"))
    @invariant()
    def the_report_of_all_years_says_what_the_acts_say(self):
        years = range(BEGIN.year - 1, BEGIN.year + 6)
        every = CollectionsReport([month for year in years for month in months_of(year)]).total
        assert every.net == sum(self.paid.values())
        assert every.due == sum(self.net_charges.values())


@pytest.mark.size
@pytest.mark.django_db
def test_balances_are_correct_after_random_histories():
    run_state_machine_as_test(
        FeeDesk,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
