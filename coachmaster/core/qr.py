"""QR codes as drawings."""

import functools

import segno
from django.utils.safestring import mark_safe


@functools.lru_cache(
    maxsize=512
)  # the search for the best of its eight masks takes longer than a page
def qr_svg(text: str, *, title: str = "", border: int = 4) -> str:
    """The QR code of ``text`` as an SVG element, for a page (no style attributes, always black on white) or a PDF.

    ``title`` says to a screen reader what it leads to. It takes the size of its frame; ``border`` is the white around it,
    of which a reader wants four squares (on white paper there is enough).
    """
    svg = segno.make_qr(text, error="m").svg_inline(
        border=border,
        dark="#000",
        light="#fff",
        omitsize=True,
        svgclass=None,
        lineclass=None,
        title=title or None,
    )
    return mark_safe(svg)  # noqa: S308 — segno escapes the title, and draws the text
