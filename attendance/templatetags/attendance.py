"""Marks rendered once for each status, for pages with hundreds."""

from django import template
from django.template.loader import get_template
from django.utils.html import format_html

from attendance.percentages import MarkStatus

register = template.Library()


@register.simple_tag
def render_marks(template_name):
    """Render a template for each status and None."""
    mark_template = get_template(template_name)
    return {mark: mark_template.render({"mark": mark}) for mark in (*MarkStatus, None)}


@register.simple_tag
def rendered_mark(rendered, mark, key):
    """Return the HTML with ``key`` in place of `{key}`."""
    return format_html(rendered[mark], key=key)


@register.filter
def rendered_marks(marks, rendered):
    return [rendered[mark] for mark in marks]
