import functools

import segno
from django.utils.safestring import mark_safe


# Choosing the best of eight masks takes longer than the rest of a page.
@functools.lru_cache(maxsize=512)
def qr_svg(text: str, *, title: str = "", border: int = 4) -> str:
    """Return an SVG element; scanners need four modules of ``border``, less on white paper."""
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
