"""Lists: sorted and paged in the database, the filters kept in the address."""

from array import array
from dataclasses import dataclass

from django.core.paginator import Page, Paginator

ROWS_A_PAGE = 30
#: How many rows of a file are loaded at once.
ROWS_AT_ONCE = 500


@dataclass
class Listing:
    """One page of a list, with what its template needs to draw headings and the pager."""

    page: Page
    sort: str

    def __iter__(self):
        return iter(self.page)

    def __len__(self):
        return len(self.page)

    @property
    def total(self):
        """How many rows the whole list has."""
        return self.page.paginator.count


class Found:
    """A list of which a prepared query tells a page: ``find(columns, first, last)``, rows or keys in that order."""

    def __init__(self, find, total):
        self.find, self.total, self.columns = find, total, ()

    def order_by(self, *columns):
        self.columns = columns
        return self

    def values_list(self, *fields, flat):
        return self

    def __len__(self):
        return self.total

    def __getitem__(self, part):
        return self.find(self.columns, part.start, part.stop) if part.start < part.stop else []


def listing(request, queryset, sorts, *, default, rows=None, total=None, keys_first=False):
    """The page of ``queryset`` that the request asks for by ``?page=`` and ``?sort=``.

    ``sorts`` maps the words of the address to columns: ``{"name": ["full_name"], ...}``; `-name` turns them round.
    Unknown words mean ``default``, a page beyond the end means the last one. The key is always the last column, so
    that rows that compare equal do not wander between pages.

    With ``rows``, a `Prepared` of ``keys``, only keys are sorted and counted off, on the indexes of ``queryset``; what a row
    shows (joins, annotations) is then loaded for the rows of this page alone. For long tables.

    With ``keys_first`` only ids are sorted and paged, and the page's rows are loaded by a second query: for long tables
    whose rows show joins or annotations that would be read for every row.

    ``total`` spares the count where the caller knows it. A `Found` may stand for ``queryset``.
    """
    if keys_first:
        rows = _as_it_is(queryset)
    sort, ordered = _ordered(request, queryset, sorts, default)
    paginator = Paginator(ordered if rows is None else ordered.values_list("pk", flat=True), ROWS_A_PAGE)
    if total is not None:
        paginator.count = total
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = list(page.object_list) if rows is None else _in_order(rows, list(page.object_list))
    return Listing(page=page, sort=sort)


def listing_of(request, rows, sorts, *, default):
    """The page of ``rows``, which are loaded, as `listing` does; ``sorts`` maps the words of the address to key functions."""
    asked = request.GET.get("sort", "")
    sort = asked if asked.removeprefix("-") in sorts else default
    rows = sorted(rows, key=sorts[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return Listing(page=Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page")), sort=sort)


def _in_order(rows, keys):
    """The ``rows`` of these ``keys``, a list, in its order."""
    found = {row.pk: row for row in rows(keys=keys)}
    return [found[key] for key in keys if key in found]


def every_row(request, queryset, sorts, *, default, rows=None):
    """All rows of the list that `listing` would page, in the order asked for, for a file.

    Only the keys are held (8 bytes a row); the rows are loaded by the hundred, so that a slow download holds no cursor
    open, behind which nobody could write on SQLite.
    """
    _, ordered = _ordered(request, queryset, sorts, default)
    if rows is None:
        rows = _as_it_is(queryset)
    keys = array("q", ordered.values_list("pk", flat=True).iterator(chunk_size=2000))
    for start in range(0, len(keys), ROWS_AT_ONCE):
        yield from _in_order(rows, list(keys[start : start + ROWS_AT_ONCE]))


def _as_it_is(queryset):
    """The rows of ``queryset`` by key, where nobody has prepared them."""
    return lambda keys: queryset.filter(pk__in=keys)


def _ordered(request, queryset, sorts, default):
    """The sort that the request asks for, and ``queryset`` in that order."""
    asked = request.GET.get("sort", "")
    sort = asked if asked.removeprefix("-") in sorts else default
    descending = sort.startswith("-")
    columns = [
        column.removeprefix("-") if descending and column.startswith("-") else f"-{column}" if descending else column
        for column in sorts[sort.removeprefix("-")]
    ]
    return sort, queryset.order_by(*columns, "-pk" if descending else "pk")
