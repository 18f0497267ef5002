"""Switching over from a workbook: one line a student, with what was agreed, taken off and paid so far.

It makes the person, the enrollment with its installments and concession, and one opening payment, by the same rules as
the other imports. Opening payments have a series of their own, OP, so that the receipts of the desk start at their own
number. Brought in again, a line that says more was paid adds the difference; nothing doubles.
"""

import collections
import re
from dataclasses import dataclass, field
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Sum
from django.utils import timezone

from academics.importers.columns import all_batches, batch_column, batch_of
from academics.models import Enrollment
from accounts.importers.students import StudentImporter
from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.importers import ImportColumn, Importer, ImportResult, ImportRow, normalised
from coachmaster.core.money import ZERO, display, split_in_proportion
from coachmaster.core.text import folded
from finance.models import (
    Charge,
    ChargeKind,
    Concession,
    ConcessionKind,
    Mode,
    Payment,
    ReceiptSeries,
    Refund,
)
from finance.services.bulk_enrollments import BulkEnrollment
from finance.services.bulk_payments import BulkPayments
from finance.services.payment_limits import check_payment_date
from finance.services.payments import ReceivedMoney, build_payment

from .payments import ModeField

INSTALLMENTS = 12
#: How a line of sums begins: “Total”, “Grand total:”, “Total (42)”.
_TOTAL = re.compile(r"(?:(grand|sub)?totals?|sum)[0-9]*")
#: What it is asked for, and what of a `BatchTotals` that is.
_SUMS = {"agreed_fee": "fee", "concession": "conceded", "paid": "paid"}
REASON = "As agreed before CoachMaster"
_OF_PERSON = {column.name for column in StudentImporter.columns}


def _installment_columns():
    for number in range(1, INSTALLMENTS + 1):
        names = [f"{word} {number}" for word in ("installment", "instalment", "inst", "emi")]
        yield ImportColumn(
            f"installment_{number}_on",
            DateFormField(required=False),
            *(f"{name} {word}" for name in names for word in ("date", "due", "due date", "due on")),
            f"due date {number}",
        )
        yield ImportColumn(
            f"installment_{number}_amount",
            AmountField(allow_zero=True, required=False),
            *(name for name in names),
            *(f"{name} amount" for name in names),
        )


@dataclass
class BatchTotals:
    """One batch of the comparison, in rupees: what the file says, or what stands in CoachMaster."""

    students: int = 0
    fee: Decimal = ZERO
    conceded: Decimal = ZERO
    paid: Decimal = ZERO

    @property
    def balance(self):
        """What is still to be paid."""
        return self.fee - self.conceded - self.paid


@dataclass
class Comparison:
    """A batch as the file has it and as it stands in CoachMaster afterwards."""

    batch: str
    file: BatchTotals = field(default_factory=BatchTotals)
    stands: BatchTotals = field(default_factory=BatchTotals)

    @property
    def agrees(self):
        """Whether both say the same, to the paisa."""
        return self.file == self.stands

    @property
    def pairs(self):
        """``(what, in the file, in CoachMaster)`` in words."""
        return [
            ("students", f"{self.file.students:,}", f"{self.stands.students:,}"),
            *(
                (word, display(getattr(self.file, name)), display(getattr(self.stands, name)))
                for word, name in (
                    ("fee", "fee"),
                    ("taken off", "conceded"),
                    ("paid", "paid"),
                    ("balance", "balance"),
                )
            ),
        ]


