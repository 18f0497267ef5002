import datetime

import pytest
import time_machine
from django.urls import reverse

from academics.models import Holiday
from attendance.tests.factories import save_marks

from .factories import BatchFactory, EnrollmentFactory, HolidayFactory

pytestmark = pytest.mark.django_db


def add(client, **values):
    return client.post(
        reverse("academics:holiday-create"), {"name": "Diwali", "first": "", "last": "", **values}
    )


def messages_of(client):
    page = client.get(reverse("academics:holiday-list"))
    return [str(message) for message in page.context["messages"]]


def test_admin_adds_holiday(client_of, admin):
    client = client_of(admin)

    add(client, first="08/11/2026")

    assert [(holiday.day, holiday.name) for holiday in Holiday.objects.all()] == [
        (datetime.date(2026, 11, 8), "Diwali")
    ]
    assert messages_of(client) == ["Holiday Diwali added: 8 Nov 2026."]


def test_admin_adds_several_days_and_existing_holidays_keep_their_name(client_of, admin):
    HolidayFactory(day=datetime.date(2026, 11, 9), name="Govardhan Puja")
    client = client_of(admin)

    add(client, first="2026-11-08", last="2026-11-10")

    assert [str(holiday) for holiday in Holiday.objects.all()] == [
        "Diwali, 08 Nov 2026",
        "Govardhan Puja, 09 Nov 2026",
        "Diwali, 10 Nov 2026",
    ]
    assert messages_of(client) == [
        "Holiday Diwali added: 8 Nov 2026 to 10 Nov 2026, 2 days.",
        "Already a holiday and not renamed: 9 Nov 2026.",
    ]


def test_holiday_keeps_existing_attendance_and_warns(client_of, admin):
    with time_machine.travel(datetime.datetime(2026, 7, 1, 6, 30, tzinfo=datetime.UTC)):
        batch = EnrollmentFactory().batch
        sheet = save_marks(batch, datetime.date(2026, 6, 10))
        client = client_of(admin)

        add(client, first="2026-06-10")

        assert (
            messages_of(client)[1]
            == "Attendance was already marked: 1 attendance sheet is kept and counted."
        )
    sheet.refresh_from_db()
    assert sheet.marks.count() == 1


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"first": "2026-02-31"}, "first", "Enter a date that exists, like 24/11/2026."),
        ({"first": "0001-01-01"}, "first", "Enter a date between 1900 and 2100."),
        ({"first": "9999-12-31"}, "first", "Enter a date between 1900 and 2100."),
        (
            {"first": "2026-11-08", "last": "2026-11-07"},
            "last",
            "The last day cannot be before the first.",
        ),
        (
            {"first": "2026-11-08", "last": "2027-11-08"},
            "last",
            "At most 120 days at once. Check the year.",
        ),
        (
            {"first": "2026-08-15"},
            "first",
            "There is already a holiday: Independence Day, 15 Aug 2026.",
        ),
        ({"first": "2026-11-08", "name": ""}, "name", "This field is required."),
        (
            {"first": "2026-11-08", "name": "x" * 101},
            "name",
            "Ensure this value has at most 100 characters (it has 101).",
        ),
    ],
)
def test_invalid_holiday_shows_error(client_of, admin, values, field, sentence):
    HolidayFactory(day=datetime.date(2026, 8, 15), name="Independence Day")

    response = add(client_of(admin), **values)

    assert response.context["form"].errors[field] == [sentence]
    assert Holiday.objects.count() == 1


def test_holiday_can_be_renamed_and_moved(client_of, admin):
    holiday = HolidayFactory(day=datetime.date(2026, 11, 8))
    HolidayFactory(day=datetime.date(2026, 11, 9), name="Bhai Dooj")
    BatchFactory().sheets.create(held_on=datetime.date(2026, 11, 7))
    client = client_of(admin)

    taken = client.post(holiday.get_absolute_url(), {"first": "2026-11-09", "name": "Diwali"})
    assert taken.context["form"].errors["first"] == [
        "There is already a holiday: Bhai Dooj, 09 Nov 2026."
    ]
    response = client.post(
        holiday.get_absolute_url(), {"first": "2026-11-07", "name": "Dhanteras"}, follow=True
    )

    assert [str(one) for one in Holiday.objects.all()] == [
        "Dhanteras, 07 Nov 2026",
        "Bhai Dooj, 09 Nov 2026",
    ]
    assert [str(message) for message in response.context["messages"]] == [
        "Holiday Dhanteras saved: 7 Nov 2026.",
        "Attendance was already marked: 1 attendance sheet is kept and counted.",
    ]


