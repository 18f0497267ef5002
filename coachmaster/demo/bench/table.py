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
NAME_WIDTH, WIDTH = 34, 8


def header():
    rule = ["-" * NAME_WIDTH, *("-" * (WIDTH - 1) + ":" for _ in COLUMNS)]
    return f"{_row('page', COLUMNS)}\n| {' | '.join(rule)} |"


def row(name, queries, cpu, wall, limit):
    """Return a row; ``cpu`` and ``wall`` are Timings, compiled and plain, or empty."""
    figures = [
        figure
        for timings in (cpu, wall)
        for figure in [
            *(timing.milliseconds for timing in timings),
            *(timing.floors for timing in timings),
        ]
        or [None] * 4
    ]
    return _row(name, [queries, *figures, limit])


def _row(name, cells):
    texts = (
        "" if cell is None else f"{cell:.1f}" if isinstance(cell, float) else str(cell)
        for cell in cells
    )
    return f"| {name:<{NAME_WIDTH}} | {' | '.join(text.rjust(WIDTH) for text in texts)} |"
