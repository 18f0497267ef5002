"""Template tags that every page may use; they are built in, no `{% load %}` needed."""

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import urlencode

from coachmaster.core import money as money_money
from coachmaster.core.dates import format_date
from coachmaster.core.money import display
from coachmaster.core.phones import display_phone, phone_url

register = template.Library()


@register.filter(expects_localtime=True)
def day(value):
    """`{{ payment.paid_on|day }}`: 24 Nov 2026. Quicker than Django's `date` where a list shows many."""
    return format_date(value) if value else ""


@register.filter(expects_localtime=True)
def moment(value):
    """`{{ token.created_at|moment }}`: 24 Nov 2026, 17:30."""
    return f"{format_date(value)}, {value:%H:%M}" if value else ""


@register.filter(expects_localtime=True)
def clock(value):
    """`{{ slot.starts_at|clock }}`: 17:30."""
    return f"{value:%H:%M}" if value else ""


@register.filter
def rupees(amount):
    """`{{ payment.amount|rupees }}`: ₹1,25,000.00."""
    return "" if amount is None else display(amount)


@register.filter
def whole_rupees(amount):
    """An amount for a tile, without the paise when there are none: ₹1,25,000."""
    return "" if amount is None else display(amount).removesuffix(".00")


@register.filter
def grouped(number):
    """A number of people or things as it is read in India: 1,00,080."""
    return money_money.grouped(number)


@register.filter
def in_words(amount):
    """`{{ payment.amount|in_words }}`: Rupees five thousand only."""
    return money_money.in_words(amount)


@register.filter
def words(text):
    """`{% for step in "Upload,Check"|words %}`: a short list written in a template."""
    return text.split(",")


@register.filter
def field_title(name):
    """The name of a column for people: `full_name` → `Full name`."""
    return name.replace("_", " ").capitalize()


register.filter("phone", display_phone)
register.filter("dial", phone_url)


@register.filter
def initials(name):
    """Up to two letters that stand for a name."""
    words = str(name).split()
    return "".join(word[0] for word in [words[0], *words[1:][-1:]]).upper() if words else "?"


@register.inclusion_tag("includes/icon.html", takes_context=True)
def icon(context, name):
    """`{% icon "search" %}`: a picture beside words; a screen reader passes over it."""
    return {"name": name, "icons": context.get("icons") or static("icons.svg")}


@register.inclusion_tag("includes/email.html")
def email(address):
    """`{% email person.email %}`: an address that breaks, where it has to, before its @ and not just anywhere."""
    local, _, host = address.partition("@")
    return {"local": local, "host": host}


@register.inclusion_tag("includes/chart.html")
def figure(chart):
    """`{% figure by_month %}`: a chart (see `ground.charts`) as a drawing, with its figures as a table."""
    return {"chart": chart}


@register.inclusion_tag("includes/sort_heading.html", takes_context=True)
def sort_heading(context, page, key, label, align=""):
    """A column heading that sorts by ``key``; a second press turns the order round. Filters are kept."""
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
    """A link of the main navigation: the current one on its own page and below each of ``prefixes``."""
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
    """The numbers a pager shows around the page ``number``; None stands for a gap."""
    return [
        n if isinstance(n, int) else None
        for n in paginator.get_elided_page_range(number, on_each_side=1, on_ends=1)
    ]
