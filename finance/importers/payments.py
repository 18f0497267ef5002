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
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.core.text import folded
from finance.models import (
    BulkActionRow,
    LiveReference,
    Mode,
    Payment,
    live_reference,
    normalised_reference,
)
from finance.services.bulk_payments import BulkPayments
from finance.services.payment_limits import check_limits, check_payment_date
from finance.services.payments import ReceivedMoney, build_payment, check_proof

_MODES = {
    Mode.CASH: ["cash", "by cash"],
    Mode.CARD: ["card", "credit card", "debit card", "pos", "swipe", "card swipe"],
    Mode.UPI: [
        "upi", "gpay", "google pay", "g pay", "phonepe", "phone pe", "paytm", "bhim", "bhim upi",
        "qr", "qr code",
    ],
    Mode.BANK_TRANSFER: [
        "bank transfer", "bank", "transfer", "neft", "imps", "rtgs", "net banking", "netbanking",
        "online", "online transfer", "dd", "demand draft",
    ],
    Mode.CHEQUE: ["cheque", "check", "chq", "by cheque"],
}  # fmt: skip


class ModeField(forms.CharField):
    known = {normalised(word): mode for mode, words in _MODES.items() for word in (mode, *words)}

    def to_python(self, value):
        try:
            return self.known[normalised(super().to_python(value))]
        except KeyError as error:
            raise ValidationError(
                "This mode of payment is not known. Write cash, card, UPI, bank transfer or cheque."
            ) from error


#: Permissions to import payments without the limits of the payment page.
TAKES_OVER_OLD_BOOKS = (SEE_WHOLE_INSTITUTE, "finance.change_receiptseries")


class PaymentImporter(Importer):
    """Payments are identified by receipt number, else reference, else student, date and amount.

    The limits of the payment page hold, and cheques wait for the bank as there. Neither does for
    old books: imports at a shell, and by people who set where receipts start.
    """

    noun = ("payment", "payments")
    model = Payment
    label_columns = ("student", "amount", "paid_on")
    add_permissions = ("finance.add_payment",)
    columns = [
        student_column(),
        ImportColumn.of(
            Payment, "amount", "amount paid", "paid", "paid amount", "fee paid", "fees paid",
            "received", "amount received",
        ),
        ImportColumn.of(
            Payment, "paid_on", "date", "payment date", "date of payment", "receipt date",
            "received on",
        ),
        ImportColumn(
            "mode", ModeField(), "payment mode", "mode of payment", "method", "payment method",
            "paid by", "via",
        ),
        ImportColumn.of(
            Payment, "reference", "ref", "reference no", "reference number", "utr", "utr no",
            "utr number", "transaction id", "transaction no", "txn id", "upi ref",
            "upi reference", "cheque no", "cheque number", is_code=True,
        ),
        ImportColumn.of(Payment, "cheque_on", "cheque date", "date of cheque"),
        ImportColumn(
            "receipt_number", forms.CharField(max_length=60, required=False), "receipt",
            "receipt no", "old receipt number", "old receipt no", "bill no", "voucher no",
            is_code=True,
        ),
        ImportColumn.of(
            Payment, "notes", "note", "remarks", "remark", "comment", "comments", "narration"
        ),
    ]  # fmt: skip

    @property
    def is_of_old_books(self):
        return self.by is None or self.by.has_perms(TAKES_OVER_OLD_BOOKS)

    def _named_payments(self):
        """Return the payments that messages may name."""
        payments = self.visible(Payment.objects.all())
        may_see = self.by is None or self.by.has_perm("finance.view_payment")
        return payments if may_see else payments.none()

    def check(self, row):
        check_payment_date(row["paid_on"], timezone.localdate())

    def write(self, rows, result, advance):
        rows = list(rows)
        students = StudentFinder(
            (row["student"] for row in rows), self.visible(StudentProfile.objects.all())
        )
        for row in rows:
            row["student"] = students.get(row, result)
        rows = [row for row in rows if row["student"]]
        rows.sort(key=lambda row: (row["paid_on"], row.line))
        rows = _NewPayments(result, self._named_payments()).select(rows)
        bulk = BulkPayments(
            student_ids={row["student"] for row in rows},
            days={row["paid_on"] for row in rows},
            by=self.by,
            old_books=self.is_of_old_books,
        )
        self._active = None if self.is_of_old_books else bulk.active_payments()
        for row in rows:
            row["number"] = bulk.reserve_number(row["paid_on"])
            result.add_created(row)
            result.add_amount("Payments", row["amount"])
        rows.sort(key=lambda row: (row["student"], row["paid_on"], row.line))
        by_student = (
            list(payments)
            for _, payments in itertools.groupby(rows, key=lambda row: row["student"])
        )
        for chunk in in_chunks(by_student, 500):
            self._write_chunk(list(itertools.chain.from_iterable(chunk)), bulk, result, advance)
        if result.is_valid:
            bulk.finish()

    def _write_chunk(self, rows, bulk, result, advance):
        statuses = bulk.statuses({row["student"] for row in rows})
        students = StudentProfile.objects.in_bulk(statuses)
        payments = []
        for row in rows:
            try:
                payment = self._payment(row, students[row["student"]], statuses, bulk)
            except ValidationError as error:
                result.add_errors(row, error, "student")
            else:
                payments.append(payment)
        if result.is_valid:
            bulk.write(payments)
            result.created_ids += [payment.pk for payment in payments]
        advance(len(rows))

    def _payment(self, row, student, statuses, bulk):
        series, number = row["number"]
        cheque_on = row.get("cheque_on", row["paid_on"])
        received = ReceivedMoney(
            amount=row["amount"],
            paid_on=row["paid_on"],
            mode=row["mode"],
            reference=row.get("reference", ""),
            cheque_on=cheque_on,
            notes=_notes(row),
            token=row["token"],
            has_cleared=bulk.has_cleared(cheque_on),
        )
        payment = build_payment(
            student=student,
            received=received,
            series=series,
            number=number,
            status=statuses[student.pk],
            letterhead=bulk.letterhead,
            by=bulk.by,
        )
        if self._active is not None:
            check_proof(received)
            check_limits(payment, self._active[student.pk], bulk.today, bulk.institute)
            self._active[student.pk].append(payment)
        statuses[student.pk] = statuses[student.pk].after(
            payment.amount, is_cleared=received.is_cleared
        )
        return payment


