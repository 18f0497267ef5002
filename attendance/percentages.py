from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db import models
from django.db.models.functions import Least


class MarkStatus(models.TextChoices):
    """What a mark says of a student."""

    PRESENT = "present", "Present"
    ABSENT = "absent", "Absent"
    LATE = "late", "Late"
    EXCUSED = "excused", "Excused"


#: By what the database holds, in their order: the class takes far longer to ask, and a page has a thousand marks.
STATUS_BY_VALUE = {status.value: status for status in MarkStatus}


@dataclass
class Tally:
    """How many marks there are of each kind, and the one percentage that follows from them.

    Late counts as attended; excused counts neither as attended nor as absent.
    """

    present: int = 0
    absent: int = 0
    late: int = 0
    excused: int = 0

    @classmethod
    def of(cls, statuses):
        """The Tally of statuses; None among them is no mark."""
        counted = Counter(statuses)
        return cls(**{status.value: counted[status] for status in MarkStatus})

    @property
    def attended(self):
        """Classes the student came to."""
        return self.present + self.late

    @property
    def counted(self):
        """Classes that count."""
        return self.attended + self.absent

    @property
    def total(self):
        """All marks."""
        return self.counted + self.excused

    @property
    def percentage(self):
        """Attended of counted in per cent, to one decimal; None when nothing counts yet."""
        if not self.counted:
            return None
        return (Decimal(100 * self.attended) / self.counted).quantize(
            Decimal("0.1"), rounding=ROUND_HALF_UP
        )

    @property
    def label(self):
        """The counts in words: `36 present · 3 absent · 1 late`."""
        counts = (
            ("present", self.present),
            ("absent", self.absent),
            ("late", self.late),
            ("excused", self.excused),
        )
        return " · ".join(f"{count} {status}" for status, count in counts if count) or "no marks"

    @property
    def calculation(self):
        """How the percentage comes about: `36 present + 2 late = 38 attended; 38 ÷ (38 + 4 absent) = 90.5 %`."""
        if not self.counted:
            return "no classes yet"
        attended = f"{self.present} present + {self.late} late = {self.attended} attended"
        left_out = f"; {self.excused} excused left out" if self.excused else ""
        return f"{attended}; {self.attended} ÷ ({self.attended} + {self.absent} absent) = {self.percentage_label}{left_out}"

    @property
    def percentage_label(self):
        """The percentage in words: `85 %`, "" when nothing counts yet."""
        return f"{self.percentage} %".replace(".0 ", " ") if self.counted else ""

    def __add__(self, other):
        return Tally(
            self.present + other.present,
            self.absent + other.absent,
            self.late + other.late,
            self.excused + other.excused,
        )

    def __str__(self):
        if not self.counted:
            return "no classes yet"
        return f"{self.attended} of {self.counted} · {self.percentage_label}"


def shortfall(attended, absent, percent, classes, minimum=min):
    """Return a number above 0 if at least ``classes`` count and less than ``percent`` per cent of them were attended.

    Of whole numbers, or of the database's expressions with `_least`.
    """
    return minimum(attended + absent - classes + 1, percent * absent - (100 - percent) * attended)


def least_expression(*expressions):
    return Least(*expressions, output_field=models.IntegerField())


@dataclass(frozen=True)
class AttendanceRequirement:
    """What share of the classes is expected, in per cent, and after how many classes that is asked."""

    percent: int
    classes: int

    @classmethod
    def of(cls, course, institute):
        """The course's own share, else the institute's."""
        return cls(
            course.low_attendance_percent or institute.low_attendance_percent,
            institute.low_attendance_classes,
        )

    def is_short(self, tally):
        """Whether enough classes count, and the share of them lies below what is expected."""
        return shortfall(tally.attended, tally.absent, self.percent, self.classes) > 0

    def is_borderline(self, tally):
        """Whether it would be short after the next absence, and is not yet."""
        return not self.is_short(tally) and self.is_short(tally + Tally(absent=1))

    def classes_needed(self, tally):
        """How many classes, none missed, bring back one that is short; None when nothing can (100 % after an absence)."""
        lack = self.percent * tally.counted - 100 * tally.attended
        return -(-lack // (100 - self.percent)) if self.percent < 100 else None
