from django.db.models import Subquery, Sum
from django.db.models.functions import Coalesce

from coachmaster.core.fields import ZERO_VALUE, MoneyField
from coachmaster.core.querysets import ScopedQuerySet


def percent(percent):
    """Per cent as people write it: `40 %`, `12.5 %`."""
    return f"{percent.normalize():f} %"


class OwnRowsQuerySet(ScopedQuerySet):
    """Rows that belong to one student."""

    def owned_by(self, key):
        return self.filter(student=key)

    def total(self):
        """The sum of the amounts."""
        return self.aggregate(total=Coalesce(Sum("amount"), ZERO_VALUE))["total"]


#: How many digits a receipt number has, and more only where it needs them; it has room for two more.
DIGITS = 5


def sum_of(rows, by="student"):
    """The sum of the amounts of ``rows``, which all have the same ``by``, as a subquery."""
    return Coalesce(
        Subquery(rows.order_by().values(by).values(total=Sum("amount"))),
        ZERO_VALUE,
        output_field=MoneyField(),
    )
