from django.db import transaction

from finance.locks import lock_account
from finance.models import ReceiptPrint

#: Of one receipt; students print theirs as often as they like.
MOST_RECORDED = 100


@transaction.atomic
def record_print(payment, *, by):
    """Return the number of the copy; 1 is the original. Copies after the hundredth have no row."""
    # The lock keeps two people from both getting the original.
    lock_account(payment.student_id)
    copy = payment.prints.count() + 1
    if copy <= MOST_RECORDED:
        ReceiptPrint.objects.create(payment=payment, copy=copy, printed_by=by)
    return copy
