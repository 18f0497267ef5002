"""Find students by what the desk has at hand: a name, phone, admission or receipt number, …

Receipts and bank references need the permission to see payments, email addresses that to see
people. Guardians are shown to those who see enrollments.
"""

from dataclasses import dataclass
from functools import cached_property

from django.core.exceptions import ValidationError
from django.db.models import Case, IntegerField, Q, Value, When

from accounts.models import StudentProfile, User, matching_words
from accounts.roles import sees_whole_institute
from coachmaster.core.phones import clean_phone, display_phone
from coachmaster.core.text import folded
from finance.models import Payment, ReceiptSeries, normalised_reference

#: More receipts or references are found, but not listed before other matches.
MAX_FIRST = 200
#: The digits of a receipt number in the database.
MAX_DIGITS = 7


@dataclass(frozen=True)
class Hit:
    """A student, why they were found, and the payment by which they were."""

    person: User
    reason: str
    payment: Payment | None = None

    @property
    def other_phone(self):
        """The phone number, to tell namesakes apart, if the reason does not name it."""
        phone = display_phone(self.person.phone)
        return "" if phone in self.reason else phone


class StudentSearch:
    def __init__(self, user, text):
        self.user, self.text = user, " ".join(text.split())
        self.sees_payments = user.has_perm("finance.view_payment")
        self.sees_emails = user.has_perm("accounts.view_user")
        self.sees_guardians = user.has_perm("academics.view_enrollment")

    @cached_property
    def found(self):
        """The students, with ``rank``: lower ones are better matches."""
        students = User.objects.visible_to(self.user).filter(student_profile__isnull=False)
        if not self.text:
            return students.none().annotate(rank=Value(0))
        matching = self._matching_words()
        if sees_whole_institute(self.user):
            # One scan of the table, whatever the order.
            matching = Q(pk__in=User.objects.order_by().filter(matching).values("pk"))
        students = students.filter(
            matching
            | Q(pk__in=self._first_ids)
            | Q(pk__in=self._receipts_by_part.values("student"))
        )
        return students.select_related("student_profile").annotate(rank=self._rank())

    def exact_match(self):
        """Return the only student with exactly this admission number, receipt or reference."""
        if len(self._exact_ids) != 1:
            return None
        return User.objects.visible_to(self.user).filter(pk__in=self._exact_ids).first()

    def is_exact(self, person):
        """Return whether the text is the phone number or name of the only student found."""
        phones = [person.phone, person.student_profile.guardian_phone]
        is_phone = bool(self._phone) and self._phone in phones
        return not self._exact_ids and (is_phone or folded(person.full_name) == folded(self.text))

    def hits(self, students):
        """Return a Hit of each student, with one query for their payments."""
        payments = self._payments_of([person.pk for person in students])
        return [self._hit(person, payments.get(person.pk)) for person in students]

    # Words ----------------------------------------------------------------------------------------

    @cached_property
    def _phone(self):
        """The text as a phone number is stored, or ""."""
        try:
            return clean_phone(self.text)
        except ValidationError:
            return ""

    def _matching_words(self):
        matching = matching_words(self.text, by_email=self.sees_emails)
        return matching | Q(search_text__contains=self._phone) if self._phone else matching

    def _rank(self):
        in_name = Q()
        for word in self.text.split():
            in_name &= Q(full_name__icontains=word)
        return Case(
            When(pk__in=self._first_ids, then=0),
            When(student_profile__admission_number__icontains=self.text, then=1),
            When(in_name, then=2),
            default=3,
            output_field=IntegerField(),
        )

    # Receipts and references ----------------------------------------------------------------------

    @property
    def _visible_payments(self):
        payments = Payment.objects.visible_to(self.user)
        return payments if self.sees_payments else payments.none()

    @cached_property
    def _payments(self):
        """The payments by number or reference, as ``{payment: reason}``."""
        if not self.sees_payments:
            return {}
        found = {}
        if self.text.isascii() and self.text.isdigit() and len(self.text) <= MAX_DIGITS:
            series = ReceiptSeries.objects.exclude(kind=ReceiptSeries.Kind.REFUND)
            numbered = self._visible_payments.filter(series__in=series, number=int(self.text))
            found |= {payment: f"receipt {payment}" for payment in numbered}
        for payment in self._visible_payments.with_reference(self.text):
            found.setdefault(payment, f"reference {payment.reference}")
        return found

    @cached_property
    def _first_ids(self):
        """The students with an exact number or a reference, the best matches."""
        return list(dict.fromkeys([*self._exact_ids, *(p.student_id for p in self._payments)]))[
            :MAX_FIRST
        ]

    @cached_property
    def _receipts_by_part(self):
        _, slash, digits = self.text.rpartition("/")
        if not (slash and digits.isdigit()):
            return Payment.objects.none()
        return self._visible_payments.with_receipt_number(self.text)

    @cached_property
    def _exact_ids(self):
        """The students whose admission number, receipt or reference is the text."""
        students = StudentProfile.objects.visible_to(self.user).numbered([self.text])
        ids = set(students.values_list("pk", flat=True))
        receipts = self._visible_payments.filter(receipt_number=self.text.upper())
        ids.update(receipts.values_list("student", flat=True))
        reference = normalised_reference(self.text)
        ids.update(
            payment.student_id
            for payment, reason in self._payments.items()
            if reason.startswith("reference")
            and normalised_reference(payment.reference) == reference
        )
        return ids

    def _payments_of(self, ids):
        found = {}
        receipts = self._receipts_by_part.filter(student__in=ids).order_by("-paid_on", "-pk")
        for payment in receipts[:MAX_FIRST]:
            found.setdefault(payment.student_id, (payment, f"receipt {payment}"))
        for payment, reason in self._payments.items():
            found.setdefault(payment.student_id, (payment, reason))
        return found

    # Reasons --------------------------------------------------------------------------------------

    def _hit(self, person, payment_and_reason):
        is_admission_number = folded(person.student_profile.admission_number) == folded(self.text)
        if payment_and_reason and not is_admission_number:
            payment, reason = payment_and_reason
            return Hit(person, reason, payment)
        return Hit(person, self._reason(person))

    def _reason(self, person):
        words, parts = folded(self.text).split(), []
        for label, value, shown in self._fields(person):
            here = [word for word in words if word in folded(value)]
            if not here and self._phone and value == self._phone:
                here = words
            if here:
                parts.append(f"{label} {shown}".strip())
                words = [word for word in words if word not in here]
            if not words:
                break
        return ", ".join(parts)

    def _fields(self, person):
        profile = person.student_profile
        yield "name", person.full_name, ""
        yield "admission number", profile.admission_number, ""
        yield "phone", person.phone, display_phone(person.phone)
        name, phone = profile.guardian_name, profile.guardian_phone
        yield "guardian", name, name if self.sees_guardians else ""
        yield "guardian’s phone", phone, display_phone(phone) if self.sees_guardians else ""
        if self.sees_emails:
            yield "email", person.email, person.email
