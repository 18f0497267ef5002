"""Pages that draw on every app: dashboards, the student's hub, search."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpResponse


@login_not_required
def health(request):
    """Whether the site is up and reaches its database; says no more than that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
