"""Charts as plain data for an SVG template: no scripts, they print, and a screen reader gets the table beside them."""

from dataclasses import dataclass

WIDTH = 600
_HEIGHT = 220
_FOOT = 26
_HEAD = 18
_ROW = 52


@dataclass(frozen=True)
class Bar:
    """One bar: where it lies in the drawing, what it stands for, and the list it counts."""

    label: str
    value: str
    href: str | None
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self):
        """Where its label goes, across."""
        return self.x + self.width / 2

    @property
    def end(self):
        """Where its value goes, along."""
        return self.x + self.width + 6

    @property
    def line(self):
        """The base line of text beside it."""
        return self.y + self.height / 2 + 6


@dataclass(frozen=True)
class Chart:
    """A drawing of bars, upright or lying. Two of the same figures are the same."""

    title: str
    heading: str
    bars: tuple[Bar, ...]
    height: int
    is_upright: bool

    width: int = WIDTH

    @property
    def floor(self):
        """Where upright bars stand."""
        return self.height - _FOOT


def columns(title, heading, rows):
    """Upright bars for a course of time. ``rows``: label, value as a number, value as text, address."""
    top = max((float(value) for _, value, _, _ in rows), default=0) or 1
    step = WIDTH / max(len(rows), 1)
    usable = _HEIGHT - _FOOT - _HEAD
    bars = []
    for index, (label, value, text, href) in enumerate(rows):
        height = round(float(value) / top * usable, 1)
        bars.append(
            Bar(
                label,
                text,
                href,
                round(index * step + step * 0.16, 1),
                _HEIGHT - _FOOT - height,
                round(step * 0.68, 1),
                height,
            )
        )
    return Chart(title, heading, tuple(bars), _HEIGHT, is_upright=True)


def rows(title, heading, rows):
    """Lying bars for a comparison. ``rows`` as for `columns`; the longest bar leaves room for the longest value,
    in the larger letters of a phone too."""
    room = 14 + 11 * max((len(text) for _, _, text, _ in rows), default=0)
    top = max((float(value) for _, value, _, _ in rows), default=0) or 1
    bars = tuple(
        Bar(
            label,
            text,
            href,
            0,
            index * _ROW + 28,
            round(max(float(value) / top * (WIDTH - room), 2), 1),
            16,
        )
        for index, (label, value, text, href) in enumerate(rows)
    )
    return Chart(title, heading, bars, len(rows) * _ROW, is_upright=False)
