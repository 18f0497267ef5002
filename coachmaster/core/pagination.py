from array import array

from django.core.paginator import Page, Paginator

PAGE_SIZE = 30
#: Rows of a page that is printed.
PRINT_SIZE = 1000
_CHUNK = 500


def page_size(request):
    """Return the rows of a page; more of them for `?rows=all`, of lists that are printed."""
    return PRINT_SIZE if request.GET.get("rows") == "all" else PAGE_SIZE


class ListPage(Page):
    def __init__(self, page, rows, sort=""):
        super().__init__(rows, page.number, page.paginator)
        self.sort = sort

    @property
    def total(self):
        return self.paginator.count


def paginate(request, queryset, sorts, *, default, total=None, ids_first=False, is_printed=False):
    """Return the ListPage that `?page=` and `?sort=` ask for.

    ``sorts`` maps sort names to columns, ``{"name": ["full_name"]}``; `-name` reverses them.
    ``total`` saves the count. With ``ids_first`` joins and annotations are read for the rows of
    the page only. ``is_printed`` allows `?rows=all`.
    """
    sort, ordered = _ordered(request, queryset, sorts, default)
    size = page_size(request) if is_printed else PAGE_SIZE
    paginator = Paginator(ordered.values_list("pk", flat=True) if ids_first else ordered, size)
    if total is not None:
        paginator.count = total
    page = paginator.get_page(request.GET.get("page"))
    rows = list(page.object_list)
    return ListPage(page, _by_ids(queryset, rows) if ids_first else rows, sort)


def paginate_rows(request, rows, sorts=None, *, default="", is_printed=False):
    """Return the ListPage of a list; ``sorts`` maps sort names to key functions."""
    sort = _sort(request, sorts or {}, default)
    if sort:
        rows = sorted(rows, key=sorts[sort.removeprefix("-")], reverse=sort.startswith("-"))
    size = page_size(request) if is_printed else PAGE_SIZE
    page = Paginator(rows, size).get_page(request.GET.get("page"))
    return ListPage(page, page.object_list, sort)


def all_rows(request, queryset, sorts, *, default, as_rows=None):
    """Yield every row in the order asked for; ``as_rows`` converts each chunk."""
    _, ordered = _ordered(request, queryset, sorts, default)
    # Chunks of rows by their ids: on SQLite an open cursor would block writers during a download.
    ids = array("q", ordered.values_list("pk", flat=True).iterator(chunk_size=2000))
    for start in range(0, len(ids), _CHUNK):
        rows = _by_ids(queryset, list(ids[start : start + _CHUNK]))
        yield from as_rows(rows) if as_rows else rows


def _by_ids(queryset, ids):
    rows = {row.pk: row for row in queryset.filter(pk__in=ids)}
    return [rows[pk] for pk in ids if pk in rows]


def _sort(request, sorts, default):
    sort = request.GET.get("sort", "")
    return sort if sort.removeprefix("-") in sorts else default


def _ordered(request, queryset, sorts, default):
    sort = _sort(request, sorts, default)
    columns = sorts[sort.removeprefix("-")]
    # The id comes last, so that equal rows do not move between pages.
    if not sort.startswith("-"):
        return sort, queryset.order_by(*columns, "pk")
    return sort, queryset.order_by(*map(_reversed, columns), "-pk")


def _reversed(column):
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"