def test_consecutive_days_are_edited_and_deleted_together(client_of, admin):
    for day in (8, 9, 10):
        middle = HolidayFactory(day=datetime.date(2026, 11, day), name="Diwali")
    HolidayFactory(day=datetime.date(2026, 11, 12), name="Diwali")
    client = client_of(admin)

    page = client.get(middle.get_absolute_url())
    assert page.context["form"].initial == {
        "name": "Diwali",
        "first": datetime.date(2026, 11, 8),
        "last": datetime.date(2026, 11, 10),
    }
    response = client.post(
        middle.get_absolute_url(),
        {"name": "Diwali break", "first": "2026-11-07", "last": "2026-11-09"},
        follow=True,
    )
    assert [str(one) for one in response.context["messages"]] == [
        "Holiday Diwali break saved: 7 Nov 2026 to 9 Nov 2026, 3 days."
    ]
    assert [(one.day.day, one.name) for one in Holiday.objects.all()] == [
        (7, "Diwali break"),
        (8, "Diwali break"),
        (9, "Diwali break"),
        (12, "Diwali"),
    ]

    eighth = reverse("academics:holiday-delete", args=[Holiday.objects.get(day="2026-11-08").pk])
    response = client.post(eighth, {"all_days": "on"}, follow=True)
    assert [str(one) for one in response.context["messages"]] == [
        "Holiday Diwali break deleted: 7 Nov 2026 to 9 Nov 2026, 3 days. Batches have class again."
    ]
    assert [one.day.day for one in Holiday.objects.all()] == [12]


def test_holiday_is_deleted_after_confirmation(client_of, admin):
    holiday = HolidayFactory(day=datetime.date(2026, 11, 8))
    address = reverse("academics:holiday-delete", args=[holiday.pk])
    client = client_of(admin)

    asked = client.get(address)
    assert "Delete the holiday Diwali?" in asked.content.decode()
    assert Holiday.objects.exists()

    client.post(address)
    assert not Holiday.objects.exists()
    assert client.post(address).status_code == 404


@pytest.mark.parametrize("page", ["holiday-list", "holiday-create"])
def test_only_admin_opens_holiday_pages(client_of, admin, instructor, student, page):
    codes = [
        client_of(who).get(reverse(f"academics:{page}")).status_code
        for who in (admin, instructor, student)
    ]

    assert codes == [200, 403, 403]


def test_only_admin_deletes_holidays(client_of, instructor):
    holiday = HolidayFactory(day=datetime.date(2026, 11, 8))

    response = client_of(instructor).post(reverse("academics:holiday-delete", args=[holiday.pk]))

    assert response.status_code == 403
    assert Holiday.objects.exists()


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Diwali"]),
        ({"year": "2025"}, ["Holi"]),
        ({"year": "all"}, ["Holi", "Diwali"]),
        ({"year": "all", "q": "hol"}, ["Holi"]),
        ({"year": "99999", "q": ""}, ["Diwali"]),
        ({"year": "all", "sort": "-date"}, ["Diwali", "Holi"]),
    ],
)
def test_holidays_are_filtered_by_year(client_of, admin, asked, names):
    HolidayFactory(day=datetime.date(2025, 3, 14), name="Holi")
    HolidayFactory(day=datetime.date(2026, 11, 8), name="Diwali")
    with time_machine.travel(datetime.datetime(2026, 7, 1, 6, 30, tzinfo=datetime.UTC)):
        response = client_of(admin).get(reverse("academics:holiday-list"), asked)

    assert [holiday.name for holiday in response.context["page"]] == names


def test_holiday_list_queries_do_not_grow_with_rows(client_of, admin, queries_of):
    client, address = client_of(admin), reverse("academics:holiday-list") + "?year=all"

    def add(days):
        for number in days:
            HolidayFactory(day=datetime.date(2026, 1, number))
        return len(client.get(address).context["page"])

    assert add([1]) == 1
    of_few = queries_of(lambda: client.get(address))
    assert add(range(2, 7)) == 6
    assert queries_of(lambda: client.get(address)) == of_few
