import datetime
import threading
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.urls import reverse

from academics.models import Enrollment, EnrollmentStatus, Institute
from academics.services.institute import save_institute
from accounts.tests.factories import StudentFactory

from .factories import BatchFactory, EnrollmentFactory

pytestmark = pytest.mark.django_db


def settings(**changes):
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


def allow_several_batches(on):
    institute = Institute.objects.current()
    institute.several_batches_at_once = on
    save_institute(institute)


def test_admin_changes_settings(client_of, admin):
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


def test_changes_show_the_user(client_of, admin):
    client = client_of(admin)
    save(client)

    change = client.get(reverse("academics:institute")).context["changes"][0]

    assert change.by == admin
    assert ("Name", "My institute", "Rao Classes") in change.fields
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
def test_invalid_setting_shows_error_and_saves_nothing(client_of, admin, field, value):
    response = save(client_of(admin), **{field: value})

    assert response.context["form"].errors[field]
    assert Institute.objects.current().name == "My institute"


def test_page_contains_every_setting(client_of, admin):
    page = client_of(admin).get(reverse("academics:institute")).content.decode()

    elsewhere = {"id", "concession_limit"}
    settings_of = {field.name for field in Institute._meta.fields if field.editable} - elsewhere
    assert {name for name in settings_of if f'name="{name}"' not in page} == set()


def test_gstin_can_have_spaces_and_small_letters(client_of, admin):
    response = save(client_of(admin), gstin=" 27aapfu 0939f1zv ", gst_percent="12.5 %")

    assert response.status_code == 302
    institute = Institute.objects.current()
    assert (institute.gstin, institute.gst_percent) == ("27AAPFU0939F1ZV", Decimal("12.50"))


def test_gstin_of_another_state_is_refused(client_of, admin):
    response = save(client_of(admin), gstin="08AAPFU0939F1ZV")

    assert response.context["form"].errors["gstin"] == [
        "This GSTIN is of Rajasthan. Check it and the state."
    ]


def test_several_batches_setting_updates_active_enrollments(client_of, admin):
    active = EnrollmentFactory()
    ended = EnrollmentFactory(status=EnrollmentStatus.DROPPED, ended_on=datetime.date(2026, 7, 1))
    client = client_of(admin)

    save(client, several_batches_at_once="on")
    assert Enrollment.objects.get(pk=active.pk).is_exclusive is False
    assert Enrollment.objects.get(pk=ended.pk).is_exclusive is True

    save(client)
    assert Enrollment.objects.get(pk=active.pk).is_exclusive is True


def test_database_refuses_second_enrollment_after_switch_off():
    enrollment = EnrollmentFactory()
    allow_several_batches(True)
    allow_several_batches(False)

    with pytest.raises(IntegrityError):
        EnrollmentFactory(student=enrollment.student)


def test_several_batches_cannot_be_switched_off_while_in_use(client_of, admin):
    allow_several_batches(True)
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


def test_two_students_with_one_name_are_counted_separately():
    allow_several_batches(True)
    for _ in range(2):
        EnrollmentFactory(student__user__full_name="Asha Verma", is_exclusive=False)

    allow_several_batches(False)

    assert Institute.objects.current().several_batches_at_once is False


def test_settings_queries_do_not_grow_with_changes(client_of, admin, queries_of):
    client = client_of(admin)

    def change(times):
        for number in range(times):
            save(client, name=f"Name {times}.{number}")
        return queries_of(lambda: client.get(reverse("academics:institute")))

    assert change(1) == change(5)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_switch_off_during_an_enrollment_leaves_one_enrollment():
    from finance.services.enrollments import enroll

    for _ in range(5):
        allow_several_batches(True)
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
            lambda: allow_several_batches(False),
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


def test_only_admin_opens_settings(client_of, admin, instructor, student):
    codes = [
        client_of(who).get(reverse("academics:institute")).status_code
        for who in (admin, instructor, student)
    ]

    assert codes == [200, 403, 403]
