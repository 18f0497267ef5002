"""The institute's settings and its holidays."""

import datetime
import threading
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.urls import reverse

from academics.models import Enrollment, EnrollmentStatus, Holiday, Institute
from academics.services.institute import save_institute
from accounts.tests.factories import StudentFactory
from attendance.tests.factories import taken

from .factories import BatchFactory, EnrollmentFactory, HolidayFactory

pytestmark = pytest.mark.django_db


def settings(**changes):
    """What the browser sends for the settings."""
    return {
        "name": "Rao Classes",
        "address": "12, MG Road\nPune",
        "state": "27",
        "phone": "020 2345 6789",
        "email": "office@example.com",
        "receipt_prefix": "RC",
        "gstin": "",
        "gst_percent": "18",
        "upi_id": "",
        "concession_limit": "5,000",
        "back_dating_days": "30",
        "cash_ceiling": "2,00,000",
        "bounce_charge": "0",
        "leaving_deduction_percent": "10",
        "refund_days": "15",
        "reminder_days": "7",
        "fee_reminder": "{name} owes {amount}",
        "attendance_edit_days": "3",
        "low_attendance_percent": "80",
        "low_attendance_classes": "5",
        "late_after_minutes": "10",
        "absences_in_a_row": "3",
        "attendance_reminder": "{name}: {percent} % of {expected} %",
        "absence_message": "{name} missed {batch} on {day}.",
        **changes,
    }


def save(client, **changes):
    return client.post(reverse("academics:institute"), settings(**changes))


def switch(on):
    institute = Institute.objects.current()
    institute.several_batches_at_once = on
    save_institute(institute)


# Settings -------------------------------------------------------------------------------------------------------


def test_an_admin_changes_the_settings(client_of, admin):
    client = client_of(admin)

    response = save(client)

    institute = Institute.objects.current()
    assert response.url == reverse("academics:institute")
    assert (institute.name, institute.address, institute.state) == (
        "Rao Classes",
        "12, MG Road\nPune",
        "27",
    )
    assert (
        institute.receipt_prefix,
        institute.attendance_edit_days,
        institute.low_attendance_percent,
    ) == ("RC", 3, 80)
    assert "Rao Classes" in client.get(reverse("academics:course-list")).content.decode()


def test_changes_say_who_made_them(client_of, admin):
    client = client_of(admin)
    save(client)

    change = client.get(reverse("academics:institute")).context["changes"][0]

    assert (change.by, change.fields[0]) == (admin, ("Name", "My institute", "Rao Classes"))
    assert ("Low attendance below (%)", "75", "80") in change.fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 300),
        ("state", "99"),
        ("phone", "call me"),
        ("email", "office"),
        ("receipt_prefix", "rc"),
        ("receipt_prefix", "TOOLONG"),
        ("attendance_edit_days", "-1"),
        ("attendance_edit_days", "366"),
        ("attendance_edit_days", "1e2"),
        ("low_attendance_percent", "0"),
        ("low_attendance_percent", "101"),
        ("low_attendance_percent", ""),
        ("low_attendance_classes", "0"),
        ("late_after_minutes", "121"),
        ("absences_in_a_row", "0"),
        ("attendance_reminder", "{amount}"),
        ("attendance_reminder", ""),
        ("absence_message", "{percent}"),
        ("gstin", "27AAPFU0939F1ZW"),
        ("gstin", "27AAPFU0939F1Z"),
        ("gstin", "08AAPFU0939F1ZV"),  # of Rajasthan, and the institute is in Maharashtra
        ("gst_percent", "0"),
        ("gst_percent", "29"),
        ("gst_percent", "1e1"),
        ("gst_percent", ""),
        ("upi_id", "sunrise"),
        ("cash_ceiling", "0"),
        ("cash_ceiling", "1e9"),
        ("concession_limit", "-1"),
        ("bounce_charge", "-1"),
        ("leaving_deduction_percent", "101"),
        ("refund_days", "0"),
        ("back_dating_days", "3651"),
        ("fee_reminder", "Dear {parent}"),
        ("fee_reminder", "{name.__class__}"),
        ("fee_reminder", "{name"),
        ("fee_reminder", ""),
    ],
)
def test_a_bad_setting_gets_a_sentence_and_changes_nothing(client_of, admin, field, value):
    response = save(client_of(admin), **{field: value})

    assert response.context["form"].errors[field]
    assert Institute.objects.current().name == "My institute"


