"""Printing receipts: the first paper is the original, every later one says "Duplicate"."""

from django.db import transaction

from finance.locks import lock_account
from finance.models import ReceiptPrint


@transaction.atomic
def record_print(payment, *, by):
    """Note that ``by`` prints the receipt of ``payment``, as a PDF or from its page; returns the number of the copy.

    Of two that print at once, one has the original.
    """
    lock_account(payment.student_id)
    copy = payment.prints.count() + 1
    ReceiptPrint.objects.create(payment=payment, copy=copy, printed_by=by)
    return copy
