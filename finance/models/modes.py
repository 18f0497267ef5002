from django.db import models


class Mode(models.TextChoices):
    """How money was received."""

    CASH = "cash", "Cash"
    CARD = "card", "Card"
    UPI = "upi", "UPI"
    BANK_TRANSFER = "bank_transfer", "Bank transfer"
    CHEQUE = "cheque", "Cheque"

    @property
    def needs_reference(self):
        """Whether such a payment has a number that proves it: of the bank, or of the cheque."""
        return self in (Mode.UPI, Mode.BANK_TRANSFER, Mode.CHEQUE)
