from django.db import models


class Mode(models.TextChoices):
    CASH = "cash", "Cash"
    CARD = "card", "Card"
    UPI = "upi", "UPI"
    BANK_TRANSFER = "bank_transfer", "Bank transfer"
    CHEQUE = "cheque", "Cheque"

    @property
    def needs_reference(self):
        return self in (Mode.UPI, Mode.BANK_TRANSFER, Mode.CHEQUE)
