"""`{% load attendance %}`: how a register writes a mark."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from attendance.models import Status

register = template.Library()

# A register has a thousand cells of five kinds, so each kind is written once.
_CELLS = {
    status: format_html(
        '<td class="m m-{}"><span aria-hidden="true">{}</span><span class="visually-hidden">{}</span></td>',
        status.value,
        status.label[0],
        status.label,
    )
    for status in Status
}
_CELLS[None] = mark_safe(
    '<td class="m"><span aria-hidden="true">·</span><span class="visually-hidden">no mark</span></td>'
)


@register.filter
def mark_cells(marks):
    """The cells of one student's row: P, A, L or E with a colour beside it, and the word for a screen reader."""
    return mark_safe("".join(_CELLS[mark] for mark in marks))  # noqa: S308 — made of the constants above
