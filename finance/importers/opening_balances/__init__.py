"""Import of a workbook with a row for each student: the agreed fee and what was paid so far.

Creates the person, the enrollment with installments and concession, and an opening payment, by
the rules of the other imports. Opening payments have their own receipt series, OP, so that the
receipts of the fee desk start at their own number. If a row is imported again with more paid, the
difference is added.
"""

from finance.importers.opening_balances.importer import OpeningBalanceImporter

__all__ = ["OpeningBalanceImporter"]
