"""Queries that are asked again and again: Django writes their SQL once, and from then on only the values change.

To write the SQL of a query takes Django many times as long as the database takes to answer it.
"""

import datetime
from collections import namedtuple

from django.db import connection
from django.db.models import Value
from django.db.models.base import ModelState
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesListIterable,
    prefetch_related_objects,
)
from django.http import Http404

#: A list of keys is filled up to one of these lengths, so that few lengths have SQL of their own.
LENGTHS = (1, 8, 32, 128, 500)
#: No column holds such a number, and no key is one.
MOST = 2**62

#: So many shapes of a query are remembered; then all are written anew.
MOST_SHAPES = 300


class Prepared:
    """``build(*shape, **values)``, a queryset of records or of `values_list`, as a list.

        @Prepared
        def batches_of(running_only, *, instructor):
            batches = Batch.objects.filter(instructor=instructor)
            return batches.filter(ends_on=None) if running_only else batches

        batches_of(True, instructor=user.pk)

    ``values`` differ from call to call: whole numbers, text, dates, moments, times of day, and lists of keys. ``build`` is
    called with marks in place of them, once for each ``shape`` (anything that can be hashed) and kind of database; which
    values are None belongs to the shape. An empty list, or a number that no column holds, finds nothing.
    Whatever else it looks at must never change: not the clock, and no setting of the institute. In the tests each call is
    compared with what Django writes for these very values.
    """

    def __init__(self, build):
        self.build = build
        self._written = {}

    def __call__(self, *shape, **values):
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = _filled_up(value)
            if value == [] or (isinstance(value, int) and abs(value) >= MOST):
                return []
        return self._for(shape, values).rows(values)

    def sql(self, *shape, **values):
        """The SQL and its parameters, for a statement that is made of it. A list of keys is not empty."""
        values = {name: _filled_up(value) if isinstance(value, list) else value for name, value in values.items()}
        written = self._for(shape, values)
        return written.sql, written.params_for(values)

    def first(self, *shape, **values):
        """The first row, or None."""
        rows = self(*shape, **values)
        return rows[0] if rows else None

    def or_404(self, *shape, **values):
        """The first row; raises Http404 without one."""
        rows = self(*shape, **values)
        if not rows:
            raise Http404("No row is there for these values.")
        return rows[0]

    def _for(self, shape, values):
        of_values = tuple(len(one) if isinstance(one, list) else None if one is None else 0 for one in values.values())
        key = connection.vendor, shape, of_values
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= MOST_SHAPES:
                self._written.clear()
            marks = {name: _mark(value, number) for number, (name, value) in enumerate(values.items())}
            written = self._written[key] = Written(self.build(*shape, **marks), marks)
        return written


def sums(queryset, **aggregates):
    """What ``queryset.aggregate(**aggregates)`` says, as a queryset of the one row with these names."""
    return queryset.order_by().values(all=Value(0)).annotate(**aggregates).values_list(*aggregates, named=True)


def beside(queryset, *columns):
    """``queryset`` with the records beside its own that ``columns`` lead to, of which nothing else is loaded.

        beside(Payment.objects.all(), "student__user__full_name")

    A person has a dozen columns and a list shows the name: to load them all takes as long as the rest of the row.
    """
    own = [field.attname for field in queryset.model._meta.concrete_fields]
    paths = {column.rpartition("__")[0] for column in columns}
    return queryset.select_related(*paths).only(*own, *columns)


