from django.apps import AppConfig
from django.db.models.signals import post_delete


class AttendanceConfig(AppConfig):
    name = "attendance"

    def ready(self):
        from . import statistics

        post_delete.connect(
            statistics.after_mark_deleted,
            sender=self.get_model("Mark"),
            dispatch_uid="attendance.statistics",
        )
