"""Request data in, clean values out."""

import re
import secrets

from django import forms
from django.db.models import Q
from django.forms.models import ModelChoiceIterator
from django.utils.functional import cached_property

from accounts.forms.passwords import PasswordAgainMixin
from accounts.models import User
from coachmaster.core.dates import DayFormField
from coachmaster.core.forms import LARGEST_KEY, FilterForm, TickedField, show_refusal
from coachmaster.core.money import AmountField, display, plain
from coachmaster.core.text import LineFormField, LinesFormField

from .models import Mode, ReceiptSeries, Reversal
from .services import LooksDouble, MoreThanOwed, fee_after_transfer


class KeyField(forms.IntegerField):
    """The key of a row in an address."""

    def __init__(self, **kwargs):
        super().__init__(**{"required": False, "min_value": 1, "max_value": LARGEST_KEY, **kwargs})


class PickForm(forms.Form):
    """Which student a form at the desk is about, and the words to find one by."""

    student = KeyField()
    batch = KeyField()
    q = LineFormField(required=False, max_length=100)
    #: The words to find a batch by, where there are many.
    find = LineFormField(required=False, max_length=100)

    def value(self, name):
        """What the address says of ``name``; None or "" when nothing or nonsense."""
        self.is_valid()
        return self.cleaned_data.get(name)


class PaperForm(forms.Form):
    """On what paper a receipt is printed: A5 when nothing is said."""

    size = forms.ChoiceField(choices=[("a5", "A5"), ("a4", "A4")], required=False)

    def clean_size(self):
        """The paper, in the words of `documents.receipt_pdf`."""
        return self.cleaned_data["size"] or "a5"


# Payments -------------------------------------------------------------------------------------------------------


