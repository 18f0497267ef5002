"""What every page's head shows."""

from .models import Institute


def institute(request):
    """The institute, for the name in the head of each page."""
    return {"institute": Institute.objects.cached()}