def test_every_setting_that_has_an_effect_stands_on_the_page(client_of, admin):
    page = client_of(admin).get(reverse("academics:institute")).content.decode()

    settings_of = {field.name for field in Institute._meta.fields} - {"id"}
    assert {name for name in settings_of if f'name="{name}"' not in page} == set()


def test_a_gstin_is_taken_however_it_is_typed(client_of, admin):
    response = save(client_of(admin), gstin=" 27aapfu 0939f1zv ", gst_percent="12.5 %")

    assert response.status_code == 302
    institute = Institute.objects.current()
    assert (institute.gstin, institute.gst_percent) == ("27AAPFU0939F1ZV", Decimal("12.50"))


def test_a_gstin_of_another_state_names_it(client_of, admin):
    response = save(client_of(admin), gstin="08AAPFU0939F1ZV")

    assert response.context["form"].errors["gstin"] == [
        "This GSTIN is of Rajasthan. Check it and the state."
    ]


def test_the_switch_reaches_the_active_enrollments(client_of, admin):
    active = EnrollmentFactory()
    ended = EnrollmentFactory(status=EnrollmentStatus.DROPPED, ended_on=datetime.date(2026, 7, 1))
    client = client_of(admin)

    save(client, several_batches_at_once="on")
    assert Enrollment.objects.get(pk=active.pk).is_exclusive is False
    assert Enrollment.objects.get(pk=ended.pk).is_exclusive is True

    save(client)
    assert Enrollment.objects.get(pk=active.pk).is_exclusive is True


def test_a_switch_turned_off_holds_in_the_database():
    enrollment = EnrollmentFactory()
    switch(True)
    switch(False)

    with pytest.raises(IntegrityError):
        EnrollmentFactory(student=enrollment.student)


def test_the_switch_stays_on_while_somebody_has_two(client_of, admin):
    switch(True)
    for name in ("Asha", "Bala", "Chitra", "Dev"):
        student = StudentFactory(user__full_name=name)
        EnrollmentFactory.create_batch(2, student=student, is_exclusive=False)

    response = save(client_of(admin))

    assert response.context["form"].errors["several_batches_at_once"] == [
        "4 students have more than one active enrollment: Asha, Bala, Chitra and 1 more. "
        "Complete or drop the others first."
    ]
    assert Institute.objects.current().several_batches_at_once is True
    assert not Enrollment.objects.filter(is_exclusive=True).exists()


def test_two_students_of_one_name_are_not_taken_for_one():
    switch(True)
    for _ in range(2):
        EnrollmentFactory(student__user__full_name="Asha Verma", is_exclusive=False)

    switch(False)

    assert Institute.objects.current().several_batches_at_once is False


