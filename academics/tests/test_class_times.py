"""Class times as text, and back."""

import datetime

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from academics.class_times import Slot, check, format_slots, group_by_time, parse


def at(text):
    return datetime.time.fromisoformat(text)


MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Mon 17:00-18:30", [MON]),
        ("Mon, Wed, Fri 17:00-18:30", [MON, WED, FRI]),
        ("monday wednesday 17.00 to 18.30", [MON, WED]),
        ("Mon-Fri 17:00-18:30", [MON, TUE, WED, THU, FRI]),
        ("Mon – Wed, Sat 17:00 – 18:30", [MON, TUE, WED, SAT]),
        ("Sat-Mon 17:00-18:30", [MON, SAT, SUN]),
        ("Mon 17:00-18:30; Mon 17:00-18:30", [MON]),
    ],
)
def test_days_are_read_as_people_write_them(text, days):
    assert parse(text) == [Slot(day, at("17:00"), at("18:30")) for day in days]


def test_parts_may_have_times_of_their_own():
    assert parse("Sat 09:00-11:00; Mon 17:00-18:30") == [
        Slot(MON, at("17:00"), at("18:30")),
        Slot(SAT, at("09:00"), at("11:00")),
    ]


def test_nothing_written_is_no_class():
    assert parse("") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Mon 17:00", "“Mon 17:00” is not a class time."),
        ("17:00-18:00", "“17:00-18:00” is not a class time."),
        ("Mon 25:00-26:00", "“25:00” is not a time of day."),
        ("Mon 17:60-18:00", "“17:60” is not a time of day."),
        ("Mo 17:00-18:00", "“Mo” is not a day of the week."),
        ("Funday 17:00-18:00", "“Funday” is not a day of the week."),
        ("Mon 18:00-17:00", "A class on Mon must end after it starts."),
        ("Mon 17:00-17:00", "A class on Mon must end after it starts."),
        ("Mon 17:00-18:30; Mon-Tue 18:00-19:00", "Two classes on Mon overlap."),
        ("💥", "“💥” is not a class time."),
    ],
)
def test_what_is_not_understood_gets_a_sentence(text, sentence):
    with pytest.raises(ValidationError) as refusal:
        parse(text)
    assert refusal.value.messages[0].startswith(sentence)


def test_classes_one_after_the_other_do_not_overlap():
    assert len(parse("Mon 17:00-18:00; Mon 18:00-19:00")) == 2


def test_a_long_nonsense_is_refused_at_once():
    with pytest.raises(ValidationError):
        parse("Mon," * 20_000 + " 17:00")


def test_slots_that_share_a_time_are_one_group():
    slots = parse("Mon, Wed 17:00-18:30; Sat 09:00-11:00")

    assert group_by_time(slots) == [
        ([MON, WED], at("17:00"), at("18:30")),
        ([SAT], at("09:00"), at("11:00")),
    ]
    assert format_slots(slots) == "Mon, Wed 17:00-18:30; Sat 09:00-11:00"


def test_three_days_in_a_row_are_written_as_a_range():
    assert format_slots(parse("Mon, Tue, Wed 17:00-18:30")) == "Mon-Wed 17:00-18:30"


times = st.times().map(lambda time: time.replace(second=0, microsecond=0))
weeks = st.sets(st.builds(Slot, st.integers(0, 6), times, times), max_size=12)


@given(weeks)
def test_what_is_written_reads_back_the_same(week):
    try:
        slots = check(sorted(week))
    except ValidationError:
        return
    assert parse(format_slots(slots)) == slots
