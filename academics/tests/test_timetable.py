import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from academics.models import Batch
from academics.timetable import Timetable, class_days, next_class

from .factories import (
    BatchFactory,
    ClassChangeFactory,
    HolidayFactory,
    batch_with,
    held_classes,
    june,
)

pytestmark = pytest.mark.django_db


def moment(day, hour, minute=0):
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(hour, minute)))


def test_class_days_follow_weekly_class_times():
    batch = batch_with("Mon, Wed, Fri 17:00-18:30")

    assert class_days(batch, june(1), june(12)) == [
        june(1),
        june(3),
        june(5),
        june(8),
        june(10),
        june(12),
    ]


def test_two_classes_on_a_day_are_one_class_day():
    batch = batch_with("Mon 09:00-10:00; Mon 17:00-18:30")

    assert class_days(batch, june(1), june(14)) == [june(1), june(8)]


def test_holiday_is_not_a_class_day():
    batch = batch_with("Mon-Wed 17:00-18:30")
    HolidayFactory(day=june(2))

    assert class_days(batch, june(1), june(7)) == [june(1), june(3)]


def test_class_days_are_within_the_dates_of_the_batch():
    batch = batch_with("Mon 17:00-18:30", ends_on=june(15))

    assert class_days(batch, datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)) == [
        june(1),
        june(8),
        june(15),
    ]


def test_batch_without_last_day_has_class_days_to_the_end():
    batch = batch_with("Mon 17:00-18:30")

    assert len(class_days(batch, june(1), datetime.date(2027, 5, 31))) == 53


def test_batch_without_class_times_has_no_class_days():
    assert class_days(BatchFactory(starts_on=june(1)), june(1), june(30)) == []


def with_changes(number):
    """Batches with a cancelled class on 1 June, a moved one on 8 June, and classes on Tuesday."""
    batches = [
        batch_with("Mon, Tue 17:00-18:30", name=f"B{place}", ends_on=june(14))
        for place in range(number)
    ]
    for batch in batches:
        ClassChangeFactory(batch=batch, class_of=(june(1), "17:00-18:30"))
        ClassChangeFactory(
            batch=batch, class_of=(june(8), "17:00-18:30"), held=(june(10), "09:00-10:00")
        )
    return batches


def test_timetable_queries_do_not_grow_with_batches_and_changes(queries_of):
    HolidayFactory(day=june(2))
    batches = with_changes(6)

    def classes_of(some):
        return [
            (scheduled.batch.name, scheduled.day)
            for scheduled in held_classes(some, june(1), june(14))
        ]

    assert queries_of(lambda: classes_of(batches)) == queries_of(lambda: classes_of(batches[:1]))
    assert classes_of(batches) == [
        *((f"B{place}", june(9)) for place in range(6)),
        *((f"B{place}", june(10)) for place in range(6)),
    ]


def test_timetable_of_hundreds_of_batches():
    (batch,) = with_changes(1)
    others = [Batch(course=batch.course, name="Other", starts_on=june(1)) for _ in range(600)]
    Batch.objects.bulk_create(others)
    batch_with("Tue 17:00-18:30")  # not asked for

    found = held_classes([batch, *others], june(1), june(14))

    assert [(scheduled.batch, scheduled.day) for scheduled in found] == [
        (batch, june(2)),
        (batch, june(9)),
        (batch, june(10)),
    ]


def test_day_schedule_contains_holiday_and_cancelled_class():
    batch = batch_with("Mon, Tue, Thu 17:00-18:30")
    HolidayFactory(day=june(4), name="Diwali")
    ClassChangeFactory(batch=batch, class_of=(june(1), "17:00-18:30"), reason="Fever")
    ClassChangeFactory(
        batch=batch, class_of=(june(2), "17:00-18:30"), held=(june(5), "18:00-19:00"), reason="Exam"
    )
    ClassChangeFactory(
        batch=batch, class_of=(june(8), "17:00-18:30"), held=(june(8), "17:00-18:00"), reason="Hall"
    )
    timetable = Timetable([batch], june(1), june(14))

    def told(number):
        plan = timetable.schedule(batch, june(number))
        change = plan.called_off
        first_at = plan.first_at and plan.first_at.hour
        return (
            plan.is_planned,
            first_at,
            plan.holiday,
            change and change.reason,
            change and change.to_day,
        )

    assert {number: told(number) for number in (1, 2, 3, 4, 5, 8, 9)} == {
        1: (False, None, "", "Fever", None),
        2: (False, None, "", "Exam", june(5)),
        3: (False, None, "", None, None),
        4: (True, 17, "Diwali", None, None),
        5: (True, 18, "", None, None),
        8: (True, 17, "", "Hall", june(8)),
        9: (True, 17, "", None, None),
    }


