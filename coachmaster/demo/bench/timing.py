"""How long requests take, each in turns with the floor, so that a noisy machine does not tilt the comparison."""

import statistics
import time
from dataclasses import dataclass

from django.db import connection
from django.test.utils import override_settings

#: As often each is asked for before the clock starts: PostgreSQL's driver prepares a statement at its sixth use.
WARMING = 6


@dataclass
class Times:
    """The median time in milliseconds, and the median of its multiples of the floor beside it."""

    milliseconds: float
    floors: float


class Counter:
    """Counts the queries that pass through it."""

    count = 0

    def __call__(self, execute, *args):
        self.count += 1
        return execute(*args)


def queries(line):
    """How many queries the line takes."""
    client, counter = line.visitor.inside(), Counter()
    client.send(*line.request())
    with connection.execute_wrapper(counter):
        client.send(*line.request())
    return counter.count


def in_process(line, floor, rounds):
    """The `Times` of processor, with compiled queries and without."""
    send = line.visitor.inside().send
    return _in_turns(
        line, floor.inside().send, [(send, True), (send, False)], rounds, time.process_time
    )


def through_gunicorn(line, floor, ports, rounds):
    """The `Times` on the clock, of the server with compiled queries and of the one without."""
    sends = [(line.visitor.through(port).send, True) for port in ports]
    return _in_turns(line, floor.through(ports[0]).send, sends, rounds, time.perf_counter)


def _in_turns(line, floor, sends, rounds, clock):
    """The `Times` of each of ``sends``: functions, and whether they run with compiled queries in this process."""
    base, *columns = [], *([] for _ in sends)
    warming = min(WARMING, rounds)
    for _ in range(warming + rounds):
        base.append(_timed(clock, True, floor, line.floor))
        for column, (send, compiled) in zip(columns, sends, strict=True):
            column.append(_timed(clock, compiled, send, *line.request()))
    return [_median(column[warming:], base[warming:]) for column in columns]


def _timed(clock, compiled, send, *request):
    with override_settings(COMPILED_QUERIES=compiled):
        began = clock()
        send(*request)
        return clock() - began


def _median(times, base):
    floors = [took / floor for took, floor in zip(times, base, strict=True)]
    return Times(statistics.median(times) * 1000, statistics.median(floors))
