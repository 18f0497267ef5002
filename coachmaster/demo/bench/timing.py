"""Measure requests in turns with the floor, so that a busy machine affects both alike."""

import statistics
import time
from dataclasses import dataclass

from django.db import connection
from django.test.utils import override_settings

#: PostgreSQL's driver prepares a statement at its sixth use.
WARM_UP_ROUNDS = 6


@dataclass
class Timing:
    """Median milliseconds, and the median multiple of the floor."""

    milliseconds: float
    floors: float


class QueryCounter:
    count = 0

    def __call__(self, execute, *args):
        self.count += 1
        return execute(*args)


def count_queries(case):
    client, counter = case.requester.in_process_client(), QueryCounter()
    client.send(*case.request())
    with connection.execute_wrapper(counter):
        client.send(*case.request())
    return counter.count


def in_process(case, floor, rounds):
    """Return Timings of processor time, with compiled and with plain queries."""
    send = case.requester.in_process_client().send
    floor_send = floor.in_process_client().send
    return _measure(case, floor_send, [(send, True), (send, False)], rounds, time.process_time)


def through_gunicorn(case, floor, ports, rounds):
    """Return Timings of wall time, one for the server on each of ``ports``."""
    sends = [(case.requester.http_client(port).send, True) for port in ports]
    floor_send = floor.http_client(ports[0]).send
    return _measure(case, floor_send, sends, rounds, time.perf_counter)


def _measure(case, floor_send, sends, rounds, clock):
    floors, *columns = [], *([] for _ in sends)
    warm_up = min(WARM_UP_ROUNDS, rounds)
    for _ in range(warm_up + rounds):
        floors.append(_time(clock, True, floor_send, case.floor))
        for column, (send, compiled) in zip(columns, sends, strict=True):
            column.append(_time(clock, compiled, send, *case.request()))
    return [_medians(column[warm_up:], floors[warm_up:]) for column in columns]


def _time(clock, compiled, send, *request):
    with override_settings(COMPILED_QUERIES=compiled):
        start = clock()
        send(*request)
        return clock() - start


def _medians(times, floors):
    multiples = [took / floor for took, floor in zip(times, floors, strict=True)]
    return Timing(statistics.median(times) * 1000, statistics.median(multiples))
