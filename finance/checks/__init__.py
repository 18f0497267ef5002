"""Checks in plain Python, so that an error in the queries of the pages is found.

Tables are read with `iterator`, a part at a time.
"""

from .actions import bulk_actions, undone_actions
from .day_book import day_closes, drawers
from .fees import (
    balances,
    concessions,
    day_totals,
    enrollments,
    late_fees,
    open_charges,
    seats,
    tuition,
)
from .receipts import (
    cheques,
    logos,
    receipt_numbers,
    references,
    refunds,
    reversals,
    settlements,
    taxes,
    tokens,
)

CHECKS = [
    receipt_numbers,
    reversals,
    cheques,
    balances,
    open_charges,
    day_totals,
    tokens,
    references,
    settlements,
    taxes,
    logos,
    seats,
    enrollments,
    tuition,
    drawers,
    day_closes,
    concessions,
    refunds,
    late_fees,
    bulk_actions,
    undone_actions,
]


def find_problems():
    for check in CHECKS:
        yield from check()
