from django.db.models import Q, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.models import StudentProfile
from coachmaster.core.fields import ZERO_VALUE, MoneyField
from coachmaster.core.querysets import ScopedQuerySet


class OwnRowsQuerySet(ScopedQuerySet):
    """Rows that belong to one student: own rows, and those of the students of own batches."""

    def owned_by(self, user_id):
        students = StudentProfile.objects.taught_by(user_id).values("pk")
        return self.filter(Q(student=user_id) | Q(student__in=students))

    def total(self):
        return self.aggregate(total=Coalesce(Sum("amount"), ZERO_VALUE))["total"]


def sum_of(rows, by="student"):
    """Return a subquery with the total of ``rows``, which all have the same ``by``."""
    return Coalesce(
        Subquery(rows.order_by().values(by).values(total=Sum("amount"))),
        ZERO_VALUE,
        output_field=MoneyField(),
    )
