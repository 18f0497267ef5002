"""The table that is printed: of Markdown, to be pasted into a note."""

COLUMNS = [
    "queries",
    "cpu ms",
    "plain",
    "× floor",
    "plain",
    "wall ms",
    "plain",
    "× floor",
    "plain",
    "limit",
]
NAME, WIDTH = 34, 8


def head():
    """The two lines above the first row."""
    rule = ["-" * NAME, *("-" * (WIDTH - 1) + ":" for _ in COLUMNS)]
    return f"{_line('page', COLUMNS)}\n| {' | '.join(rule)} |"


def row(name, queries, inside, through, limit):
    """One line; ``inside`` and ``through`` are the `Times` with compiled queries and without, or nothing."""
    figures = [
        figure
        for times in (inside, through)
        for figure in [*(one.milliseconds for one in times), *(one.floors for one in times)]
        or [None] * 4
    ]
    return _line(name, [queries, *figures, limit])


def _line(name, cells):
    written = (
        "" if cell is None else f"{cell:.1f}" if isinstance(cell, float) else str(cell)
        for cell in cells
    )
    return f"| {name:<{NAME}} | {' | '.join(cell.rjust(WIDTH) for cell in written)} |"
