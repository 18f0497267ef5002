"""Long lists in chunks."""

import itertools

from django.db import reset_queries

CHUNK_SIZE = 1000


def in_chunks(rows, size=CHUNK_SIZE):
    """Yield ``rows`` in lists of at most ``size``."""
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, size)):
        yield chunk
        reset_queries()  # with DEBUG on, Django keeps every query of a long task
