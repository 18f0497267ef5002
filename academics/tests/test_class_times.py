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
def test_days_are_parsed_in_common_spellings(text, days):
    assert parse(text) == [Slot(day, at("17:00"), at("18:30")) for day in days]


def test_days_can_have_different_times():
    assert parse("Sat 09:00-11:00; Mon 17:00-18:30") == [
        Slot(MON, at("17:00"), at("18:30")),
        Slot(SAT, at("09:00"), at("11:00")),
    ]


def test_empty_text_is_no_class():
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
def test_invalid_text_shows_error(text, sentence):
    with pytest.raises(ValidationError) as refusal:
        parse(text)
    assert refusal.value.messages[0].startswith(sentence)


def test_consecutive_classes_do_not_overlap():
    assert len(parse("Mon 17:00-18:00; Mon 18:00-19:00")) == 2


def test_long_invalid_text_is_refused_quickly():
    with pytest.raises(ValidationError):
        parse("Mon," * 20_000 + " 17:00")


def test_slots_are_grouped_by_time():
    slots = parse("Mon, Wed 17:00-18:30; Sat 09:00-11:00")

    assert group_by_time(slots) == [
        ([MON, WED], at("17:00"), at("18:30")),
        ([SAT], at("09:00"), at("11:00")),
    ]
    assert format_slots(slots) == "Mon, Wed 17:00-18:30; Sat 09:00-11:00"


def test_three_consecutive_days_are_formatted_as_range():
    assert format_slots(parse("Mon, Tue, Wed 17:00-18:30")) == "Mon-Wed 17:00-18:30"


times = st.times().map(lambda time: time.replace(second=0, microsecond=0))
weeks = st.sets(st.builds(Slot, st.integers(0, 6), times, times), max_size=12)


@given(weeks)
def test_formatted_slots_are_parsed_to_the_same_slots(week):
    try:
        slots = check(sorted(week))
    except ValidationError:
        return
    assert parse(format_slots(slots)) == slots
