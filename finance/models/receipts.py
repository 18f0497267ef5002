from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import financial_year_label
from finance.gst import place_of_supply

from .querysets import DIGITS


class ReceiptSeries(models.Model):
    """The receipt numbers of one financial year (April to March), and the last one used.

    Numbers are consecutive, as rule 46(b) of the CGST Rules asks of invoices: at most 16 characters, unique for a
    financial year.
    """

    class Kind(models.TextChoices):
        """What the numbers stand on."""

        RECEIPT = "receipt", "Receipts"
        REFUND = "refund", "Refund vouchers"
        OPENING = "opening", "Opening payments"

        @property
        def prefix(self):
            """What its numbers begin with; of receipts the institute says it."""
            return {"refund": "RV", "opening": "OP"}.get(self.value, "")

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RECEIPT)
    year = models.PositiveSmallIntegerField(
        help_text="The year in which the financial year begins."
    )
    prefix = models.CharField(max_length=4)
    first_number = models.PositiveIntegerField(
        default=1, help_text="Set once, before the first receipt of the year."
    )
    last_number = models.PositiveIntegerField(default=0)

    #: The last day that whoever makes an entry has closed, where `locks.lock_entry` has asked.
    last_closed = None

    class Meta:
        verbose_name_plural = "receipt series"
        ordering = ["-year", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "year"], name="series_one_a_year"),
        ]

    def __str__(self):
        return f"{self.prefix}/{financial_year_label(self.year)}"

    def number(self, count):
        """The receipt number with that count: `CM/26-27/00042`."""
        return f"{self}/{count:0{DIGITS}d}"


@compiled  # 1.2 to 0.2 ms, with each payment and refund
def institute_with_letterhead():
    same = Letterhead.objects.filter(**{name: OuterRef(name) for name in Letterhead.FIELDS})
    return Institute.objects.annotate(letterhead=same.values("pk")[:1]).filter(pk=Institute.ONLY)


class LetterheadManager(models.Manager):
    def current(self):
        """The institute as it is now and its letterhead, which is made when something of it has changed."""
        (institute,) = institute_with_letterhead()
        kept = {name: getattr(institute, name) for name in Letterhead.FIELDS}
        if institute.letterhead is None:
            return institute, self.get_or_create(**kept)[0]
        return institute, Letterhead(pk=institute.letterhead, **kept)


class Letterhead(models.Model):
    """The institute as receipts and vouchers show it: one row for each way it ever looked. Only ever added, so that a paper
    keeps the head, and a receipt the tax, that it was given with."""

    FIELDS = ["name", "address", "phone", "email", "gstin", "state", "gst_percent"]

    name = models.CharField(max_length=120)
    address = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    email = models.CharField(max_length=254, blank=True)
    gstin = models.CharField("GSTIN", max_length=15, blank=True)
    state = models.CharField(max_length=2, blank=True)
    gst_percent = models.DecimalField("GST rate (%)", max_digits=4, decimal_places=2)

    objects = LetterheadManager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "address", "phone", "email", "gstin", "state", "gst_percent"],
                name="letterhead_unique",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def home(self):
        """The state that the institute is registered in, by its code."""
        return self.state or self.gstin[:2]

    def place_of_supply(self, student):
        """The state whose tax is in what ``student`` pays: that on record for them, else the institute's; "" without tax."""
        return place_of_supply(student.state, self.home) if self.gstin else ""


class ReceiptPrint(models.Model):
    """One printing of a receipt, on paper or as a PDF. The first is the original, all others say "Duplicate"."""

    payment = models.ForeignKey("finance.Payment", on_delete=models.PROTECT, related_name="prints")
    copy = models.PositiveIntegerField(help_text="1 is the original.")
    printed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    printed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["payment", "copy"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "copy"], name="receipt_print_copy_unique"),
            models.CheckConstraint(condition=Q(copy__gte=1), name="receipt_print_copy_from_one"),
        ]

    def __str__(self):
        return f"{self.payment}, copy {self.copy}"
