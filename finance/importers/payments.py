"""Enrollments and payments from other programs: no enrollment without its charge, no payment without its receipt."""

import collections
import hashlib
import itertools

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.importers.student_finder import StudentFinder, student_column
from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import financial_year
from coachmaster.core.importers import ImportColumn, Importer, normalised
from coachmaster.core.money import display
from coachmaster.core.text import folded
from finance.models import LiveReference, Mode, Payment, live_reference, normalised_reference
from finance.services.bulk_payments import BulkPayments
from finance.services.payment_limits import check_payment_date
from finance.services.payments import ReceivedMoney, build_payment

_MODES = {
    Mode.CASH: ["cash", "by cash"],
    Mode.CARD: ["card", "credit card", "debit card", "pos", "swipe", "card swipe"],
    Mode.UPI: ["upi", "gpay", "google pay", "g pay", "phonepe", "phone pe", "paytm", "bhim", "bhim upi", "qr", "qr code"],
    Mode.BANK_TRANSFER: ["bank transfer", "bank", "transfer", "neft", "imps", "rtgs", "net banking", "netbanking",
                         "online", "online transfer", "dd", "demand draft"],
    Mode.CHEQUE: ["cheque", "check", "chq", "by cheque"],
}  # fmt: skip


class ModeField(forms.CharField):
    """How money was received, in the words of fee registers."""

    known = {normalised(word): mode for mode, words in _MODES.items() for word in (mode, *words)}

    def to_python(self, value):
        try:
            return self.known[normalised(super().to_python(value))]
        except KeyError as error:
            raise ValidationError(
                "This way to pay is not known. Write cash, card, UPI, bank transfer or cheque."
            ) from error


