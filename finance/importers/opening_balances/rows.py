from coachmaster.core.importers import ImportRow

DEFAULT_REASON = "As agreed before CoachMaster"


class OpeningBalance(ImportRow):
    """A row of the file, completed, with the records that it becomes."""

    __slots__ = ("batch", "changes", "enrollment", "filled", "is_new", "student")

    def __init__(self, row, batch, today):
        super().__init__(row.line, row, row.defaulted)
        self.batch = batch
        #: The columns with a value of the file.
        self.filled = frozenset(row) - frozenset(row.defaulted)
        self.student = self.enrollment = None
        self.is_new = False
        self.changes = {}
        self.setdefault("enrolled_on", batch.starts_on)
        self.setdefault("agreed_fee", batch.course.total_fee)
        self.setdefault("paid_on", min(self["enrolled_on"], today))

    @property
    def key(self):
        return self.student.pk, self.batch.pk

    @property
    def reason(self):
        return self.get("concession_reason") or DEFAULT_REASON

    @property
    def notes(self):
        """Return the notes of the opening payment."""
        numbers = self.get("receipt_numbers", "")
        old_receipts = f" Old receipts: {numbers}" if numbers else ""
        return f"Paid before CoachMaster.{old_receipts}"
