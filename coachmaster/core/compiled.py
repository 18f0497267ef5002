"""Remember the SQL of the few queries that nearly every request asks.

Django writes the SQL of a query anew each time. That takes one or two milliseconds where the database needs a tenth of
one. Only this module looks behind Django's documented names; everything else stays a queryset.
"""

import copy
import datetime
import functools
import logging

import django
from django.conf import settings
from django.db import connections
from django.db.models import prefetch_related_objects

logger = logging.getLogger(__name__)

#: The version of Django whose compiler this module knows. Another one gives the plain queryset's rows.
TESTED = (5, 2)
#: A list of ids is filled up to one of these lengths. A longer one is left to the plain queryset.
LIST_LENGTHS = (1, 8, 32, 128, 500)
#: No id is as large. Marks begin here, and larger values are left to the plain queryset.
TOO_LARGE = 2**62


def compiled(build):
    """Decorate a function of keyword arguments that returns a queryset; calling it returns the rows as a list.

    The function must only pass its arguments on: no branch on their values, no arithmetic. Arguments are whole numbers,
    text, dates, moments, lists of ids and None. Whatever cannot be compiled gives the rows of the plain queryset, logged once.
    """
    queries: dict = {}

    @functools.wraps(build)
    def rows(**values):
        if (
            not settings.COMPILED_QUERIES
            or django.VERSION[:2] != TESTED
            or any(map(_is_unusual, values.values()))
        ):
            return list(build(**values))
        filled = {
            name: _filled_up(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        kinds = (
            (name, type(value), isinstance(value, list) and len(value))
            for name, value in filled.items()
        )
        shape = connections["default"].vendor, *kinds
        if shape not in queries:
            try:
                queries[shape] = CompiledQuery(build, filled)
            except Exception:  # whatever the compiler does not understand, the plain queryset does
                logger.warning(
                    "%s.%s is not compiled", build.__module__, build.__qualname__, exc_info=True
                )
                queries[shape] = None
        return queries[shape].rows(filled) if queries[shape] else list(build(**values))

    return rows


class CompiledQuery:
    """The SQL of one queryset and the places of its values.

    It is written twice, with different marks for the values. A parameter that differs and is no mark would be a value
    that the function has changed.
    """

    def __init__(self, build, values):
        marks, others = (
            {name: _mark(value, n * 100 + one) for n, (name, value) in enumerate(values.items())}
            for one in (0, 1)
        )
        self.queryset = build(**marks)
        if self.queryset._known_related_objects:
            raise TypeError("Rows of a related manager cannot be compiled.")
        self.compiler, self.sql, self.params = _written(self.queryset)
        _, sql, params = _written(build(**others))
        operations = connections[self.queryset.db].ops
        stored, others = _stored(marks, operations), _stored(others, operations)
        names = {(mark, others[place]): place for place, mark in stored.items()}
        self.places = []
        for at, pair in enumerate(zip(self.params, params, strict=True)):
            if pair in names:
                self.places.append((at, names[pair], type(pair[0])))
            elif pair[0] != pair[1]:
                raise TypeError("The function changes a value before it passes it on.")
        if sql != self.sql or set(names.values()) != {place for _, place, _ in self.places}:
            raise TypeError("The SQL depends on the values.")

    def rows(self, values):
        """Return what the queryset gives for ``values``, as a list."""
        connection, params = connections[self.queryset.db], list(self.params)
        stored = _stored(values, connection.ops)
        for at, place, kind in self.places:
            params[at] = kind(stored[place]) if issubclass(kind, int) else stored[place]
        compiler = copy.copy(self.compiler)
        compiler.connection, compiler.as_sql = (
            connection,
            lambda *args, **kwargs: (self.sql, tuple(params)),
        )
        rows = list(self.queryset._iterable_class(_Source(self.queryset, compiler)))
        if self.queryset._prefetch_related_lookups:
            prefetch_related_objects(rows, *self.queryset._prefetch_related_lookups)
        return rows


class _Source:
    """What Django's row iterators ask of a queryset and of its query."""

    _known_related_objects = {}

    def __init__(self, queryset, compiler):
        self.db, self._fields, self.query, self.compiler = (
            queryset.db,
            queryset._fields,
            self,
            compiler,
        )

    def get_compiler(self, *args, **kwargs):
        return self.compiler


def _written(queryset):
    compiler = queryset.query.get_compiler(using=queryset.db)
    return compiler, *compiler.as_sql()


def _filled_up(ids):
    """Return ``ids`` with the last one repeated, up to the next of `LIST_LENGTHS`."""
    return ids + ids[-1:] * (
        next(length for length in LIST_LENGTHS if length >= len(ids)) - len(ids)
    )


def _is_unusual(value):
    """Whether no mark can stand for a value: an empty or very long list, or a number that no id reaches."""
    if isinstance(value, list):
        return not 0 < len(value) <= LIST_LENGTHS[-1] or any(map(_is_unusual, value))
    return isinstance(value, int) and abs(value) >= TOO_LARGE


def _mark(value, number):
    """Return a value of the same type that no query has of itself."""
    if isinstance(value, list):
        return [_mark(one, (number + 1) * 10_000 + 2 * place) for place, one in enumerate(value)]
    if isinstance(value, str):
        return f"⟦%_\\ {number}⟧"  # with what a pattern escapes, so that a pattern is not taken for the text
    if isinstance(value, datetime.datetime):
        return datetime.datetime(1987, 6, 5, 4, 3, 2, 1 + number, tzinfo=datetime.UTC)
    if isinstance(value, datetime.date):
        return datetime.date(1987, 6, 5) + datetime.timedelta(number)
    return None if value is None else TOO_LARGE + number


def _stored(values, operations):
    """Return ``{(name, place in a list): value}`` as fields hand them to the database; None is part of the SQL."""
    stored = {}
    for name, value in values.items():
        for place, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, datetime.datetime):
                stored[name, place] = operations.adapt_datetimefield_value(one)
            elif isinstance(one, datetime.date):
                stored[name, place] = operations.adapt_datefield_value(one)
            elif isinstance(one, (str, int)):
                stored[name, place] = one
            elif one is not None:
                raise TypeError(f"Values of {type(one)} cannot be compiled.")
    return stored
