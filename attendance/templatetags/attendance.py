"""`{% load attendance %}`: how sheet and register write marks. A page has hundreds, so what repeats is written once."""

from functools import lru_cache

from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from attendance.models import Status

register = template.Library()

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

# The four choices of a row differ in the student's id and in which one is checked: written once for each status.
_CHOICES = {
    checked.value: "".join(
        f'<input type="radio" name="mark-{{0}}" value="{status.value}" id="{status.value[0]}{{0}}"'
        f'{" checked" if status is checked else ""}><label for="{status.value[0]}{{0}}">{status.label}</label>'
        for status in Status
    )
    for checked in Status
}


@register.filter
def mark_choices(status, student_id):
    """The four choices for one student, ``status`` checked: `{{ row.status|mark_choices:row.student_id }}`."""
    return format_html(_CHOICES[status], int(student_id))


@register.filter
def last_marks(statuses):
    """The last marks of a student, the oldest first: their letters, and their words for a screen reader."""
    return _last_marks(tuple(statuses))


@lru_cache(maxsize=1024)
def _last_marks(statuses):
    if not any(statuses):
        return ""
    letters = "".join(
        format_html('<b class="m-{}">{}</b>', status.value, status.label[0]) if status else "<b>·</b>"
        for status in statuses
    )
    words = ", ".join(status.label.lower() if status else "no mark" for status in statuses)
    return format_html(
        '<span class="sheet-last"><span aria-hidden="true" title="The last classes">{}</span>'
        '<span class="visually-hidden">Last classes: {}.</span></span>',
        mark_safe(letters),  # noqa: S308 — made of the constants above
        words,
    )


@register.filter
def mark_cells(marks):
    """The cells of one student's row: P, A, L or E with a colour beside it, and the word for a screen reader."""
    return mark_safe("".join(_CELLS[mark] for mark in marks))  # noqa: S308 — made of the constants above
