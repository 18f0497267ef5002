from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Files uploaded, checked, corrected and imported in the browser."""

    name = "coachmaster.imports"

    def ready(self):
        from coachmaster.core.importers.signals import imported_at_shell

        from .records import record_import_at_shell

        imported_at_shell.connect(record_import_at_shell, dispatch_uid="coachmaster.imports")
