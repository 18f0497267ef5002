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
from coachmaster.core.money import ZERO, display, in_words
from coachmaster.core.qr import qr_svg
from finance.gst import SAC

from .data import ReceiptData, StatementData, StatementTerm

_TEMPLATES = Path(__file__).parent / "typst"


def receipt_pdf(data: ReceiptData, *, paper: str = "a5") -> bytes:
    """The receipt as a PDF, on `a5` or `a4` ``paper``. Raises ValueError for another one."""
    if paper not in ("a5", "a4"):
        raise ValueError(f"Receipts are printed on A5 or A4, not on {paper}")
    return _typeset("receipt", _receipt(data, paper))


def statement_pdf(data: StatementData) -> bytes:
    """The fee statement as a PDF on A4."""
    return _typeset("statement", statement_context(data))


def statement_pdfs(statements: Iterable[StatementData]) -> Iterator[tuple[str, bytes]]:
    """Each statement as a pair of a file name and a PDF, some dozens made at a time; for `ground.archives.zipped`.

    The PDFs are set in threads, ``statements`` is asked in the caller's.
    """
    waiting = iter(statements)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as threads:
        while some := list(itertools.islice(waiting, 50)):
            for data, pdf in zip(some, threads.map(statement_pdf, some), strict=True):
                yield f"statement-{safe_filename(data.admission_number)}.pdf", pdf


def safe_filename(text: str) -> str:
    """Text as a part of a file's name on any computer."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)


@functools.cache
def _fonts():
    """Our own fonts and no others, so that a paper looks the same from every computer."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(_TEMPLATES / "fonts")],
    )


_of_this_thread = threading.local()


def _typeset(template: str, told: dict[str, Any], **options: Any) -> bytes:
    """The template set with what is told to it: as data, so that no name is ever read as markup.

    A compiler serves one thread at a time, so each has its own. It is given paths: a template given as bytes would use
    up one of 65,535 file numbers with each document, and then end the process.
    """
    if not hasattr(_of_this_thread, "compiler"):
        _of_this_thread.compiler = typst.Compiler(root=str(_TEMPLATES), font_paths=_fonts())
    return _of_this_thread.compiler.compile(
        input=str(_TEMPLATES / f"{template}.typ"),
        sys_inputs={"data": json.dumps(told, ensure_ascii=False)},
        **{"format": "pdf", **options},
    )


def _head(head, *, with_gstin):
    contact = " · ".join(filter(None, [head.phone and f"Phone {head.phone}", head.email]))
    gstin = f"GSTIN {head.gstin}" if with_gstin and head.gstin else ""
    return {
        "name": head.name,
        "lines": [line for line in [*head.address.splitlines(), contact, gstin] if line],
    }


def _pairs(*pairs):
    """The facts that are known."""
    return [pair for pair in pairs if pair[1]]


def _receipt(data, paper):
    tax = data.tax
    return {
        "paper": paper,
        "head": _head(data.head, with_gstin=tax),
        "title": "Tax invoice cum receipt" if tax else "Fee receipt",
        "number": data.number,
        "date": format_date(data.paid_on),
        "admission_number": data.admission_number,
        "facts": _pairs(
            ("Received from", data.student),
            ("Admission number", data.admission_number),
            ("Batch", data.batch),
            ("Paid by", " · ".join(filter(None, [data.mode, data.reference]))),
            ("Place of supply", tax and tax.place_label),
        ),
        "settled": [(what, display(amount)) for what, amount in data.settled],
        "sac": SAC if tax else "",
        "taxes": [
            (what, display(part)) for what, part in [("Taxable value", tax.taxable), *tax.rows]
        ]
        if tax
        else [],
        "amount": display(data.amount),
        "words": in_words(data.amount),
        "balance": balance_label(data.balance_after),
        "note": data.note.splitlines(),
        "received_by": data.received_by,
        "url": data.check_url,
        "code": qr_svg(data.check_url, border=0) if data.check_url else "",
        "duplicate": data.is_duplicate,
        "cancelled": data.cancelled,
        "given_back": list(data.given_back),
    }


def balance_label(balance: Decimal) -> str:
    """A balance after a payment, in rupees, as a sentence of its receipt."""
    if balance > 0:
        return f"Balance after this payment: {display(balance)}"
    if balance < 0:
        return f"Kept as an advance: {display(-balance)}"
    return "Nothing more is owed."


def statement_context(data: StatementData) -> dict[str, Any]:
    """The statement in the words of its paper and its page: the lines with their running balance, the sums, what is due."""
    balance, sums, lines = data.brought_forward, dict.fromkeys(StatementTerm, ZERO), []
    if balance:
        lines.append(_line("", "Brought forward", ZERO, balance))
    for line in data.lines:
        balance += line.amount
        sums[line.term] += line.amount
        lines.append(
            _line(format_date(line.on), line.what, line.amount, balance, line.reference, line.link)
        )
    forward = [("Brought forward", display(data.brought_forward))] if data.brought_forward else []
    return {
        "head": _head(data.head, with_gstin=True),
        "date": format_date(data.on),
        "admission_number": data.admission_number,
        "facts": _pairs(
            ("Student", data.student),
            ("Admission number", data.admission_number),
            ("Batch", data.batch),
            ("Parent or guardian", data.guardian),
        ),
        "lines": lines,
        "sums": forward
        + [(term.value, display(amount)) for term, amount in sums.items() if amount],
        "outcome": (
            "Advance" if balance < 0 else "Balance owed" if balance else "Nothing is owed",
            display(abs(balance)),
        ),
        "dues": [
            {
                "what": due.what,
                "when": format_date(due.due_on),
                "state": "Overdue"
                if due.due_on < data.on
                else "Due today"
                if due.due_on == data.on
                else "",
                "amount": display(due.amount),
            }
            for due in data.dues
        ],
        "pay": {
            "upi_id": data.upi.upi_id,
            "amount": display(data.upi.amount),
            "link": data.upi.link,
        }
        if data.upi
        else None,
        "code": qr_svg(data.upi.link, border=0) if data.upi else "",
        "cancelled": "",
    }


def _line(day, what, amount, balance, reference="", link=""):
    return {
        "date": day,
        "what": what,
        "reference": reference,
        "link": link,
        "charged": display(amount) if amount > 0 else "",
        "credited": display(-amount) if amount < 0 else "",
        "balance": display(balance),
    }
