from django.db.models import Count, Subquery
from django.db.models.functions import Coalesce


def count_subquery(queryset, group):
    """Count in a subquery, since two joined counts would multiply."""
    counted = queryset.order_by().values(group).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
