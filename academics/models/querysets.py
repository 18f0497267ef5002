from django.db.models import Count, Subquery
from django.db.models.functions import Coalesce


def count_subquery(queryset, group):
    """A subquery that counts ``queryset`` by ``group``: joins of two counts would multiply each other."""
    counted = queryset.order_by().values(group).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
