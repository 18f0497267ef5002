from .models import Institute


def institute(request):
    return {"institute": Institute.objects.cached()}