@pytest.mark.parametrize(
    ("now", "day", "starts"),
    [
        (moment(june(1), 8), june(1), "09:00"),
        (moment(june(1), 9, 30), june(1), "09:00"),  # it goes on
        (moment(june(1), 10), june(1), "17:00"),
        (moment(june(1), 18, 30), june(8), "09:00"),
        (moment(datetime.date(2026, 5, 1), 12), june(1), "09:00"),  # before the batch starts
    ],
)
def test_next_class_is_the_first_that_has_not_ended(now, day, starts):
    batch = batch_with("Mon 09:00-10:00; Mon 17:00-18:30")

    found = next_class(batch, now)

    assert (found.day, f"{found.slot.starts_at:%H:%M}") == (day, starts)


def test_next_class_is_not_on_a_holiday():
    batch = batch_with("Mon 17:00-18:30")
    HolidayFactory(day=june(8))

    assert next_class(batch, moment(june(2), 12)).day == june(15)


def test_ended_batch_has_no_next_class():
    batch = batch_with("Mon 17:00-18:30", ends_on=june(8))

    assert next_class(batch, moment(june(8), 18, 29)).day == june(8)
    assert next_class(batch, moment(june(8), 18, 30)) is None


def test_next_class_uses_the_time_zone_of_the_institute():
    batch = batch_with("Mon 17:00-18:30")
    utc = datetime.datetime(2026, 6, 1, 13, 1, tzinfo=datetime.UTC)  # 18:31 in India

    assert next_class(batch, utc).day == june(8)


# Class changes


def classes(batch, first=datetime.date(2026, 6, 1), last=datetime.date(2026, 6, 14)):
    """Return `3 17:00 note` for each class in June, with a `-` in front if it is not held."""
    return [
        ("-" if scheduled.not_held_reason else "")
        + f"{scheduled.day.day} {scheduled.slot.starts_at:%H:%M}"
        + (f" {scheduled.note}" if scheduled.note else "")
        for scheduled in Timetable([batch], first, last).classes()
    ]


def test_cancelled_class_is_listed_with_its_reason():
    batch = batch_with("Mon, Wed 17:00-18:30")
    ClassChangeFactory(batch=batch, class_of=(june(3), "17:00-18:30"), reason="Fever")

    assert class_days(batch, june(1), june(10)) == [june(1), june(8), june(10)]
    assert classes(batch, last=june(8)) == ["1 17:00", "-3 17:00 Cancelled: Fever", "8 17:00"]


def test_one_of_two_classes_on_a_day_can_be_cancelled():
    batch = batch_with("Mon 09:00-10:00; Mon 17:00-18:30")
    ClassChangeFactory(batch=batch, class_of=(june(1), "09:00-10:00"))

    assert class_days(batch, june(1), june(7)) == [june(1)]
    assert [
        scheduled.slot.starts_at.hour for scheduled in held_classes([batch], june(1), june(7))
    ] == [17]


def test_class_moved_to_another_week_is_in_both_weeks():
    batch = batch_with("Mon 17:00-18:30", room="Room 1")
    ClassChangeFactory(
        batch=batch,
        class_of=(june(1), "17:00-18:30"),
        held=(june(9), "09:00-10:00"),
        room="Hall",
        reason="Exam",
    )

    assert classes(batch) == [
        "-1 17:00 Moved to Tue 9 Jun, 09:00: Exam",
        "8 17:00",
        "9 09:00 Moved from Mon 1 Jun, 17:00: Exam",
    ]
    assert [scheduled.room for scheduled in held_classes([batch], june(1), june(14))] == [
        "Room 1",
        "Hall",
    ]
    # Either week alone tells the same.
    assert class_days(batch, june(1), june(7)) == []
    assert class_days(batch, june(8), june(14)) == [june(8), june(9)]


def test_class_moved_within_a_day_keeps_the_class_day():
    batch = batch_with("Mon 17:00-18:30")
    ClassChangeFactory(
        batch=batch, class_of=(june(1), "17:00-18:30"), held=(june(1), "07:00-08:30")
    )

    assert class_days(batch, june(1), june(7)) == [june(1)]
    assert [
        scheduled.slot.starts_at.hour for scheduled in held_classes([batch], june(1), june(7))
    ] == [7]


