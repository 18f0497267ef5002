from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import financial_year_label
from coachmaster.core.querysets import owned_through
from finance.gst import place_of_supply

#: The digits of a receipt number. The column has room for two more.
DIGITS = 5


class ReceiptSeries(models.Model):
    """The receipt numbers of a financial year (April to March).

    They are consecutive, unique and have at most 16 characters (CGST Rules, rule 46(b)).
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", "Receipts"
        REFUND = "refund", "Refund vouchers"
        OPENING = "opening", "Opening payments"

        @property
        def prefix(self):
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

    #: The last day closed by the cashier: see `locks.lock_entry`.
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
        """Format a receipt number: `CM/26-27/00042`."""
        return f"{self}/{count:0{DIGITS}d}"


@compiled  # 1.2 to 0.2 ms, with each payment and refund
def institute_with_letterhead():
    same = Letterhead.objects.filter(**{name: OuterRef(name) for name in Letterhead.FIELDS})
    return Institute.objects.annotate(letterhead=same.values("pk")[:1]).filter(pk=Institute.ONLY)


class LetterheadManager(models.Manager):
    def current(self):
        """Return the institute and its letterhead; create one if the institute has changed."""
        (institute,) = institute_with_letterhead()
        values = {name: getattr(institute, name) for name in Letterhead.FIELDS}
        if institute.letterhead is None:
            return institute, self.get_or_create(**values)[0]
        return institute, Letterhead(pk=institute.letterhead, **values)


class Letterhead(models.Model):
    """The institute as printed on receipts. Append-only, so that a receipt does not change."""

    FIELDS = ["name", "address", "phone", "email", "gstin", "state", "gst_percent", "logo"]

    name = models.CharField(max_length=120)
    address = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    email = models.CharField(max_length=254, blank=True)
    gstin = models.CharField("GSTIN", max_length=15, blank=True)
    state = models.CharField(max_length=2, blank=True)
    gst_percent = models.DecimalField("GST rate (%)", max_digits=4, decimal_places=2)
    #: The digest of a Logo; "" without one.
    logo = models.CharField(max_length=64, blank=True)

    objects = LetterheadManager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("name", "address", "phone", "email", "gstin", "state", "gst_percent"),
                    "logo",
                ],
                name="letterhead_unique",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def home(self):
        return self.state or self.gstin[:2]

    def place_of_supply(self, student):
        """Return the code of a state; "" without GST."""
        return place_of_supply(student.state, self.home) if self.gstin else ""


class ReceiptPrint(models.Model):
    """A copy of a receipt. Copies after the first are marked "Duplicate"."""

    payment = models.ForeignKey("finance.Payment", on_delete=models.PROTECT, related_name="prints")
    copy = models.PositiveIntegerField(help_text="1 is the original.")
    printed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    printed_at = models.DateTimeField(default=timezone.now)

    objects = owned_through("payment")

    class Meta:
        ordering = ["payment", "copy"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "copy"], name="receipt_print_copy_unique"),
            models.CheckConstraint(condition=Q(copy__gte=1), name="receipt_print_copy_from_one"),
        ]

    def __str__(self):
        return f"{self.payment}, copy {self.copy}"
