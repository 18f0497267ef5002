"""Template tags and filters that need no `{% load %}`."""

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import urlencode

from coachmaster.core import money
from coachmaster.core.dates import format_date
from coachmaster.core.phones import display_phone, phone_url

register = template.Library()

register.filter("grouped", money.grouped)
register.filter("in_words", money.in_words)
register.filter("phone", display_phone)
register.filter("dial", phone_url)


@register.filter(expects_localtime=True)
def day(value):
    """`{{ payment.paid_on|day }}`: 24 Nov 2026. Much faster than `date` in a long list."""
    return format_date(value) if value else ""


@register.filter(expects_localtime=True)
def moment(value):
    """24 Nov 2026, 17:30."""
    return f"{format_date(value)}, {value:%H:%M}" if value else ""


@register.filter(expects_localtime=True)
def clock(value):
    return f"{value:%H:%M}" if value else ""


@register.filter
def rupees(amount):
    """₹1,25,000.00."""
    return "" if amount is None else money.display(amount)


@register.filter
def whole_rupees(amount):
    """₹1,25,000, with paise only where there are any."""
    return "" if amount is None else money.short(amount)


@register.filter
def split_commas(text):
    """Split at commas: `{% for step in "Upload,Check"|split_commas %}`."""
    return text.split(",")


@register.filter
def field_title(name):
    """Return `Full name` for `full_name`."""
    return name.replace("_", " ").capitalize()


@register.filter
def initials(name):
    parts = str(name).split()
    return "".join(part[0] for part in [parts[0], *parts[1:][-1:]]).upper() if parts else "?"


@register.inclusion_tag("includes/icon.html", takes_context=True)
def icon(context, name):
    """`{% icon "search" %}`, hidden from screen readers."""
    return {"name": name, "icons": context.get("icons") or static("icons.svg")}


@register.inclusion_tag("includes/email.html")
def email(address):
    """Let an email address wrap before its @ only."""
    local, _, host = address.partition("@")
    return {"local": local, "host": host}


@register.inclusion_tag("includes/chart.html")
def figure(chart):
    """Draw a chart of `core.charts` with its values as a table."""
    return {"chart": chart}


@register.inclusion_tag("includes/sort_heading.html", takes_context=True)
def sort_heading(context, page, key, label, align=""):
    """`{% sort_heading page "name" "Student" %}`; filters are kept."""
    parameters = context["request"].GET.copy()
    parameters.pop("page", None)
    ascending = page.sort == key
    parameters["sort"] = f"-{key}" if ascending else key
    return {
        "label": label,
        "align": align,
        "query": urlencode(parameters.lists(), doseq=True),
        "order": "ascending" if ascending else "descending" if page.sort == f"-{key}" else "",
    }


@register.inclusion_tag("includes/nav_link.html", takes_context=True)
def nav_link(context, name, label, icon_name, prefixes="", *args):
    """Return a link of the main navigation, also current on paths that begin with a prefix."""
    path, href = context["request"].path, reverse(name, args=args)
    return {
        "href": href,
        "label": label,
        "icon_name": icon_name,
        "icons": context["icons"],
        "is_current": path == href or path.startswith(tuple(prefixes.split())),
    }


@register.filter
def page_numbers(paginator, number):
    """Return page numbers, and None for a gap."""
    return [
        n if isinstance(n, int) else None
        for n in paginator.get_elided_page_range(number, on_each_side=1, on_ends=1)
    ]
