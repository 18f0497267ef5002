"""`{% load fee_plans %}{% fee_plans course %}`: how a course's fee may be paid."""

from django import template

from finance.models import FeePlan

register = template.Library()


@register.inclusion_tag("finance/_fee_plans.html", takes_context=True)
def fee_plans(context, course):
    """The plans of ``course``, with what changes them for who may."""
    return {
        "course": course,
        "plans": FeePlan.objects.filter(course=course).order_by("-is_active", "name").prefetch_related("parts"),
        "perms": context["perms"],
    }
