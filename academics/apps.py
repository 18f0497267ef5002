from django.apps import AppConfig
from django.db.models.signals import post_migrate


def create_institute(using="default", **kwargs):
    """Make the one row about the institute, so that every page and lock finds it."""
    from .models import Institute

    Institute.objects.using(using).get_or_create(pk=Institute.ONLY)


class AcademicsConfig(AppConfig):
    """The institute, its courses and batches, and who is enrolled."""

    name = "academics"

    def ready(self):
        post_migrate.connect(create_institute, sender=self, dispatch_uid="academics.institute")