def test_extra_class_adds_a_class_day():
    batch = batch_with("Mon 17:00-18:30")
    ClassChangeFactory(batch=batch, held=(june(7), "10:00-12:00"), reason="Revision")

    assert classes(batch, last=june(7)) == ["1 17:00", "7 10:00 Extra class: Revision"]


def test_no_class_of_any_kind_is_held_on_a_holiday():
    batch = batch_with("Mon, Wed 17:00-18:30")
    ClassChangeFactory(
        batch=batch, class_of=(june(3), "17:00-18:30"), held=(june(8), "09:00-10:00"), reason="Exam"
    )
    ClassChangeFactory(batch=batch, held=(june(8), "12:00-13:00"))
    HolidayFactory(day=june(8), name="Diwali")

    assert class_days(batch, june(1), june(9)) == [june(1)]
    assert classes(batch, june(8), june(8)) == [
        "-8 09:00 Holiday: Diwali",
        "-8 12:00 Holiday: Diwali",
        "-8 17:00 Holiday: Diwali",
    ]


def test_class_moved_away_from_a_holiday_is_held():
    batch = batch_with("Mon 17:00-18:30")
    HolidayFactory(day=june(1))
    ClassChangeFactory(
        batch=batch, class_of=(june(1), "17:00-18:30"), held=(june(2), "17:00-18:30")
    )

    assert class_days(batch, june(1), june(7)) == [june(2)]


def test_moved_classes_outside_the_dates_of_the_batch_are_ignored():
    batch = batch_with("Mon 17:00-18:30", ends_on=june(8))
    ClassChangeFactory(batch=batch, held=(june(9), "10:00-12:00"))

    assert class_days(batch, june(1), june(30)) == [june(1), june(8)]


def test_next_class_can_be_a_moved_class():
    batch = batch_with("Mon 17:00-18:30")
    ClassChangeFactory(
        batch=batch, class_of=(june(8), "17:00-18:30"), held=(june(4), "17:00-18:30")
    )

    assert next_class(batch, moment(june(2), 12)).day == june(4)
    assert next_class(batch, moment(june(4), 19)).day == june(15)


def test_class_day_needs_at_least_one_class_held():
    batch = batch_with("Mon 09:00-10:00; Mon, Wed, Thu 17:00-18:30", ends_on=june(18))
    HolidayFactory(day=june(11))
    for fields in [
        {"class_of": (june(1), "09:00-10:00")},  # one of two
        {"class_of": (june(3), "17:00-18:30")},
        {"class_of": (june(4), "17:00-18:30"), "held": (june(5), "17:00-18:30")},
        {"class_of": (june(8), "09:00-10:00"), "held": (june(8), "11:00-12:00")},
        {"class_of": (june(8), "17:00-18:30")},
        {
            "class_of": (june(10), "17:00-18:30"),
            "held": (june(11), "17:00-18:30"),
        },  # onto a holiday declared later
        {"held": (june(13), "10:00-12:00")},
        {"held": (june(20), "10:00-12:00")},  # after the batch was shortened
    ]:
        ClassChangeFactory(batch=batch, **fields)
    days = [june(day) for day in (1, 5, 8, 13, 15, 17, 18)]

    assert class_days(batch, june(1), june(25)) == days
    for day in map(june, range(1, 26)):  # the same for a single day
        plan = Timetable([batch], day, day).schedule(batch, day)
        assert (plan.is_planned and not plan.holiday) == (day in days), day


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": ""},
        {"class_of": None},  # neither out nor in
        {"ends_at": None},
        {"ends_at": datetime.time(16)},
        {"to_day": june(2)},
        {"held": (june(2), "18:00-17:00")},
        {"day": datetime.date(9999, 1, 1)},
    ],
)
def test_database_refuses_incomplete_change(fields):
    batch = batch_with("Mon 17:00-18:30")

    with pytest.raises(IntegrityError), transaction.atomic():
        ClassChangeFactory(batch=batch, **{"class_of": (june(1), "17:00-18:30"), **fields})


def test_database_refuses_second_change_of_a_class():
    batch = batch_with("Mon, Tue 17:00-18:30")
    ClassChangeFactory(
        batch=batch, class_of=(june(1), "17:00-18:30"), held=(june(5), "09:00-10:00")
    )

    for fields in (
        {"class_of": (june(1), "17:00-18:30")},
        {"class_of": (june(2), "17:00-18:30"), "held": (june(5), "09:00-11:00")},
        {"held": (june(5), "09:00-10:00")},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ClassChangeFactory(batch=batch, **fields)
    ClassChangeFactory(batch=batch, held=(june(6), "09:00-10:00"))
    ClassChangeFactory(batch=batch, held=(june(7), "09:00-10:00"))
