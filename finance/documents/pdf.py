"""PDFs of receipts and fee statements, typeset by typst without any database query."""

import functools
import itertools
import json
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from coachmaster.core.dates import format_date
from coachmaster.core.images import png_as_svg
from coachmaster.core.money import ZERO, display, in_words
from coachmaster.core.qr import qr_svg
from finance.due_amounts import DueAmounts
from finance.gst import SAC

from .data import ReceiptData, StatementData, StatementTerm

_TEMPLATES = Path(__file__).parent / "typst"
_LOGO_MM = (45, 16)


def receipt_pdf(data: ReceiptData, *, paper: str = "a5") -> bytes:
    """Return the receipt on ``paper``: "a5" or "a4"."""
    if paper not in ("a5", "a4"):
        raise ValueError(f"Receipts are printed on A5 or A4, not on {paper}")
    return typeset("receipt", receipt_context(data, paper))


def statement_pdf(data: StatementData) -> bytes:
    return typeset("statement", statement_context(data))


def statement_pdfs(statements: Iterable[StatementData]) -> Iterator[tuple[str, bytes]]:
    """Yield the file name and PDF of each statement, typeset in threads, 50 at a time.

    ``statements`` is iterated in the caller's thread, since it queries the database.
    """
    remaining = iter(statements)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as threads:
        while chunk := list(itertools.islice(remaining, 50)):
            for data, pdf in zip(chunk, threads.map(statement_pdf, chunk), strict=True):
                yield f"statement-{safe_filename(data.admission_number)}.pdf", pdf


def safe_filename(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)


@functools.cache
def _fonts():
    """Load our own fonts only, so that documents look the same from every server."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(_TEMPLATES / "fonts")],
    )


_local = threading.local()


def typeset(template: str, context: dict[str, Any], **options: Any) -> bytes:
    """Render a template of `typst/`. The context is passed as data, never as markup."""
    # A compiler serves one thread at a time. It gets paths, since every template passed as bytes
    # uses up one of 65,535 file ids of the process.
    if not hasattr(_local, "compiler"):
        _local.compiler = typst.Compiler(root=str(_TEMPLATES), font_paths=_fonts())
    return _local.compiler.compile(
        input=str(_TEMPLATES / f"{template}.typ"),
        sys_inputs={"data": json.dumps(context, ensure_ascii=False)},
        **{"format": "pdf", **options},
    )


def receipt_context(data: ReceiptData, paper: str) -> dict[str, Any]:
    tax = data.tax
    taxes = [("Taxable value", tax.taxable), *tax.rows] if tax else []
    return {
        "paper": paper,
        "head": _head(data.head, with_gstin=tax),
        "title": "Tax invoice cum receipt" if tax else "Fee receipt",
        "number": data.number,
        "date": format_date(data.paid_on),
        "admission_number": data.admission_number,
        "facts": _facts(
            ("Received from", data.student),
            ("Admission number", data.admission_number),
            ("Batch", data.batch),
            ("Mode", " · ".join(filter(None, [data.mode, data.reference, data.clearing]))),
            ("Place of supply", tax and tax.place_label),
        ),
        "lines": [(label, display(amount)) for label, amount in data.lines],
        "sac": SAC if tax else "",
        "taxes": [(label, display(amount)) for label, amount in taxes],
        "amount": display(data.amount),
        "words": in_words(data.amount),
        "balance": balance_label(data.balance_after, data.dues_after),
        "note": data.note.splitlines(),
        "received_by": data.received_by,
        "url": data.check_url,
        "code": qr_svg(data.check_url, border=0) if data.check_url else "",
        "duplicate": data.is_duplicate,
        "cancelled": data.cancelled,
        "refunds": list(data.refunds),
    }


def balance_label(balance: Decimal, dues: str = "") -> str:
    """Return the balance after a payment, in rupees, as a sentence of its receipt.

    ``dues`` says when it is due.
    """
    dues = f" ({dues})" if dues else ""
    if balance > 0:
        return f"Balance after this payment: {display(balance)}{dues}"
    if balance < 0:
        return f"Advance after this payment: {display(-balance)}{dues}"
    return f"No dues after this payment{dues}."


def statement_context(data: StatementData) -> dict[str, Any]:
    """Return the text of a statement for its template and its page."""
    lines, totals = _lines_and_totals(data)
    balance = data.brought_forward + sum(totals.values(), ZERO)
    return {
        "head": _head(data.head, with_gstin=True),
        "date": format_date(data.on),
        "admission_number": data.admission_number,
        "facts": _facts(
            ("Student", data.student),
            ("Admission number", data.admission_number),
            ("Batch", data.batch),
            ("Parent or guardian", data.guardian),
        ),
        "lines": lines,
        "totals": _totals(data.brought_forward, totals),
        "outcome": (_outcome_label(balance), display(abs(balance))),
        "owed": _owed(data),
        "dues": [_due(due, data.on) for due in data.dues],
        "pay": _pay(data.upi) if data.upi else None,
        "code": qr_svg(data.upi.link, border=0) if data.upi else "",
        "cancelled": "",
    }


def _head(head, *, with_gstin):
    contact = " · ".join(filter(None, [head.phone and f"Phone {head.phone}", head.email]))
    gstin = f"GSTIN {head.gstin}" if with_gstin and head.gstin else ""
    return {
        "name": head.name,
        "logo": _logo(head.logo) if head.logo else None,
        "lines": [line for line in [*head.address.splitlines(), contact, gstin] if line],
    }


def _logo(picture):
    """Return the logo and its size in mm: as large as fits in a corner of the letterhead."""
    scale = min(_LOGO_MM[0] / picture.width, _LOGO_MM[1] / picture.height)
    size = [round(side * scale, 2) for side in (picture.width, picture.height)]
    return {"svg": png_as_svg(picture), "size": size}


def _facts(*pairs):
    return [pair for pair in pairs if pair[1]]


def _lines_and_totals(data):
    """Return the lines with their running balance, and the total of each term."""
    balance, totals, lines = data.brought_forward, dict.fromkeys(StatementTerm, ZERO), []
    if balance:
        lines.append(_line("", "Brought forward", ZERO, balance))
    for line in data.lines:
        balance += line.amount
        totals[line.term] += line.amount
        date = format_date(line.on)
        lines.append(_line(date, line.label, line.amount, balance, line.reference, line.link))
    return lines, totals


def _line(date, label, amount, balance, reference="", link=""):
    return {
        "date": date,
        "label": label,
        "reference": reference,
        "link": link,
        "charged": display(amount) if amount > 0 else "",
        "credited": display(-amount) if amount < 0 else "",
        "balance": display(balance),
    }


def _totals(brought_forward, totals):
    amounts = [("Brought forward", brought_forward)]
    amounts += [(term.value, amount) for term, amount in totals.items()]
    return [(label, display(amount)) for label, amount in amounts if amount]


def _outcome_label(balance):
    if balance < 0:
        return "Advance"
    return "Balance" if balance else "No dues"


def _owed(data):
    """Return the dues by date as text; empty without any."""
    unpaid = (part for due in data.dues for part in due.parts or [(due.due_on, due.amount)])
    amounts = DueAmounts(data.on, unpaid, uncleared=data.uncleared)
    return amounts.dated if amounts.parts else ""


def _due(due, on):
    return {
        "label": due.label,
        "due_on": format_date(due.due_on),
        "status": "Overdue" if due.due_on < on else "Due today" if due.due_on == on else "",
        "amount": display(due.amount),
    }


def _pay(upi):
    return {"upi_id": upi.upi_id, "amount": display(upi.amount), "link": upi.link}
