import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Institute, Logo
from coachmaster.core.logs import log_event

#: Logos are kept for good, since earlier receipts show them.
MOST_AN_HOUR = 20
_CHANGED = "Logo changed"


@transaction.atomic
def change_logo(picture):
    """Print ``picture`` on new receipts and on lists; None for no logo."""
    # Any: `_change_reason` is read by django-simple-history.
    institute: Any = Institute.objects.select_for_update().get(pk=Institute.ONLY)
    digest = Logo.objects.store(picture).digest if picture else ""
    if digest == institute.logo:
        return
    if digest:
        _check_changes_of_last_hour()
    institute.logo = digest
    institute._change_reason = _CHANGED if digest else "Logo removed"
    institute.save()
    log_event("settings changed", fields="logo")


def _check_changes_of_last_hour():
    since = timezone.now() - datetime.timedelta(hours=1)
    changes = Institute.history.filter(history_date__gte=since, history_change_reason=_CHANGED)
    if changes.count() >= MOST_AN_HOUR:
        raise ValidationError(
            f"The logo was changed {MOST_AN_HOUR} times in an hour. Try again later."
        )
