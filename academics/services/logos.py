from typing import Any

from django.db import transaction

from academics.models import Institute, Logo
from coachmaster.core.logs import log_event


@transaction.atomic
def change_logo(picture):
    """Print ``picture`` on new receipts and on lists; None for no logo."""
    # Any: `_change_reason` is read by django-simple-history.
    institute: Any = Institute.objects.select_for_update().get(pk=Institute.ONLY)
    digest = Logo.objects.store(picture).digest if picture else ""
    if digest == institute.logo:
        return
    institute.logo = digest
    institute._change_reason = "Logo changed" if digest else "Logo removed"
    institute.save()
    log_event("settings changed", fields="logo")
