from dataclasses import dataclass

from django.db import models
from django.db.models.functions import Least

from .percentages import Tally


def shortfall(attended, absent, percent, minimum_classes, minimum=min):
    """Return a number above 0 if there were enough classes and too few were attended.

    Works on integers, and on database expressions with ``minimum=least_expression``.
    """
    return minimum(
        attended + absent - minimum_classes + 1,
        percent * absent - (100 - percent) * attended,
    )


def least_expression(*expressions):
    return Least(*expressions, output_field=models.IntegerField())


@dataclass(frozen=True)
class AttendanceRequirement:
    percent: int
    minimum_classes: int

    @classmethod
    def for_course(cls, course, institute):
        return cls(
            course.low_attendance_percent or institute.low_attendance_percent,
            institute.low_attendance_classes,
        )

    def is_short(self, tally):
        return shortfall(tally.attended, tally.absent, self.percent, self.minimum_classes) > 0

    def is_borderline(self, tally):
        """Return whether the next absence makes the attendance short."""
        return not self.is_short(tally) and self.is_short(tally + Tally(absent=1))

    def classes_needed(self, tally):
        """Return the classes in a row that end the shortage; None if no number can."""
        lack = self.percent * tally.counted - 100 * tally.attended
        return -(-lack // (100 - self.percent)) if self.percent < 100 else None
