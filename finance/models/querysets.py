from django.db.models import Subquery, Sum
from django.db.models.functions import Coalesce

from coachmaster.core.fields import ZERO_VALUE, MoneyField
from coachmaster.core.querysets import ScopedQuerySet


class OwnRowsQuerySet(ScopedQuerySet):
    """Rows that belong to one student."""

    def owned_by(self, key):
        return self.filter(student=key)

    def total(self):
        return self.aggregate(total=Coalesce(Sum("amount"), ZERO_VALUE))["total"]


def sum_of(rows, by="student"):
    """Return a subquery with the total of ``rows``, which all have the same ``by``."""
    return Coalesce(
        Subquery(rows.order_by().values(by).values(total=Sum("amount"))),
        ZERO_VALUE,
        output_field=MoneyField(),
    )