class _NewPayments:
    """Selects the rows that are not imported yet, and sets their ``token``."""

    def __init__(self, result, visible):
        self._result = result
        self._visible = visible
        self._lines: dict = {}
        self._same = collections.Counter()

    def select(self, rows):
        new = []
        for chunk in in_chunks(rows):
            for row in chunk:
                payment = Payment(
                    student_id=row["student"], mode=row["mode"], reference=row.get("reference", "")
                )
                row["live_reference"] = live_reference(payment)
                row["token"] = self._token(row)
            imported = _imported_payments(chunk)
            references = LiveReference.objects.select_related("payment").in_bulk(
                {row["live_reference"] for row in chunk}
            )
            new += [row for row in chunk if self._is_new(row, imported, references)]
        return new

    def _is_new(self, row, imported, references):
        token, reference, lines = row["token"], row["live_reference"], self._lines
        column, sentence = "", ""
        if first := lines.get(token):
            column = "receipt_number"
            sentence = f"Row {first} has this receipt number too. Give each its own."
        elif first := reference and lines.get(("reference", reference)):
            column = "reference"
            sentence = f"Row {first} has this reference too. Correct one of them."
        elif payment := imported.get(token):
            self._compare(row, payment)
        elif other := references.get(reference):
            column = "reference"
            is_visible = self._visible.filter(pk=other.payment.pk).exists()
            receipt = f"Receipt {other.payment}" if is_visible else "Another receipt"
            sentence = f"{receipt} has this reference already. Check the row."
        is_new = not sentence and token not in imported
        if sentence:
            self._result.add_error(row, column, sentence)
        lines.setdefault(token, row.line)
        if reference:
            lines.setdefault(("reference", reference), row.line)
        return is_new

    def _compare(self, row, payment):
        stored = (
            payment.student_id,
            payment.amount,
            payment.paid_on,
            payment.mode,
            normalised_reference(payment.reference),
        )
        in_file = (
            row["student"],
            row["amount"],
            row["paid_on"],
            row["mode"],
            normalised_reference(row.get("reference", "")),
        )
        if stored == in_file:
            self._result.unchanged += 1
            return
        if self._visible.filter(pk=payment.pk).exists():
            earlier = f"as {payment} with other content ({display(payment.amount)})"
        elif payment.student_id == row["student"]:
            earlier = "with other content"
        else:
            earlier = "for another student"
        self._result.add_error(
            row,
            "receipt_number",
            f"This was imported before {earlier}. A payment is never changed: cancel that receipt "
            "and record it again, or correct the row.",
        )

    def _token(self, row):
        if "receipt_number" in row:
            year = financial_year(row["paid_on"])  # receipt books start anew each year
            token = f"import:{year}:{folded(row['receipt_number'])}"
        elif row["live_reference"]:
            token = f"import-ref:{row['live_reference']}"
        else:
            token = f"import-row:{row['student']}:{row['paid_on']}:{row['amount']}:{row['mode']}"
            self._same[token] += 1
            token = f"{token}:{self._same[token]}"
        return _short(token)


def _short(token):
    if len(token) <= 64:
        return token
    return f"import#{hashlib.sha256(token.encode()).hexdigest()[:57]}"


def _imported_payments(rows):
    """Return ``{token: payment}`` of the rows imported before.

    A payment whose import was undone keeps its token, so its row gets the next one.
    """
    imported, first_tokens = {}, {row.line: row["token"] for row in rows}
    attempt = 1
    while rows:
        payments = Payment.objects.filter(token__in=[row["token"] for row in rows])
        ids = [payment.pk for payment in payments]
        undone = BulkActionRow.objects.undone(Payment).filter(object_id__in=ids)
        undone = set(undone.values_list("object_id", flat=True)) if ids else set()
        imported |= {payment.token: payment for payment in payments if payment.pk not in undone}
        used = {payment.token for payment in payments if payment.pk in undone}
        rows = [row for row in rows if row["token"] in used]
        attempt += 1
        for row in rows:
            row["token"] = _short(f"{first_tokens[row.line]}~{attempt}")
    return imported


def _notes(row):
    old = f"Old receipt: {row['receipt_number']}" if "receipt_number" in row else ""
    return "\n".join(filter(None, [row.get("notes", ""), old]))