class PaymentForm(forms.Form):
    """Money received. The token is made once a form, so that sending it twice pays once."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)
    amount = AmountField(
        label="Amount (₹)",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "autofocus": True}),
    )
    mode = forms.ChoiceField(label="How it was paid", choices=Mode.choices, widget=forms.RadioSelect)
    reference = LineFormField(
        max_length=60,
        required=False,
        help_text="UPI and bank transfer: as the bank shows it. Cheque: its number. Card: the slip’s number, if you like.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    cheque_on = DayFormField(label="Date of the cheque", required=False)
    paid_on = DayFormField(label="Date")
    notes = LinesFormField(label="Note", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    as_advance = forms.BooleanField(label="Keep the rest as an advance", required=False)
    confirmed_double = forms.BooleanField(label="Record it again", required=False)

    #: The ticks are shown once a refusal has asked for them, and stay while the form does.
    asks_advance = asks_double = False

    @staticmethod
    def new_token():
        """192 random bits."""
        return secrets.token_urlsafe(24)

    def refuse(self, refusal):
        """Show why the payment was not taken, and the tick that takes it all the same, where there is one."""
        self.asks_advance = self["as_advance"].data or isinstance(refusal, MoreThanOwed)
        self.asks_double = self["confirmed_double"].data or isinstance(refusal, LooksDouble)
        show_refusal(self, refusal)

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has lost its one-time token. Open the payment form again.")
        return super().clean()


class VoidForm(PasswordAgainMixin, forms.Form):
    """Why a payment is voided; with the password again when it was typed a while ago."""

    reason = LineFormField(
        max_length=200,
        label="Reason",
        help_text="It stays on the receipt, with your name and the time.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class BounceForm(PasswordAgainMixin, forms.Form):
    """A cheque came back from the bank; with the password again when it was typed a while ago."""

    bounced_on = DayFormField(label="Returned by the bank on")
    reason = LineFormField(
        max_length=200, label="Reason", help_text="As the bank’s memo says, like “Funds insufficient”."
    )
    charge = AmountField(
        label="Charge for it (₹)", allow_zero=True, required=False, help_text="0 or empty: nothing is charged."
    )


class PaymentFilter(FilterForm):
    """The filters of the list of payments."""

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student or receipt"
        self._add("from", DayFormField(label="From"))
        self._add("to", DayFormField(label="To"))
        self._add("mode", forms.ChoiceField(label="Mode", choices=[("", "All modes"), *Mode.choices]))
        self._add(
            "state",
            forms.ChoiceField(label="State", choices=[("", "All"), ("standing", "Standing"), ("void", "Void")]),
        )

    def _add(self, name, field):
        """`from` cannot be declared: it is a word of Python."""
        field.required = False
        field.widget.attrs["class"] = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
        self.fields[name] = field

    def _of_days_and_mode(self, rows):
        """``rows`` (payments or day totals) of the days and the mode that were asked for."""
        if first := self.value("from"):
            rows = rows.filter(paid_on__gte=first)
        if last := self.value("to"):
            rows = rows.filter(paid_on__lte=last)
        if mode := self.value("mode"):
            rows = rows.filter(mode=mode)
        return rows

    def filter(self, payments):
        """The payments that were asked for."""
        payments = self._of_days_and_mode(payments)
        if words := self.value("q"):
            payments = payments.numbered(words) if "/" in words else payments.filter(self._named(words))
        if state := self.value("state"):
            voided = Q(pk__in=Reversal.objects.values("payment"))  # few, and not looked for among all
            payments = payments.filter(voided) if state == "void" else payments.live()
        return payments

    def filter_days(self, day_totals):
        """The day totals that add up to the same payments that stand, or None when only the payments can tell."""
        return None if self.value("q") or self.value("state") == "void" else self._of_days_and_mode(day_totals)

    @property
    def shows_void(self):
        """Whether only voided payments are asked for."""
        return self.value("state") == "void"

    @staticmethod
    def _named(words):
        """By the student, or by the count of a receipt number."""
        by_student = Q(student__in=User.objects.order_by().matching(words).values("pk"))
        if words.isascii() and words.isdigit() and len(words) <= 7:
            numbers = [series.number(int(words)) for series in ReceiptSeries.objects.all()]
            return by_student | Q(receipt_number__in=numbers)
        return by_student


# Enrollments ----------------------------------------------------------------------------------------------------


class BatchSelect(forms.Select):
    """Batches with the fee of each, so that a script can offer it."""

    fee_of = staticmethod(lambda batch: batch.course.total_fee)

    def __init__(self, attrs=None, choices=()):
        super().__init__({"class": "form-select", **(attrs or {})}, choices)

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if batch := getattr(value, "instance", None):
            option["attrs"]["data-fee"] = plain(self.fee_of(batch))
        return option


class Offered(ModelChoiceIterator):
    """The batches that a `BatchChoice` offers, and none yet."""

    def __init__(self, field):
        self.field = field

    def __iter__(self):
        yield "", self.field.empty_label
        for batch in self.field.offered:
            yield self.choice(batch)


class BatchChoice(forms.ModelChoiceField):
    """A batch that goes on, with its times, fee and seats left. Of many the first that match ``words`` are offered, and the
    ``chosen`` one (a key); any can be chosen."""

    MOST = 100
    widget, iterator = BatchSelect, Offered

    def __init__(self, batches, *, words="", chosen=None, **kwargs):
        self.batches, self.words, self.chosen = batches.for_listing(), words, chosen
        super().__init__(self.batches, label="Batch", empty_label="Choose a batch", **kwargs)

    @cached_property
    def _found(self):
        return list(self.batches.search(self.words).order_by("name", "pk")[: self.MOST + 1])

    @property
    def asks_for_words(self):
        """Whether there are too many to offer all."""
        return bool(self.words) or len(self._found) > self.MOST

    @cached_property
    def offered(self):
        """The batches to choose from at once, by name."""
        found = self._found[: self.MOST]
        if self.chosen and self.chosen not in {batch.pk for batch in found}:
            found += self.batches.filter(pk=self.chosen)
        return found

    def label_from_instance(self, batch):
        fee = display(self.widget.fee_of(batch))
        parts = [str(batch), batch.class_times_text, seats(batch), fee, batch.course.name]
        return " · ".join(filter(None, parts))


def seats(batch):
    """How many seats a batch with its strength has left, in words; "" when it takes as many as come."""
    if batch.capacity is None:
        return ""
    left = max(batch.capacity - batch.strength, 0)
    return f"{left} of {batch.capacity} seats left" if left else f"FULL, all {batch.capacity} seats taken"


class EnrollForm(forms.Form):
    """A student joins a batch."""

    enrolled_on = DayFormField(label="From")
    agreed_fee = AmountField(
        label="Agreed fee (₹)",
        allow_zero=True,
        required=False,
        help_text="Left empty: the fee shown with the batch.",
    )
    fee_reason = LineFormField(
        label="Reason for a lower fee", max_length=200, required=False, help_text="Only when it is lowered."
    )
    plan = KeyField(label="How it is paid")
    despite_clash = forms.BooleanField(label="Enroll anyway", required=False)
    field_order = ["batch", "enrolled_on", "agreed_fee", "fee_reason"]

    def __init__(self, *args, batches, words="", **kwargs):
        super().__init__(*args, **kwargs)
        chosen = PickForm({"batch": self.data.get("batch") or self.initial.get("batch")}).value("batch")
        self.fields["batch"] = BatchChoice(batches, words=words or "", chosen=chosen)
        self.order_fields(self.field_order)


class TransferForm(EnrollForm):
    """A student moves to another batch."""

    plan = None  # what was open is paid on the dates it had
    despite_clash = forms.BooleanField(label="Move anyway", required=False)
    reason = LineFormField(label="Reason for the move", max_length=150, required=False)
    field_order = ["batch", "enrolled_on", "reason", "agreed_fee", "fee_reason"]

    def __init__(self, *args, enrollment, batches, **kwargs):
        self.enrollment = enrollment
        super().__init__(*args, batches=batches.exclude(pk=enrollment.batch_id), **kwargs)
        self.fields["batch"].widget.fee_of = lambda batch: fee_after_transfer(enrollment, batch)[0]
        self.fields["enrolled_on"].help_text = "The first day in the new batch."
        self.fields[
            "agreed_fee"
        ].help_text = "Left empty: the fee shown with the batch. Within a course what was agreed stays agreed."

    def clean(self):
        """The fee that was offered needs no new reason: it is left to the service, as when nothing was typed."""
        cleaned = super().clean()
        if cleaned.get("batch") and not cleaned.get("fee_reason"):
            offered, _ = fee_after_transfer(self.enrollment, cleaned["batch"])
            if cleaned.get("agreed_fee") == offered:
                cleaned["agreed_fee"] = None
        return cleaned


class EndForm(forms.Form):
    """A student's time in a batch ends."""

    ended_on = DayFormField(
        label="Not in the batch from", help_text="The first day without them; the day before was the last."
    )


