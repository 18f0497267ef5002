from .approval_limits import ApprovalLimit
from .bulk_actions import BulkAction, BulkActionKind, BulkActionRow
from .charges import Charge, ChargeKind
from .cheques import ChequeClearing, ChequeDeposit
from .concessions import Concession, ConcessionKind
from .day_closes import DayClose
from .fee_plans import FeePlan, FeePlanPart
from .late_fee_rules import LateFeeRule
from .modes import Mode
from .payments import LiveReference, Payment, PaymentQuerySet, live_reference, normalised_reference
from .prepared_late_fees import PreparedLateFees
from .querysets import sum_of
from .receipts import (
    Letterhead,
    ReceiptPrint,
    ReceiptSeries,
)
from .refunds import Refund
from .reminders import FeeReminder
from .reversals import Reversal
from .totals import Account, DayTotal
