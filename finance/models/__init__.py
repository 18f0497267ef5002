from .charges import Charge, ChargeKind, ChargeQuerySet
from .concessions import Concession, ConcessionKind, ConcessionQuerySet
from .day_closes import DayClose
from .fee_plans import FeePlan, FeePlanPart, FeePlanPartQuerySet
from .late_fee_rules import LateFeeRule
from .modes import Mode
from .payments import LiveReference, Payment, PaymentQuerySet, live_reference, normalised_reference
from .querysets import DIGITS, OwnRowsQuerySet, sum_of
from .receipts import (
    Letterhead,
    LetterheadManager,
    ReceiptPrint,
    ReceiptSeries,
    institute_with_letterhead,
)
from .refunds import Refund, RefundQuerySet
from .reminders import FeeReminder
from .reversals import Reversal
from .totals import Account, AccountQuerySet, DayTotal
