"""Stands in for pages that are being built."""

from django.http import HttpResponse


def pending(request, **kwargs):
    """A page to come."""
    return HttpResponse(status=501)
