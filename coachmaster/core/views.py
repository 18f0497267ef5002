from django.shortcuts import render

from .exports import requested_export
from .pagination import all_rows, paginate


def form_page(
    request,
    form,
    *,
    title,
    template="form_page.html",
    lead="",
    submit="Save",
    cancel="Cancel",
    back="",
    back_label="Back",
    context=None,
):
    """Render a page with one form; ``back`` is the URL of the page that led to it."""
    return render(
        request,
        template,
        {
            "form": form,
            "title": title,
            "lead": lead,
            "submit": submit,
            "cancel": cancel,
            "back": back,
            "back_label": back_label,
            **(context or {}),
        },
    )


def list_page(
    request,
    queryset,
    *,
    template,
    sorts,
    default_sort,
    filters=None,
    export=None,
    filename="",
    as_rows=None,
    total=None,
    ids_first=False,
    is_printed=False,
    context=None,
):
    """Render the list as ``page``, or download ``export`` columns for `?as=csv` and `?as=xlsx`.

    ``as_rows`` converts a list of objects for both. ``context`` may be a function, which is
    called for a page only.
    """
    if export:
        rows = all_rows(request, queryset, sorts, default=default_sort, as_rows=as_rows)
        if file := requested_export(request, filename, export, rows):
            return file
    page = paginate(
        request,
        queryset,
        sorts,
        default=default_sort,
        total=total,
        ids_first=ids_first,
        is_printed=is_printed,
    )
    if as_rows:
        page.object_list = as_rows(page.object_list)
    if callable(context):
        context = context()
    return render(request, template, {"page": page, "filters": filters, **(context or {})})
