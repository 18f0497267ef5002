"""Group dues by the days since they were due."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AgeGroup:
    """A range of days overdue; negative days are not yet due, None is no limit."""

    key: str
    label: str
    min_days: int | None
    max_days: int | None

    def includes(self, days):
        return (self.min_days is None or days >= self.min_days) and (
            self.max_days is None or days <= self.max_days
        )


AGE_GROUPS = [
    AgeGroup("later", "Not yet due", None, -1),
    AgeGroup("today", "Due today", 0, 0),
    AgeGroup("1-30", "Overdue 1–30 days", 1, 30),
    AgeGroup("31-60", "Overdue 31–60 days", 31, 60),
    AgeGroup("61-90", "Overdue 61–90 days", 61, 90),
    AgeGroup("over-90", "Overdue over 90 days", 91, None),
]
OVERDUE_GROUPS = AGE_GROUPS[2:]
OVERDUE = AgeGroup("overdue", "Overdue, total", 1, None)
AGE_GROUP_BY_KEY = {group.key: group for group in [*AGE_GROUPS, OVERDUE]}


def age_group(days):
    return next(group for group in AGE_GROUPS if group.includes(days))