class OpeningBalanceImporter(Importer):
    """A line is a student in a batch, with the fee, what is taken off, the installments and what was paid so far."""

    noun = ("row", "rows")
    model = Enrollment
    label_columns = ("full_name", "batch")
    columns = [
        *StudentImporter.columns,
        batch_column(),
        ImportColumn.of(Enrollment, "enrolled_on", "date of admission", "admission date", "joining date", "joined on", "joined",
                  "date of joining", "enrollment date", "doj", required=False),
        ImportColumn("agreed_fee", AmountField(allow_zero=True, required=False), "fee", "fees", "total fee", "total fees",
               "fee agreed", "final fee"),
        ImportColumn("concession", AmountField(allow_zero=True, required=False), "discount", "scholarship", "concession amount",
               "discount amount", "taken off"),
        ImportColumn("concession_reason", SingleLineFormField(max_length=200, required=False), "reason", "discount reason"),
        ImportColumn("paid", AmountField(allow_zero=True, required=False), "paid so far", "total paid", "fees paid", "fee paid",
               "amount paid", "received"),
        ImportColumn("paid_on", DateFormField(required=False), "last paid on", "payment date", "receipt date", "paid date"),
        ImportColumn("mode", ModeField(required=False), "payment mode", "mode of payment", "paid by"),
        ImportColumn("receipt_numbers", forms.CharField(max_length=200, required=False), "receipt no", "receipt nos",
               "receipt number", "old receipt no", "old receipt nos", "old receipt numbers", "receipts", is_code=True),
        ImportColumn("balance", AmountField(allow_zero=True, required=False), "due", "dues", "balance due", "pending",
               "fees due", "outstanding", "remaining"),
        *_installment_columns(),
    ]  # fmt: skip

    #: The lines that sum up others: `(line, {column: what it says}, whether of a part)`.
    totals: list = []

    def prepare(self, header):
        self.totals = []

    def is_total(self, line, text):
        """A line “Total” without a batch is left out, and what it says compared with the lines above."""
        found = _TOTAL.fullmatch(normalised(text("full_name")))
        if not found or text("batch"):
            return False
        said = {name: amount for name in _SUMS if (amount := _sum_told(text(name))) is not None}
        self.totals.append((line, said, found[1] == "sub"))
        return True

    def check(self, row):
        today = timezone.localdate()
        if (
            "enrolled_on" in row
            and "paid" in row
            and "paid_on" not in row
            and row["enrolled_on"] > today
        ):
            raise ValidationError(
                {"paid_on": "Say when it was paid: the student joins in the future."}
            )
        if "paid_on" in row:
            check_payment_date(row["paid_on"], today)
        for number in range(1, INSTALLMENTS + 1):
            day, amount = (
                row.get(f"installment_{number}_on"),
                row.get(f"installment_{number}_amount", ZERO),
            )
            if amount > ZERO and day is None:
                raise ValidationError(
                    {f"installment_{number}_on": f"Say when {display(amount)} is due."}
                )

    # Writing -----------------------------------------------------------------------------------------------------

    def write(self, rows, result, advance):
        self.today = timezone.localdate()
        rows, batches = list(rows), all_batches()
        for row in rows:
            row["batch"] = batch_of(row, batches, result)
        rows = [row for row in rows if row["batch"]]
        for row in rows:
            row["told"] = frozenset(row) - frozenset(row.defaulted)
            row.setdefault("enrolled_on", row["batch"].starts_on)
            row.setdefault("agreed_fee", row["batch"].course.total_fee)
            row["paid_on"] = row.get("paid_on") or min(row["enrolled_on"], self.today)
        # The series first, then batches, then accounts: the order of all locks.
        receiving = BulkPayments(
            student_ids=(),
            days={row["paid_on"] for row in rows if row.get("paid")},
            by=None,
            kind=ReceiptSeries.Kind.OPENING,
        )
        people = self._people(rows, result)
        advance(len(rows) // 3)
        rows = [row for row in rows if row.line in people]
        self._enroll(rows, people, result)
        advance(len(rows) // 3)
        self._receive(rows, people, receiving, result)
        advance(len(rows) // 3)
        for row in rows:
            if "enrollment" not in row:
                continue
            if row["is_new"]:
                result.add_created(row)
            else:
                result.add_existing(row, row["changes"], row["enrollment"].pk)
        if result.is_valid:
            result.comparison = self._compare(rows)
            self._compare_total(result)

    def _people(self, rows, result):
        """``{line: student}`` after the people of ``rows`` were made or changed; a student may have a line a batch."""
        first, twins = {}, {}
        for row in rows:
            key = row.get("admission_number") or row.get("email") or _identity(row)
            first.setdefault(key, row)
            twins[row.line] = first[key].line
        importer, found = StudentImporter(), _Anyway()
        importer.outcomes, importer.otherwise = {}, {}
        for line, student_id in _known_by_batch(rows).items():
            importer.otherwise.setdefault(twins[line], student_id)
        importer.write([_person(row) for row in first.values()], found, lambda count: None)
        result.problems += found.problems
        for row in rows:
            own = twins[row.line] == row.line
            row["changes"] = (
                dict(importer.outcomes[row.line][1])
                if own and row.line in importer.outcomes
                else {}
            )
        keys = {line: student.pk for line, (student, _) in importer.outcomes.items()}
        students = {}
        for chunk in in_chunks(set(keys.values())):
            students.update(StudentProfile.objects.select_related("user").in_bulk(chunk))
        return {
            row.line: students[keys[twins[row.line]]] for row in rows if twins[row.line] in keys
        }

    def _enroll(self, rows, people, result):
        """Enroll who is not enrolled yet, with installments and concession; who is, is compared."""
        enrolling = BulkEnrollment(
            student_ids={student.pk for student in people.values()},
            batch_ids={row["batch"].pk for row in rows},
            by=self.by,
            imported=True,
        )
        standing = {}
        for chunk in in_chunks({student.pk for student in people.values()}):
            found = Enrollment.objects.filter(student__in=chunk).order_by("pk")
            standing.update(
                {(enrollment.student_id, enrollment.batch_id): enrollment for enrollment in found}
            )
        taken_off = _taken_off([enrollment.pk for enrollment in standing.values()])
        charged = _charged([enrollment.pk for enrollment in standing.values()])
        lines, new, to_concede = {}, [], []
        for row in rows:
            student, key = people[row.line], (people[row.line].pk, row["batch"].pk)
            row["key"], row["is_new"] = key, False
            if other := lines.setdefault(key, row.line) != row.line and lines[key]:
                result.add_error(
                    row,
                    "batch",
                    f"Row {other} is the same student in this batch. Keep one of them.",
                )
                continue
            if key in standing:
                row["enrollment"] = standing[key]
                self._refuse_other_terms(row, taken_off[standing[key].pk], result)
                self._note_other_installments(
                    row, charged[standing[key].pk], taken_off[standing[key].pk], result
                )
                continue
            try:
                charges, shares = _charges_and_shares(row)
                enrollment = enrolling.enroll(
                    student=student,
                    batch_id=row["batch"].pk,
                    enrolled_on=row["enrolled_on"],
                    agreed_fee=row["agreed_fee"],
                    fee_reason=_reason(row)
                    if row["agreed_fee"] < row["batch"].course.total_fee
                    else "",
                    installments=charges,
                )
            except ValidationError as error:
                result.add_errors(row, error, "agreed_fee")
                continue
            row["enrollment"], row["is_new"] = enrollment, True
            new.append(enrollment)
            if any(shares):
                to_concede.append((row, enrollment, shares))
        for chunk in in_chunks(new):
            enrolling.write(chunk)
        result.created_ids += [enrollment.pk for enrollment in new]
        self._concede(to_concede)
        self._enrolling = enrolling

    def _refuse_other_terms(self, row, taken_off, result):
        """Refuse a line whose fee or concession differs from what stands: that is changed where it is seen, or not."""
        enrollment = row["enrollment"]
        if "agreed_fee" not in row["told"]:
            row["agreed_fee"] = enrollment.agreed_fee
        for name, stands, says in (
            ("agreed_fee", enrollment.agreed_fee, row["agreed_fee"]),
            ("concession", taken_off, row.get("concession", taken_off)),
        ):
            if stands != says:
                result.add_error(
                    row,
                    name,
                    f"{display(stands)} stands in CoachMaster. Change it on the student's page, or put it back here.",
                )
        if row["enrolled_on"] != enrollment.enrolled_on and "enrolled_on" in row["told"]:
            result.notes.append(
                f"Row {row.line}: the enrollment stands since {format_date(enrollment.enrolled_on)}, and stays so."
            )

    def _note_other_installments(self, row, charged, taken_off, result):
        """Say which lines have other installments than stand: they are changed on the student's page."""
        if not any(
            row.get(f"installment_{number}_amount") for number in range(1, INSTALLMENTS + 1)
        ):
            return
        try:
            told, _ = _charges_and_shares({"concession": taken_off, **row})
        except ValidationError as error:
            result.add_errors(row, error, "agreed_fee")
            return
        if sorted(told) != charged:
            stand = (
                ", ".join(f"{display(amount)} on {format_date(day)}" for day, amount in charged)
                or "none"
            )
            before = ", before what is taken off" if taken_off else ""
            result.notes.append(
                f"Row {row.line}: the installments stand as {stand}{before}, and stay so. Change them on the student's page."
            )

    def _concede(self, lines):
        """Write the concessions of new enrollments: a share of each of its charges."""
        now = timezone.now()
        for chunk in in_chunks(lines):
            charges = collections.defaultdict(list)
            of_chunk = Charge.objects.filter(
                enrollment__in=[enrollment.pk for _, enrollment, _ in chunk]
            )
            for charge in of_chunk.order_by("due_on", "pk"):
                charges[charge.enrollment_id].append(charge)
            Concession.objects.bulk_create(
                Concession(
                    student_id=enrollment.student_id,
                    charge=charge,
                    amount=share,
                    kind=ConcessionKind.OTHER,
                    reason=_reason(row),
                    token=f"opening:{enrollment.pk}",
                    asked_by=self.by,
                    approved_by=self.by,
                    approved_on=charge.posted_on,
                    approved_at=now,
                )
                for row, enrollment, shares in chunk
                for charge, share in zip(charges[enrollment.pk], shares, strict=True)
                if share > ZERO
            )

    def _receive(self, rows, people, receiving, result):
        """Record what was paid and is not recorded yet, as opening payments."""
        receiving.student_ids = self._enrolling.student_ids
        before = _openings(receiving.student_ids)
        to_pay = []
        for row in rows:
            if "enrollment" not in row:
                continue
            count, amount, last = before[row["key"]]
            difference = row.get("paid", amount) - amount
            if difference < ZERO:
                result.add_error(
                    row,
                    "paid",
                    f"{display(amount)} was brought in before. Money is never taken away: void the opening payment.",
                )
            elif difference > ZERO:
                row["opening"] = (count + 1, difference)
                to_pay.append(row)
                if not row["is_new"]:
                    row["changes"]["paid"] = (amount, row["paid"])
            elif last and not _tells_of(row, *last):
                result.notes.append(
                    f"Row {row.line}: the date, mode or old receipts of what was paid are others than were brought in, "
                    "which stay. Void the opening payment to bring it in anew."
                )
            self._check_balance(row, result)
        to_pay.sort(key=lambda row: (row["paid_on"], row.line))
        for row in to_pay:
            row["number"] = receiving.reserve_number(row["paid_on"])
        for chunk in in_chunks(to_pay, 500):
            stand = receiving.statuses({row["key"][0] for row in chunk})
            payments = []
            for row in chunk:
                student, (count, amount), (series, number) = (
                    people[row.line],
                    row["opening"],
                    row["number"],
                )
                try:
                    payments.append(
                        build_payment(
                            student=student,
                            received=ReceivedMoney(
                                amount=amount,
                                paid_on=row["paid_on"],
                                mode=row.get("mode", Mode.CASH),
                                cheque_on=row["paid_on"],
                                notes=_notes(row),
                                token=_token(row["key"], count),
                                enrollment=row["enrollment"],
                            ),
                            series=series,
                            number=number,
                            status=stand[student.pk],
                            letterhead=receiving.letterhead,
                            by=None,
                        )
                    )
                except ValidationError as error:
                    result.add_errors(row, error, "paid")
                else:
                    stand[student.pk] = stand[student.pk].after(amount)
            if result.is_valid:
                receiving.write(payments)
        if result.is_valid:
            receiving.finish()  # the accounts of all of them, also of who paid nothing

    def _check_balance(self, row, result):
        """A balance that the file tells must follow from what else it tells."""
        if "balance" not in row:
            return
        balance = row["agreed_fee"] - row.get("concession", ZERO) - row.get("paid", ZERO)
        if balance != row["balance"]:
            result.add_error(
                row,
                "balance",
                f"By fee, concession and paid it is {display(balance)}. Correct one of them.",
            )

    def _compare(self, rows):
        """A `Comparison` for each batch of the file."""
        by_batch = {}
        for row in rows:
            batch = row["batch"]
            totals = by_batch.setdefault(batch.pk, Comparison(str(batch))).file
            totals.students += 1
            totals.fee += row["agreed_fee"]
            totals.conceded += row.get("concession", ZERO)
            totals.paid += row.get("paid", ZERO)
        for pk, totals in batch_totals(by_batch).items():
            by_batch[pk].stands = totals
        return sorted(by_batch.values(), key=lambda comparison: comparison.batch)

    def _compare_total(self, result):
        """Put what the file's last line of totals says below the batches; others are sums of a part, and are passed over."""
        if not self.totals:
            return
        lines = ", ".join(str(line) for line, *_ in self.totals)
        many = "s" if len(self.totals) > 1 else ""
        result.notes.append(f"Row{many} {lines}: taken as the sum of the rows above, and skipped.")
        wholes = [(line, said) for line, said, is_part in self.totals if not is_part]
        if not wholes:
            return
        line, said = wholes[-1]
        in_all = Comparison(f"Total in row {line}")
        for name in ("students", *_SUMS.values()):
            for side in ("file", "stands"):
                sums = sum(getattr(getattr(one, side), name) for one in result.comparison)
                setattr(getattr(in_all, side), name, sums)
        for column, name in _SUMS.items():
            if column in said:
                setattr(in_all.file, name, said[column])
        if in_all.agrees or len(wholes) == 1:  # of several, the last may be of a part too
            result.comparison.append(in_all)


class _Anyway(ImportResult):
    """Lets the good lines be written while others are refused, so that all of them are looked at; it is all taken back."""

    is_clean = True


def _sum_told(text):
    """The amount that a line of sums says, which may be larger than one row's; None when it says none."""
    bare = re.sub(r"[₹,\s]|rs\.?|/-", "", text, flags=re.IGNORECASE)
    return Decimal(bare) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", bare) else None


def _person(row):
    person = ImportRow(row.line)
    person.update({name: value for name, value in row.items() if name in _OF_PERSON})
    return person


def _reason(row):
    return row.get("concession_reason") or REASON


def _identity(row):
    return folded(row["full_name"]), row.get("phone"), row.get("birth_on")


def _known_by_batch(rows):
    """``{line: student}`` of those who have this name alone in the batch, in the file too, and joined it that day.

    So a phone or an e-mail address that was changed in the workbook changes the student's, and makes no second one.
    """
    lines, standing = collections.defaultdict(list), collections.defaultdict(list)
    for row in rows:
        lines[row["batch"].pk, folded(row["full_name"])].append(row)
    enrollments = Enrollment.objects.filter(batch__in={row["batch"].pk for row in rows}).order_by()
    of_student = ("student", "student__user__full_name", "student__birth_on")
    for batch, joined, student, name, birth_on in enrollments.values_list(
        "batch", "enrolled_on", *of_student
    ).iterator():
        standing[batch, folded(name)].append((student, joined, birth_on))
    known = {}
    for key, alike in lines.items():
        if len(alike) > 1 or len(standing[key]) != 1:
            continue
        (row,), ((student, joined, birth_on),) = alike, standing[key]
        is_born_then = not birth_on or row.get("birth_on", birth_on) == birth_on
        if "admission_number" not in row and row["enrolled_on"] == joined and is_born_then:
            known[row.line] = student
    return known


def _charges_and_shares(row):
    """``(installments, what is taken off each)``: pairs of a due date and rupees, and rupees.

    Installments add up to the fee, or to the fee less the concession; then each was told as what is to be paid of it.
    Raises ValidationError when they do neither.
    """
    fee, concession = row["agreed_fee"], row.get("concession", ZERO)
    if concession > fee:
        raise ValidationError({"concession": f"At most {display(fee)}, the fee."})
    told = sorted(
        (row[f"installment_{number}_on"], row[f"installment_{number}_amount"])
        for number in range(1, INSTALLMENTS + 1)
        if row.get(f"installment_{number}_amount", ZERO) > ZERO
    )
    if not told:
        told = [(row["enrolled_on"], fee)] if fee > ZERO else []
    amounts = [amount for _, amount in told]
    if not told:
        return [], []
    shares = split_in_proportion(concession, amounts)
    if sum(amounts) == fee - concession and concession:
        return [
            (day, amount + share) for (day, amount), share in zip(told, shares, strict=True)
        ], shares
    if sum(amounts) != fee:
        less = f" or {display(fee - concession)}, less the concession" if concession else ""
        raise ValidationError(
            {
                "agreed_fee": f"The installments add up to {display(sum(amounts))}, not to the fee of {display(fee)}{less}. "
                "Correct one of them."
            }
        )
    return told, shares


def _token(key, count):
    return f"opening:{key[0]}:{key[1]}:{count}"


def _openings(student_ids):
    """``{(student, batch): (how many opening payments there were, rupees of those that stand, the last of these)}``."""
    found = collections.defaultdict(lambda: (0, ZERO, None))
    for chunk in in_chunks(student_ids):
        payments = Payment.objects.filter(
            student__in=chunk, series__kind=ReceiptSeries.Kind.OPENING
        ).order_by("pk")
        told = ("paid_on", "mode", "notes")
        for student, token, amount, void, *last in payments.values_list(
            "student", "token", "amount", "reversal", *told
        ):
            _, _, batch, _ = token.split(":")
            count, in_all, before = found[student, int(batch)]
            found[student, int(batch)] = (
                (count + 1, in_all, before) if void else (count + 1, in_all + amount, last)
            )
    return found


def _tells_of(row, paid_on, mode, notes):
    """Whether the line tells of an opening payment what it was brought in with; an empty cell tells nothing."""
    return not (
        ("paid_on" in row["told"] and row["paid_on"] != paid_on)
        or ("mode" in row["told"] and row["mode"] != mode)
        or ("receipt_numbers" in row["told"] and _notes(row) != notes)
    )


def _notes(row):
    numbers = row.get("receipt_numbers", "")
    return (
        f"Paid before CoachMaster. Old receipts: {numbers}"
        if numbers
        else "Paid before CoachMaster."
    )


def _taken_off(enrollment_ids):
    """``{enrollment: rupees taken off its tuition}``."""
    found = collections.defaultdict(lambda: ZERO)
    for chunk in in_chunks(enrollment_ids):
        rows = Concession.objects.active().filter(
            charge__enrollment__in=chunk, charge__kind=ChargeKind.TUITION
        )
        for pk, amount in rows.order_by().values_list("charge__enrollment").annotate(Sum("amount")):
            found[pk] = amount
    return found


def _charged(enrollment_ids):
    """``{enrollment: its tuition}`` as sorted pairs of a due date and rupees, before anything is taken off."""
    found = collections.defaultdict(list)
    for chunk in in_chunks(enrollment_ids):
        charges = Charge.objects.active().filter(enrollment__in=chunk, kind=ChargeKind.TUITION)
        for pk, due_on, amount in charges.order_by("due_on", "amount").values_list(
            "enrollment", "due_on", "amount"
        ):
            found[pk].append((due_on, amount))
    return found


def batch_totals(batch_ids):
    """``{batch: BatchTotals}`` of all enrollments of these batches, as they stand now."""
    totals = {pk: BatchTotals() for pk in batch_ids}

    def each(rows, batch):
        return (
            rows.filter(**{f"{batch}__in": list(totals)})
            .order_by()
            .values_list(batch)
            .annotate(Sum("amount"))
        )

    students = Enrollment.objects.filter(batch__in=list(totals)).order_by().values_list("batch")
    for pk, count in students.annotate(Count("student", distinct=True)):
        totals[pk].students = count
    tuition = Charge.objects.active().filter(kind=ChargeKind.TUITION)
    for pk, amount in each(tuition, "enrollment__batch"):
        totals[pk].fee = amount
    conceded = Concession.objects.active().filter(charge__kind=ChargeKind.TUITION)
    for pk, amount in each(conceded, "charge__enrollment__batch"):
        totals[pk].conceded = amount
    for pk, amount in each(Payment.objects.active(), "enrollment__batch"):
        totals[pk].paid = amount
    for pk, amount in each(Refund.objects.all(), "payment__enrollment__batch"):
        totals[pk].paid -= amount
    return totals
