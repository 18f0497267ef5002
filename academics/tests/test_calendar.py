"""The calendar of a batch: class days and the next class."""

import datetime

import pytest
from django.utils import timezone

from academics.calendar import class_days, holidays_between, next_class
from academics.class_times import parse
from academics.services import save_batch

from .factories import BatchFactory, HolidayFactory

pytestmark = pytest.mark.django_db


def june(number):
    """A day of June 2026; the 1st is a Monday."""
    return datetime.date(2026, 6, number)


def moment(day, hour, minute=0):
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(hour, minute)))


def batch_with(text, **fields):
    batch = BatchFactory(starts_on=june(1), **fields)
    save_batch(batch, parse(text), despite_clash=True)
    return batch


def test_class_days_are_the_weekdays_of_the_class_times():
    batch = batch_with("Mon, Wed, Fri 17:00-18:30")

    assert class_days(batch, june(1), june(12)) == [june(1), june(3), june(5), june(8), june(10), june(12)]


def test_two_classes_on_a_day_are_one_class_day():
    batch = batch_with("Mon 09:00-10:00; Mon 17:00-18:30")

    assert class_days(batch, june(1), june(14)) == [june(1), june(8)]


def test_a_holiday_is_no_class_day():
    batch = batch_with("Mon-Wed 17:00-18:30")
    HolidayFactory(day=june(2))

    assert class_days(batch, june(1), june(7)) == [june(1), june(3)]


def test_class_days_lie_within_the_dates_of_the_batch():
    batch = batch_with("Mon 17:00-18:30", ends_on=june(15))

    assert class_days(batch, datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)) == [june(1), june(8), june(15)]


def test_an_open_batch_has_class_days_as_far_as_one_asks():
    batch = batch_with("Mon 17:00-18:30")

    assert len(class_days(batch, june(1), datetime.date(2027, 5, 31))) == 53


def test_a_batch_without_class_times_has_no_class_days(django_assert_num_queries):
    batch = BatchFactory(starts_on=june(1))

    with django_assert_num_queries(1):  # its class times
        assert class_days(batch, june(1), june(30)) == []


def test_a_list_of_batches_asks_for_holidays_once(django_assert_num_queries):
    HolidayFactory(day=june(2))
    batch = batch_with("Tue 17:00-18:30")
    holidays = holidays_between(june(1), june(30))

    with django_assert_num_queries(1):  # its class times
        assert class_days(batch, june(1), june(30), holidays=holidays) == [june(9), june(16), june(23), june(30)]


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
def test_the_next_class_is_the_first_that_has_not_ended(now, day, starts):
    batch = batch_with("Mon 09:00-10:00; Mon 17:00-18:30")

    found = next_class(batch, now)

    assert (found.day, f"{found.slot.starts_at:%H:%M}") == (day, starts)


def test_the_next_class_passes_over_holidays():
    batch = batch_with("Mon 17:00-18:30")
    HolidayFactory(day=june(8))

    assert next_class(batch, moment(june(2), 12)).day == june(15)


def test_a_batch_that_is_over_has_no_next_class():
    batch = batch_with("Mon 17:00-18:30", ends_on=june(8))

    assert next_class(batch, moment(june(8), 18, 29)).day == june(8)
    assert next_class(batch, moment(june(8), 18, 30)) is None


def test_the_clock_is_the_institutes():
    batch = batch_with("Mon 17:00-18:30")
    utc = datetime.datetime(2026, 6, 1, 13, 1, tzinfo=datetime.UTC)  # 18:31 in India

    assert next_class(batch, utc).day == june(8)
