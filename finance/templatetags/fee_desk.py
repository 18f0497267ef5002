"""`{% load fee_desk %}`: what other pages show of the fee desk."""

from django import template
from django.db.models import Count
from django.template.loader import render_to_string

from coachmaster.ground.prepared import Prepared, sums
from finance.models import Concession, FeePlan

register = template.Library()


@Prepared
def _waiting():
    return sums(Concession.objects.waiting(), number=Count("token", distinct=True))


@register.inclusion_tag("finance/_fee_plans.html", takes_context=True)
def fee_plans(context, course):
    """How the fee of ``course`` may be paid, with what changes it for who may."""
    return {
        "course": course,
        "plans": FeePlan.objects.filter(course=course).order_by("-is_active", "name").prefetch_related("parts"),
        "perms": context["perms"],
    }


@register.simple_tag
def waiting_concessions():
    """A line that leads to the concessions which wait for approval; nothing when none does."""
    waiting = _waiting.first().number
    return render_to_string("finance/_waiting.html", {"waiting": waiting}) if waiting else ""
