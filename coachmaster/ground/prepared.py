"""Queries that are asked again and again: Django writes their SQL once, and from then on only the values change.

To write the SQL of a query with several sums takes Django many times as long as the database takes to answer it.
"""

import datetime

from django.db import connection


class Prepared:
    """``build(**values)`` as rows: a queryset of `values_list`, whose whole numbers, dates and times of
    day differ from call to call.

    The rules stay in the queryset. ``build`` is called once for each kind of database, with marks in place of the
    values; whatever else it looks at must never change.
    """

    def __init__(self, build):
        self.build = build
        self._written = {}

    def __call__(self, **values):
        """The rows for these ``values`` (int, date or time), as a list of tuples."""
        written = self._written.get(connection.vendor)
        if written is None:
            written = self._written[connection.vendor] = self._write(values)
        sql, params, places, converters = written
        params = list(params)
        for place, name in places:
            params[place] = _as_stored(values[name])
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
        return [_converted(row, converters) for row in rows] if converters else rows

    def _write(self, values):
        marks = {name: _mark(value, number) for number, (name, value) in enumerate(values.items())}
        compiler = self.build(**marks).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = {_as_stored(mark): name for name, mark in marks.items()}
        places = [(place, names[param]) for place, param in enumerate(params) if param in names]
        selected = [expression for expression, *_ in compiler.select[: compiler.col_count]]
        return sql, params, places, list(compiler.get_converters(selected).items())


def _mark(value, number):
    """A value that stands for ``value`` and that no query has of itself."""
    if isinstance(value, int):
        return 2**62 + number
    if isinstance(value, datetime.time):
        return datetime.time(3, 7, 11, 13 + number)
    return datetime.date(1987, 6, 5) + datetime.timedelta(number)


def _as_stored(value):
    if isinstance(value, datetime.date):
        return connection.ops.adapt_datefield_value(value)
    if isinstance(value, datetime.time):
        return connection.ops.adapt_timefield_value(value)
    return value


def _converted(row, converters):
    row = list(row)
    for place, (functions, expression) in converters:
        for function in functions:
            row[place] = function(row[place], expression, connection)
    return tuple(row)