def test_the_settings_page_costs_the_same_however_often_they_were_changed(
    client_of, admin, queries_of
):
    client = client_of(admin)

    def change(times):
        for number in range(times):
            save(client, name=f"Name {times}.{number}")
        return queries_of(lambda: client.get(reverse("academics:institute")))

    assert change(1) == change(5)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_nobody_has_two_enrollments_after_a_switch_off_that_met_an_enrollment():
    from finance.services.enrollments import enroll

    for _ in range(5):
        switch(True)
        first = EnrollmentFactory(is_exclusive=False)
        batch = BatchFactory()
        start = threading.Barrier(2)

        def run(act, start=start):
            try:
                start.wait()
                act()
            except ValidationError:
                pass
            finally:
                connection.close()

        acts = [
            lambda: switch(False),
            lambda first=first, batch=batch: enroll(
                student=first.student, batch=batch, enrolled_on=batch.starts_on, by=None
            ),
        ]
        threads = [threading.Thread(target=run, args=[act]) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        number = first.student.enrollments.active().count()
        assert (number, Institute.objects.current().several_batches_at_once) in [
            (1, False),
            (2, True),
        ]
        assert first.student.enrollments.active().filter(is_exclusive=number == 1).count() == number
        Enrollment.objects.active().update(
            status=EnrollmentStatus.DROPPED, ended_on=datetime.date(2026, 12, 31)
        )


# Holidays -------------------------------------------------------------------------------------------------------


def add(client, **values):
    return client.post(
        reverse("academics:holiday-create"), {"name": "Diwali", "first": "", "last": "", **values}
    )


def said(client):
    page = client.get(reverse("academics:holiday-list"))
    return [str(message) for message in page.context["messages"]]


def test_an_admin_adds_one_day(client_of, admin):
    client = client_of(admin)

    add(client, first="08/11/2026")

    assert [(holiday.day, holiday.name) for holiday in Holiday.objects.all()] == [
        (datetime.date(2026, 11, 8), "Diwali")
    ]
    assert said(client) == ["Holiday Diwali added: 8 Nov 2026."]


def test_an_admin_adds_days_in_a_row_and_those_that_were_holidays_keep_their_name(client_of, admin):
    HolidayFactory(day=datetime.date(2026, 11, 9), name="Govardhan Puja")
    client = client_of(admin)

    add(client, first="2026-11-08", last="2026-11-10")

    assert [str(holiday) for holiday in Holiday.objects.all()] == [
        "Diwali, 08 Nov 2026",
        "Govardhan Puja, 09 Nov 2026",
        "Diwali, 10 Nov 2026",
    ]
    assert said(client) == [
        "Holiday Diwali added: 8 Nov 2026 to 10 Nov 2026, 2 days.",
        "Already a holiday and not renamed: 9 Nov 2026.",
    ]


def test_a_holiday_over_a_sheet_keeps_the_sheet_and_says_so(client_of, admin):
    with time_machine.travel(datetime.datetime(2026, 7, 1, 6, 30, tzinfo=datetime.UTC)):
        batch = EnrollmentFactory().batch
        sheet = taken(batch, datetime.date(2026, 6, 10))
        client = client_of(admin)

        add(client, first="2026-06-10")

        assert (
            said(client)[1]
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
def test_a_holiday_that_cannot_be_gets_a_sentence(client_of, admin, values, field, sentence):
    HolidayFactory(day=datetime.date(2026, 8, 15), name="Independence Day")

    response = add(client_of(admin), **values)

    assert response.context["form"].errors[field] == [sentence]
    assert Holiday.objects.count() == 1


def test_a_holiday_is_corrected_and_moved_to_another_day(client_of, admin):
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


def test_days_in_a_row_are_corrected_and_deleted_together(client_of, admin):
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


def test_a_holiday_is_deleted_by_post_after_asking(client_of, admin):
    holiday = HolidayFactory(day=datetime.date(2026, 11, 8))
    address = reverse("academics:holiday-delete", args=[holiday.pk])
    client = client_of(admin)

    asked = client.get(address)
    assert "Delete the holiday Diwali?" in asked.content.decode()
    assert Holiday.objects.exists()

    client.post(address)
    assert not Holiday.objects.exists()
    assert client.post(address).status_code == 404


@pytest.mark.parametrize("page", ["institute", "holiday-list", "holiday-create"])
def test_only_admins_open_the_institutes_pages(client_of, admin, instructor, student, page):
    codes = [
        client_of(who).get(reverse(f"academics:{page}")).status_code
        for who in (admin, instructor, student)
    ]

    assert codes == [200, 403, 403]


def test_only_admins_delete_a_holiday(client_of, instructor):
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
def test_holidays_are_listed_by_year(client_of, admin, asked, names):
    HolidayFactory(day=datetime.date(2025, 3, 14), name="Holi")
    HolidayFactory(day=datetime.date(2026, 11, 8), name="Diwali")
    with time_machine.travel(datetime.datetime(2026, 7, 1, 6, 30, tzinfo=datetime.UTC)):
        response = client_of(admin).get(reverse("academics:holiday-list"), asked)

    assert [holiday.name for holiday in response.context["page"]] == names


def test_the_list_of_holidays_costs_the_same_however_long(client_of, admin, queries_of):
    client, address = client_of(admin), reverse("academics:holiday-list") + "?year=all"

    def add(days):
        for number in days:
            HolidayFactory(day=datetime.date(2026, 1, number))
        return len(client.get(address).context["page"])

    assert add([1]) == 1
    of_few = queries_of(lambda: client.get(address))
    assert add(range(2, 7)) == 6
    assert queries_of(lambda: client.get(address)) == of_few
