import datetime

from django.template import Context, Template


def shown(expression, value):
    return Template(f"{{{{ value|{expression} }}}}").render(Context({"value": value}))


def test_filters_show_dates_in_local_time():
    late = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=datetime.UTC)

    assert shown("day", datetime.date(2026, 9, 4)) == "4 Sep 2026"
    assert shown("day", late) == "24 Nov 2026"
    assert shown("moment", late) == "24 Nov 2026, 01:30"
    assert shown("clock", late) == "01:30"
    assert shown("clock", datetime.time(0, 5)) == "00:05"


def test_filters_show_nothing_for_a_missing_date():
    assert [shown(name, None) for name in ("day", "moment", "clock")] == ["", "", ""]
