import functools

import segno
from django.utils.safestring import mark_safe


# Choosing the best of eight masks takes longer than the rest of a page.
@functools.lru_cache(maxsize=512)
def qr_svg(text: str, *, title: str = "", border: int = 4) -> str:
    """Return a QR code as an SVG element without style attributes, black on white.

    ``title`` describes its target to screen readers. A scanner needs a ``border`` of four
    modules, less on white paper.
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
