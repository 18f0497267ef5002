"""`{% load attendance %}`: marks on sheets and registers. A page has hundreds of five kinds."""

from django import template
from django.template.loader import get_template
from django.utils.html import format_html

from attendance.percentages import MarkStatus

register = template.Library()


@register.simple_tag
def each_mark(template_name):
    """`{% each_mark "attendance/registers/_cell.html" as cells %}`: the template drawn for each `mark`, and for None."""
    piece = get_template(template_name)
    return {mark: piece.render({"mark": mark}) for mark in (*MarkStatus, None)}


@register.simple_tag
def drawn_for(pieces, mark, key):
    """`{% drawn_for choices status key %}`: the piece that `each_mark` drew for ``mark``, with ``key`` in place of `{key}`."""
    return format_html(pieces[mark], key=key)


@register.filter
def drawn_as(marks, pieces):
    """`{{ row.marks|drawn_as:cells|join:"" }}`: for each mark the piece that `each_mark` drew."""
    return [pieces[mark] for mark in marks]


@register.filter
def in_mark_words(marks):
    """Marks for a screen reader ("present, no mark, late"); empty where there is none at all."""
    if not any(marks):
        return ""
    return ", ".join(mark.label.lower() if mark else "no mark" for mark in marks)
