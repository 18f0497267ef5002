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


def listing(request, queryset, sorts, *, default, total=None, keys_first=False):
    """Return the page of ``queryset`` that the request asks for by ``?page=`` and ``?sort=``.

    ``sorts`` maps the words of the address to columns: ``{"name": ["full_name"], ...}``; `-name` reverses them. Unknown
    words mean ``default``, a page beyond the end means the last one. The id is always the last column, so that rows that
    compare equal do not move between pages. ``total`` saves the count where the caller knows it.

    With ``keys_first`` only ids are sorted and paged, and a second query loads the rows of the page: for long tables
    whose rows show joins or annotations that would be read for every row.
    """
    sort, ordered = _ordered(request, queryset, sorts, default)
    paginator = Paginator(
        ordered.values_list("pk", flat=True) if keys_first else ordered, ROWS_A_PAGE
    )
    if total is not None:
        paginator.count = total
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = (
        _in_order(queryset, list(page.object_list)) if keys_first else list(page.object_list)
    )
    return Listing(page=page, sort=sort)


def listing_of(request, rows, sorts, *, default):
    """The page of ``rows``, which are loaded, as `listing` does; ``sorts`` maps the words of the address to key functions."""
    asked = request.GET.get("sort", "")
    sort = asked if asked.removeprefix("-") in sorts else default
    rows = sorted(rows, key=sorts[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return Listing(page=Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page")), sort=sort)


def _in_order(queryset, ids):
    """Return the rows of ``queryset`` with these ids, in their order."""
    found = {row.pk: row for row in queryset.filter(pk__in=ids)}
    return [found[key] for key in ids if key in found]


def every_row(request, queryset, sorts, *, default):
    """Yield all rows of the list that `listing` would page, in the order asked for, for a file.

    Only the ids are held (8 bytes a row). The rows are loaded by the hundred, so that a slow download holds no cursor
    open, behind which nobody could write on SQLite.
    """
    _, ordered = _ordered(request, queryset, sorts, default)
    ids = array("q", ordered.values_list("pk", flat=True).iterator(chunk_size=2000))
    for start in range(0, len(ids), ROWS_AT_ONCE):
        yield from _in_order(queryset, list(ids[start : start + ROWS_AT_ONCE]))


def _ordered(request, queryset, sorts, default):
    """The sort that the request asks for, and ``queryset`` in that order."""
    asked = request.GET.get("sort", "")
    sort = asked if asked.removeprefix("-") in sorts else default
    descending = sort.startswith("-")
    columns = [
        column.removeprefix("-")
        if descending and column.startswith("-")
        else f"-{column}"
        if descending
        else column
        for column in sorts[sort.removeprefix("-")]
    ]
    return sort, queryset.order_by(*columns, "-pk" if descending else "pk")
