"""Import of a workbook with a row for each student: the agreed fee and what was paid so far.

Opening payments have their own receipt series, OP. A row that is imported again with more paid
adds the difference.
"""

from finance.importers.opening_balances.importer import OpeningBalanceImporter

__all__ = ["OpeningBalanceImporter"]
