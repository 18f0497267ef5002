from django.apps import AppConfig
from django.db.models.signals import post_migrate


class FinanceConfig(AppConfig):
    name = "finance"

    def ready(self):
        from . import triggers
        from .services import approval_limits  # noqa: F401 - limits which roles people assign

        post_migrate.connect(
            triggers.make_append_only, sender=self, dispatch_uid="finance.triggers"
        )
