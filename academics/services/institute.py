from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.forms import model_to_dict

from academics.models import Enrollment, Institute
from coachmaster.core.logs import log_event


@transaction.atomic
def save_institute(institute):
    """Save the settings and what active enrollments copy of them."""
    stored = lock_and_check_settings(institute)
    institute.save()
    before = model_to_dict(stored)
    changed = [name for name, value in model_to_dict(institute).items() if value != before[name]]
    log_event("settings changed", fields=",".join(changed))
    if institute.several_batches_at_once != stored.several_batches_at_once:
        Enrollment.objects.active().update(is_exclusive=not institute.several_batches_at_once)


def lock_and_check_settings(institute):
    """Return the stored settings, locked."""
    stored = Institute.objects.select_for_update().get(pk=Institute.ONLY)
    if stored.several_batches_at_once and not institute.several_batches_at_once:
        students = (
            Enrollment.objects.active()
            .order_by("student__user__full_name")
            .values_list("student__user__full_name", "student")
            .annotate(number=Count("pk"))
            .filter(number__gt=1)
        )
        if number := students.count():
            names = ", ".join(name for name, *_ in students[:3])
            more = f" and {number - 3} more" if number > 3 else ""
            have = "1 student has" if number == 1 else f"{number} students have"
            message = (
                f"{have} more than one active enrollment: {names}{more}. "
                "Complete or drop the others first."
            )
            raise ValidationError({"several_batches_at_once": message})
    return stored