class Written:
    """The SQL of one queryset, where its values go, and how its rows become what the queryset yields."""

    def __init__(self, queryset, marks):
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, self.params = compiler.as_sql()
        self.places = _places(self.params, marks)
        selected = [expression for expression, *_ in compiler.select[: compiler.col_count]]
        self.converters = [
            (place, function, expression)
            for place, (functions, expression) in compiler.get_converters(selected).items()
            for function in functions
        ]
        self.prefetched = queryset._prefetch_related_lookups
        self.made = _maker(queryset, compiler)

    def rows(self, values):
        """What the queryset yields for ``values``, as a list."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.params_for(values))
            rows = cursor.fetchall()
        if self.converters:
            rows = [self._converted(row) for row in rows]
        rows = [self.made(row) for row in rows]
        if self.prefetched:
            prefetch_related_objects(rows, *self.prefetched)
        return rows

    def params_for(self, values):
        """The parameters of the SQL, with ``values`` in their places."""
        params = list(self.params)
        operations = connection.ops  # asked once: which connection is this thread's takes longer than to use it
        stored = {name: _as_stored(value, operations) for name, value in values.items()}
        for place, name, number in self.places:
            params[place] = stored[name] if number is None else stored[name][number]
        return params

    def _converted(self, row):
        row = list(row)
        for place, function, expression in self.converters:
            row[place] = function(row[place], expression, connection)
        return row


def _maker(queryset, compiler):
    """The function that makes of a row what ``queryset`` yields."""
    kind = queryset._iterable_class
    if kind is ValuesListIterable:
        return tuple
    if kind is FlatValuesListIterable:
        return lambda row: row[0]
    if kind is NamedValuesListIterable:
        named = namedtuple("Row", queryset._fields)  # type: ignore[misc]
        return lambda row: named(*row)
    if kind is not ModelIterable:
        raise TypeError("Only querysets of records and of values_list can be prepared.")
    records = Records(compiler.klass_info, compiler.select, queryset.db)
    annotated = list(compiler.annotation_col_map.items())

    def record(row):
        made = records.made_of(row)
        for name, place in annotated:
            setattr(made, name, row[place])
        return made

    return record if annotated else records.made_of


class Records:
    """Makes records of one model out of rows, with those that `select_related` loads beside them.

    As `Model.from_db` does, but for what a record that was only read can spare, which is most of its time: the signals of
    its making.
    """

    def __init__(self, info, select, db):
        if info.get("from_parent"):
            raise TypeError("A model that inherits from another's table cannot be prepared.")
        fields = info["select_fields"]
        self.model, self.db, self.first, self.last = info["model"], db, fields[0], fields[-1] + 1
        self.columns = [expression.target.attname for expression, *_ in select[self.first : self.last]]
        self.key = self.first + self.columns.index(self.model._meta.pk.attname)
        self.beside = [
            (Records(one, select, db), one["local_setter"], one["remote_setter"])
            for one in info.get("related_klass_infos", [])
        ]

    def made_of(self, row):
        """The record that ``row`` is about; None where an outer join found none."""
        if row[self.key] is None:
            return None
        made = self.model.__new__(self.model)
        made._state = state = ModelState()
        state.adding, state.db = False, self.db
        made.__dict__.update(zip(self.columns, row[self.first : self.last], strict=True))
        for records, to_other, to_this in self.beside:
            other = records.made_of(row)
            to_other(made, other)
            if other is not None:
                to_this(other, made)
        return made


def _places(params, marks):
    """``(place, name, number)``: where in ``params`` which value goes, ``number`` into a list."""
    names = {}
    for name, mark in marks.items():
        if mark is None:
            continue
        for number, one in enumerate(mark) if isinstance(mark, list) else [(None, mark)]:
            names[_as_stored(one, connection.ops)] = name, number
    found = [(place, *names[param]) for place, param in enumerate(params) if _is_among(param, names)]
    if lost := {name for name, _ in names.values()} - {name for _, name, _ in found}:
        raise TypeError(f"Not a value of the query as it is: {', '.join(sorted(lost))}.")
    return found


def _is_among(param, names):
    return isinstance(param, (int, str, datetime.date, datetime.time)) and param in names


def _filled_up(keys):
    """``keys`` with the last one repeated, up to the next of `LENGTHS`."""
    length = next((length for length in LENGTHS if length >= len(keys)), len(keys))
    return keys + keys[-1:] * (length - len(keys))


def _mark(value, number):
    """A value that stands for ``value`` and that no query has of itself; None stands for itself."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_mark(one, (number + 1) * 1000 + place) for place, one in enumerate(value)]
    if isinstance(value, int):
        return 2**62 + number
    if isinstance(value, str):
        return f"⟦{number}⟧"
    if isinstance(value, datetime.time):
        return datetime.time(3, 7, 11, 13 + number)
    if isinstance(value, datetime.datetime):
        return datetime.datetime(1987, 6, 5, 4, 3, 2, 1 + number, tzinfo=datetime.UTC)
    return datetime.date(1987, 6, 5) + datetime.timedelta(number)


def _as_stored(value, operations):
    if isinstance(value, list):
        return [_as_stored(one, operations) for one in value]
    if isinstance(value, datetime.datetime):
        return operations.adapt_datetimefield_value(value)
    if isinstance(value, datetime.date):
        return operations.adapt_datefield_value(value)
    if isinstance(value, datetime.time):
        return operations.adapt_timefield_value(value)
    return value
