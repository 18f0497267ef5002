"""Marks on sheets and registers, rendered once for each status, for pages with hundreds of them."""

from django import template
from django.template.loader import get_template
from django.utils.html import format_html

from attendance.percentages import MarkStatus

register = template.Library()


@register.simple_tag
def render_marks(template_name):
    """`{% render_marks "…/_cell.html" as cells %}`: the template for each `mark`, and for None."""
    mark_template = get_template(template_name)
    return {mark: mark_template.render({"mark": mark}) for mark in (*MarkStatus, None)}


@register.simple_tag
def rendered_mark(rendered, mark, key):
    """`{% rendered_mark choices status key %}`: HTML of one mark with ``key`` in place of `{key}`."""
    return format_html(rendered[mark], key=key)


@register.filter
def rendered_marks(marks, rendered):
    """`{{ row.marks|rendered_marks:cells|join:"" }}`"""
    return [rendered[mark] for mark in marks]


@register.filter
def marks_label(marks):
    """`present, no mark, late`, for screen readers; empty if there is no mark at all."""
    if not any(marks):
        return ""
    return ", ".join(mark.label.lower() if mark else "no mark" for mark in marks)
