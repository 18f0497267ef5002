"""Bar charts as SVG: no scripts, printable, with their values in a table for screen readers."""

from dataclasses import dataclass

WIDTH = 600
_COLUMN_CHART_HEIGHT = 220
_FOOT = 26
_HEAD = 18
_BAR_HEIGHT = 52


@dataclass(frozen=True)
class Bar:
    label: str
    value: str
    href: str | None
    x: float
    y: float
    width: float
    height: float

    @property
    def label_x(self):
        return self.x + self.width / 2

    @property
    def value_x(self):
        return self.x + self.width + 6

    @property
    def baseline(self):
        return self.y + self.height / 2 + 6


@dataclass(frozen=True)
class Chart:
    title: str
    heading: str
    bars: tuple[Bar, ...]
    height: int
    is_upright: bool

    width: int = WIDTH

    @property
    def floor(self):
        return self.height - _FOOT


def column_chart(title, heading, rows):
    """Return upright bars. ``rows``: label, number, number as text, URL or None."""
    top = _largest(rows)
    step = WIDTH / max(len(rows), 1)
    usable = _COLUMN_CHART_HEIGHT - _FOOT - _HEAD
    bars = []
    for index, (label, number, text, href) in enumerate(rows):
        height = round(float(number) / top * usable, 1)
        bars.append(
            Bar(
                label,
                text,
                href,
                x=round(index * step + step * 0.16, 1),
                y=_COLUMN_CHART_HEIGHT - _FOOT - height,
                width=round(step * 0.68, 1),
                height=height,
            )
        )
    return Chart(title, heading, tuple(bars), _COLUMN_CHART_HEIGHT, is_upright=True)


def bar_chart(title, heading, rows):
    # The longest bar leaves room for the longest value, in the larger letters of a phone.
    room = 14 + 11 * max((len(text) for _, _, text, _ in rows), default=0)
    top = _largest(rows)
    bars = tuple(
        Bar(
            label,
            text,
            href,
            x=0,
            y=index * _BAR_HEIGHT + 28,
            width=round(max(float(number) / top * (WIDTH - room), 2), 1),
            height=16,
        )
        for index, (label, number, text, href) in enumerate(rows)
    )
    return Chart(title, heading, bars, len(rows) * _BAR_HEIGHT, is_upright=False)


def _largest(rows):
    return max((float(number) for _, number, _, _ in rows), default=0) or 1
