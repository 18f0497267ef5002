from .models import Institute


def institute(request):
    """The settings, for the name at the top of each page."""
    return {"institute": Institute.objects.cached()}