class DropForm(EndForm):
    """A student leaves before the end. ``shown`` is the fee that was proposed on the page that was sent."""

    reason = LineFormField(label="Reason", max_length=100)
    fee_to_keep = AmountField(
        label="Another fee to keep (₹)", allow_zero=True, required=False, help_text="Left empty: what is proposed."
    )
    fee_reason = LineFormField(label="Reason for another fee", max_length=80, required=False)
    shown = AmountField(allow_zero=True, required=False, widget=forms.HiddenInput)

    def accepts(self, proposal):
        """Whether the fee to keep is the one proposed, or a reason says why not; otherwise the form says so."""
        kept = self.cleaned_data["fee_to_keep"]
        if kept in (None, proposal.keep) or self.cleaned_data["fee_reason"]:
            return True
        self.add_error("fee_reason", f"Say why it is not the {display(proposal.keep)} that is proposed.")
        return False

    def was_shown_another(self, proposal):
        """Whether the proposal is about to be taken, and is not the one that was on the page."""
        shown = self.cleaned_data.pop("shown")
        return self.cleaned_data["fee_to_keep"] is None and shown not in (None, proposal.keep)


class CompleteBatchForm(forms.Form):
    """The last day of a batch."""

    last_day = DayFormField(label="Last day", help_text="Everybody below completes it with this day.")


class PlanChoice(forms.ModelChoiceField):
    """One of the plans of a course, with its parts in words."""

    widget = forms.RadioSelect

    def label_from_instance(self, plan):
        parts = ", ".join(f"{part.share_words} {part.day_words}" for part in plan.parts.all())
        return f"{plan}: {parts}" if parts else str(plan)


class EnrollSeveralForm(forms.Form):
    """Students ticked in the list, and admission numbers pasted below it."""

    q = LineFormField(label="Find students", max_length=100, required=False)
    students = TickedField(queryset=None, required=False)
    numbers = LinesFormField(
        label="Or paste admission numbers",
        max_length=5000,
        required=False,
        help_text="Separated by spaces, commas or lines.",
    )
    enrolled_on = DayFormField(label="From")
    despite_clash = forms.BooleanField(label="Enroll them anyway", required=False)

    plan = PlanChoice(
        label="How it is paid", queryset=None, required=False, blank=True, empty_label="All at once", initial=""
    )

    def __init__(self, *args, students, plans, **kwargs):
        super().__init__(*args, **kwargs)
        self.everybody = self.fields["students"].queryset = students
        self.fields["plan"].queryset = plans

    def clean_numbers(self):
        """The students whose admission numbers were pasted."""
        numbers = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["numbers"].strip())))
        numbers = [number for number in numbers if number]
        found = {student.admission_number: student for student in self.everybody.filter(admission_number__in=numbers)}
        if unknown := [number for number in numbers if number not in found]:
            raise forms.ValidationError(f"No student has the admission number {', '.join(unknown[:20])}. Check it.")
        return list(found.values())

    def clean(self):
        cleaned = super().clean()
        if "students" in cleaned and "numbers" in cleaned:
            cleaned["chosen"] = list({s.pk: s for s in [*cleaned["students"], *cleaned["numbers"]]}.values())
            if not cleaned["chosen"]:
                self.add_error(None, "Tick the students to enroll, or paste their admission numbers.")
        return cleaned