class PaymentImporter(Importer):
    """Payments, known by their old receipt number, else by bank reference, else by student, day, mode and amount.

    They get receipt numbers of our own series, in order of date; more than is owed is kept as an advance.
    """

    noun = ("payment", "payments")
    model = Payment
    label_columns = ("student", "amount", "paid_on")
    columns = [
        student_column(),
        ImportColumn.of(Payment, "amount", "amount paid", "paid", "paid amount", "fee paid", "fees paid", "received",
                  "amount received"),
        ImportColumn.of(Payment, "paid_on", "date", "payment date", "date of payment", "receipt date", "received on"),
        ImportColumn("mode", ModeField(), "payment mode", "mode of payment", "method", "payment method", "paid by", "via"),
        ImportColumn.of(Payment, "reference", "ref", "reference no", "reference number", "utr", "utr no", "utr number",
                  "transaction id", "transaction no", "txn id", "upi ref", "upi reference", "cheque no", "cheque number",
                  is_code=True),
        ImportColumn.of(Payment, "cheque_on", "cheque date", "date of cheque"),
        ImportColumn("receipt_number", forms.CharField(max_length=60, required=False), "receipt", "receipt no",
               "old receipt number", "old receipt no", "bill no", "voucher no", is_code=True),
        ImportColumn.of(Payment, "notes", "note", "remarks", "remark", "comment", "comments", "narration"),
    ]  # fmt: skip

    def check(self, row):
        check_payment_date(row["paid_on"], timezone.localdate())

    def write(self, rows, result, advance):
        rows = list(rows)
        students = StudentFinder(row["student"] for row in rows)
        for row in rows:
            row["student"] = students.get(row, result)
        rows = sorted(
            (row for row in rows if row["student"]), key=lambda row: (row["paid_on"], row.line)
        )
        rows = self._new_ones(rows, result)
        receiving = BulkPayments(
            student_ids={row["student"] for row in rows},
            days={row["paid_on"] for row in rows},
            by=self.by,
        )
        for row in rows:
            row["number"] = receiving.reserve_number(row["paid_on"])
            result.add_created(row)
        rows.sort(key=lambda row: (row["student"], row["paid_on"], row.line))
        by_student = (
            list(lines) for _, lines in itertools.groupby(rows, key=lambda row: row["student"])
        )
        for chunk in in_chunks(by_student, 500):
            self._receive(list(itertools.chain.from_iterable(chunk)), receiving, result, advance)
        if result.is_valid:
            receiving.finish()

    def _receive(self, rows, receiving, result, advance):
        stand = receiving.statuses({row["student"] for row in rows})
        people = StudentProfile.objects.in_bulk(stand)
        payments = []
        for row in rows:
            series, number = row["number"]
            try:
                payments.append(
                    build_payment(
                        student=people[row["student"]],
                        received=ReceivedMoney(
                            amount=row["amount"],
                            paid_on=row["paid_on"],
                            mode=row["mode"],
                            reference=row.get("reference", ""),
                            cheque_on=row.get("cheque_on", row["paid_on"]),
                            notes=_notes(row),
                            token=row["token"],
                        ),
                        series=series,
                        number=number,
                        status=stand[row["student"]],
                        letterhead=receiving.letterhead,
                        by=receiving.by,
                    )
                )
            except ValidationError as error:
                result.add_errors(row, error, "student")
            else:
                stand[row["student"]] = stand[row["student"]].after(row["amount"])
        if result.is_valid:
            receiving.write(payments)
            result.created_ids += [payment.pk for payment in payments]
        advance(len(rows))

    def _new_ones(self, rows, result):
        """The rows that were not brought in before; what is there twice, or with other content, is refused."""
        new, lines, alike = [], {}, collections.Counter()
        for chunk in in_chunks(rows):
            for row in chunk:
                payment = Payment(
                    student_id=row["student"], mode=row["mode"], reference=row.get("reference", "")
                )
                row["kept"] = live_reference(payment)
                row["token"] = _token(row, alike)
            before = {
                p.token: p
                for p in Payment.objects.filter(token__in=[row["token"] for row in chunk])
            }
            taken = LiveReference.objects.select_related("payment").in_bulk(
                {row["kept"] for row in chunk}
            )
            for row in chunk:
                if first := lines.get(row["token"]):
                    result.add_error(
                        row,
                        "receipt_number",
                        f"Row {first} has this receipt number too. Give each its own.",
                    )
                elif first := row["kept"] and lines.get(("reference", row["kept"])):
                    result.add_error(
                        row,
                        "reference",
                        f"Row {first} has this reference too. Correct one of them.",
                    )
                elif earlier := before.get(row["token"]):
                    self._compare(row, earlier, result)
                elif other := taken.get(row["kept"]):
                    result.add_error(
                        row,
                        "reference",
                        f"Receipt {other.payment} has this reference already. Check the row.",
                    )
                else:
                    new.append(row)
                lines.setdefault(row["token"], row.line)
                if row["kept"]:
                    lines.setdefault(("reference", row["kept"]), row.line)
        return new

    def _compare(self, row, earlier, result):
        """Count a row that was brought in before, or refuse it when it says something else now."""
        then = (
            earlier.student_id,
            earlier.amount,
            earlier.paid_on,
            earlier.mode,
            normalised_reference(earlier.reference),
        )
        now = (
            row["student"],
            row["amount"],
            row["paid_on"],
            row["mode"],
            normalised_reference(row.get("reference", "")),
        )
        if then == now:
            result.unchanged += 1
        else:
            result.add_error(
                row,
                "receipt_number",
                f"This was brought in before as {earlier} with other content ({display(earlier.amount)}). "
                "A payment is never changed: void that one and record it anew, or correct the row.",
            )


def _token(row, alike):
    """What a payment is known by, so that it is brought in once; ``alike`` counts those that differ in nothing."""
    year = financial_year(row["paid_on"])  # receipt books begin anew each year
    if "receipt_number" in row:
        token = f"import:{year}:{folded(row['receipt_number'])}"
    elif row["kept"]:
        token = f"import-ref:{row['kept']}"
    else:
        token = f"import-row:{row['student']}:{row['paid_on']}:{row['amount']}:{row['mode']}"
        alike[token] += 1
        token = f"{token}:{alike[token]}"
    return (
        token if len(token) <= 64 else f"import#{hashlib.sha256(token.encode()).hexdigest()[:57]}"
    )


def _notes(row):
    old = f"Old receipt: {row['receipt_number']}" if "receipt_number" in row else ""
    return "\n".join(filter(None, [row.get("notes", ""), old]))
