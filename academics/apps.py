from django.apps import AppConfig
from django.db.models.signals import post_migrate


def create_institute(using="default", **kwargs):
    from .models import Institute

    Institute.objects.using(using).get_or_create(pk=Institute.ONLY)


class AcademicsConfig(AppConfig):
    name = "academics"

    def ready(self):
        post_migrate.connect(create_institute, sender=self, dispatch_uid="academics.institute")
