"""Reuse the SQL of the busiest queries. Only this module uses undocumented parts of Django."""

import copy
import datetime
import functools
import logging

import django
from django.conf import settings
from django.db import connections
from django.db.models import prefetch_related_objects

logger = logging.getLogger(__name__)

TESTED_DJANGO = (5, 2)
LIST_LENGTHS = (1, 8, 32, 128, 500)  # Lists of ids are padded to one of these.
TOO_LARGE = 2**62  # Placeholders for ids start here.


def compiled(build):
    """Decorate a function that returns a queryset; calling it with keywords returns the rows.

    The function must pass its arguments on unchanged: integers, text, dates, datetimes, lists of
    ids and None. A query that cannot be compiled is logged once and evaluated as usual.
    """
    queries: dict = {}

    @functools.wraps(build)
    def rows(**values):
        is_on = settings.COMPILED_QUERIES and django.VERSION[:2] == TESTED_DJANGO
        if not is_on or any(map(_is_unusual, values.values())):
            return list(build(**values))
        padded = {name: _pad(value) for name, value in values.items()}
        shapes = [(name, type(v), isinstance(v, list) and len(v)) for name, v in padded.items()]
        key = connections["default"].vendor, *shapes
        if key not in queries:
            try:
                queries[key] = CompiledQuery(build, padded)
            except Exception:
                name = f"{build.__module__}.{build.__qualname__}"
                logger.warning("%s is not compiled", name, exc_info=True)
                queries[key] = None
        return queries[key].rows(padded) if queries[key] else list(build(**values))

    return rows


class CompiledQuery:
    """SQL of a queryset, and the positions of its values, found with two sets of placeholders."""

    def __init__(self, build, values):
        marks, others = (
            {name: _mark(value, n * 100 + one) for n, (name, value) in enumerate(values.items())}
            for one in (0, 1)
        )
        self.queryset = build(**marks)
        if self.queryset._known_related_objects:
            raise TypeError("Rows of a related manager cannot be compiled.")
        self.compiler, self.sql, self.params = _write_sql(self.queryset)
        _, sql, params = _write_sql(build(**others))
        operations = connections[self.queryset.db].ops
        others = _adapt(others, operations)
        names = {(mark, others[key]): key for key, mark in _adapt(marks, operations).items()}
        self.places = []
        for at, pair in enumerate(zip(self.params, params, strict=True)):
            if pair in names:
                self.places.append((at, names[pair], type(pair[0])))
            elif pair[0] != pair[1]:
                raise TypeError("The function changes a value before it passes it on.")
        if sql != self.sql or set(names.values()) != {place for _, place, _ in self.places}:
            raise TypeError("The SQL depends on the values.")

    def rows(self, values):
        connection, params = connections[self.queryset.db], list(self.params)
        stored = _adapt(values, connection.ops)
        for at, place, kind in self.places:
            params[at] = kind(stored[place]) if issubclass(kind, int) else stored[place]
        compiler = copy.copy(self.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *args, **kwargs: (self.sql, tuple(params))
        rows = list(self.queryset._iterable_class(_Source(self.queryset, compiler)))
        if self.queryset._prefetch_related_lookups:
            prefetch_related_objects(rows, *self.queryset._prefetch_related_lookups)
        return rows


class _Source:
    """Stands for the queryset and its query in Django's row iterators."""

    _known_related_objects = {}

    def __init__(self, queryset, compiler):
        self.db, self._fields = queryset.db, queryset._fields
        self.query, self.compiler = self, compiler

    def get_compiler(self, *args, **kwargs):
        return self.compiler


def _write_sql(queryset):
    compiler = queryset.query.get_compiler(using=queryset.db)
    return compiler, *compiler.as_sql()


def _pad(value):
    if not isinstance(value, list):
        return value
    length = next(length for length in LIST_LENGTHS if length >= len(value))
    return value + value[-1:] * (length - len(value))


def _is_unusual(value):
    if isinstance(value, list):
        return not 0 < len(value) <= LIST_LENGTHS[-1] or any(map(_is_unusual, value))
    return isinstance(value, int) and abs(value) >= TOO_LARGE


def _mark(value, number):
    """Return a placeholder of the same type."""
    if isinstance(value, list):
        return [_mark(one, (number + 1) * 10_000 + 2 * place) for place, one in enumerate(value)]
    if isinstance(value, str):
        return f"⟦%_\\ {number}⟧"  # LIKE escapes these: a pattern is not taken for the text.
    if isinstance(value, datetime.datetime):
        return datetime.datetime(1987, 6, 5, 4, 3, 2, 1 + number, tzinfo=datetime.UTC)
    if isinstance(value, datetime.date):
        return datetime.date(1987, 6, 5) + datetime.timedelta(number)
    return None if value is None else TOO_LARGE + number


def _adapt(values, operations):
    """Return ``{(name, index): value}`` as the database gets them; None is part of the SQL."""
    stored = {}
    for name, value in values.items():
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, datetime.datetime):
                one = operations.adapt_datetimefield_value(one)
            elif isinstance(one, datetime.date):
                one = operations.adapt_datefield_value(one)
            elif not isinstance(one, str | int | None):
                raise TypeError(f"Values of {type(one)} cannot be compiled.")
            if one is not None:
                stored[name, index] = one
    return stored
