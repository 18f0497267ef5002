import datetime

import pytest
import time_machine
from django.urls import reverse

from academics.class_times import parse
from academics.models import Batch, Course, Enrollment, Holiday, Institute
from academics.services.batches import save_batch
from academics.services.institute import save_institute
from accounts.tests.factories import user_with
from attendance.tests.factories import save_marks

from .factories import (
    BatchFactory,
    ClassChangeFactory,
    CourseFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from .test_institute import settings

pytestmark = pytest.mark.django_db

MODELS = ["institute", "course", "batch", "holiday", "enrollment"]


def page(model, act="changelist", *args):
    return reverse(f"admin:academics_{model}_{act}", args=args)


def batch_values(batch, *rows, **changes):
    """Form data of a batch; ``rows`` are its stored class times, then new ones."""
    standing = list(batch.class_times.all())
    values = {
        "name": batch.name,
        "code": batch.code,
        "course": batch.course_id,
        "instructor": batch.instructor_id or "",
        "starts_on": batch.starts_on.isoformat(),
        "ends_on": "",
        "capacity": "",
        "room": batch.room,
        "class_times-TOTAL_FORMS": len(standing) + len(rows),
        "class_times-INITIAL_FORMS": len(standing),
    }
    for number, row in enumerate(standing):
        values |= {
            f"class_times-{number}-id": row.pk,
            f"class_times-{number}-batch": batch.pk,
            f"class_times-{number}-weekday": row.weekday,
            f"class_times-{number}-starts_at": row.starts_at,
            f"class_times-{number}-ends_at": row.ends_at,
        }
    for number, (weekday, starts_at, ends_at) in enumerate(rows, len(standing)):
        values |= {
            f"class_times-{number}-batch": batch.pk,
            f"class_times-{number}-weekday": weekday,
            f"class_times-{number}-starts_at": starts_at,
            f"class_times-{number}-ends_at": ends_at,
        }
    return {**values, **changes}


@pytest.mark.parametrize("model", ["course", "batch", "holiday", "enrollment"])
def test_list_queries_do_not_grow_with_rows(client_of, admin, model, queries_of):
    client = client_of(admin)

    def add(days):
        for number in days:
            EnrollmentFactory()
            HolidayFactory(day=datetime.date(2026, 1, number))
        return client.get(page(model)).context["cl"].result_count

    assert add([1]) == 1
    of_few = queries_of(lambda: client.get(page(model)))
    assert add(range(2, 7)) == 6
    assert queries_of(lambda: client.get(page(model))) == of_few


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_searched(client_of, admin, model):
    EnrollmentFactory()

    assert client_of(admin).get(page(model), {"q": "ash'a %_ 💥"}).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_instructor_cannot_open_django_admin(client_of, instructor, model):
    assert client_of(instructor).get(page(model)).status_code == 403


@pytest.mark.parametrize("model", ["institute", "course", "batch", "enrollment"])
def test_superuser_cannot_delete_records_with_history(client_of, admin, model):
    admin.is_superuser = True
    admin.save()
    enrollment = EnrollmentFactory()
    rows = {
        "institute": Institute.ONLY,
        "course": enrollment.batch.course.pk,
        "batch": enrollment.batch.pk,
        "enrollment": enrollment.pk,
    }
    client = client_of(admin)

    assert client.post(page(model, "delete", rows[model]), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(page(model)).content.decode()


def test_course_can_be_edited(client_of, admin):
    course = CourseFactory()

    client_of(admin).post(
        page("course", "change", course.pk),
        {"name": "JEE", "code": "", "total_fee": "1,500.50", "description": ""},
    )

    course.refresh_from_db()
    assert (course.name, str(course.total_fee), course.is_active) == ("JEE", "1500.50", False)
    assert Course.history.first().history_user == admin


def test_settings_follow_the_rule_about_several_batches(client_of, admin):
    institute = Institute.objects.current()
    institute.several_batches_at_once = True
    save_institute(institute)
    first = EnrollmentFactory(is_exclusive=False)
    second = EnrollmentFactory(student=first.student, is_exclusive=False)
    values = {**settings(), "several_batches_at_once": ""}
    client = client_of(admin)

    refused = client.post(page("institute", "change", 1), values)
    assert "1 student has more than one active enrollment" in refused.content.decode()
    assert Institute.objects.current().name == "My institute"

    Enrollment.objects.filter(pk=second.pk).update(status="dropped", ended_on=second.enrolled_on)
    assert client.post(page("institute", "change", 1), values).status_code == 302
    first.refresh_from_db()
    assert first.is_exclusive is True
    assert client.get(page("institute", "add")).status_code == 403


def test_batch_is_added_and_clashes_need_confirmation(client_of, admin, instructor):
    save_batch(BatchFactory(name="Chemistry B", instructor=instructor), parse("Mon 17:00-18:30"))
    batch = BatchFactory(instructor=instructor)
    client, values = client_of(admin), batch_values(batch, (0, "18:00", "19:00"))

    refused = client.post(page("batch", "change", batch.pk), values)
    assert "Imran Khan has Chemistry B on Mon 17:00-18:30." in refused.content.decode()
    assert "Save despite a clash" in refused.content.decode()
    assert Batch.objects.get(pk=batch.pk).class_times_text == ""
    response = client.post(
        page("batch", "change", batch.pk), {**values, "despite_clash": "on"}, follow=True
    )

    assert Batch.objects.get(pk=batch.pk).class_times_text == "Mon 18:00-19:00"
    assert (
        "Saved despite a clash: Imran Khan has Chemistry B on Mon 17:00-18:30."
        in response.content.decode()
    )


def test_overlapping_class_times_are_refused(client_of, admin):
    batch = BatchFactory()
    save_batch(batch, parse("Mon 17:00-18:30"))

    response = client_of(admin).post(
        page("batch", "change", batch.pk),
        batch_values(batch, (0, "18:00", "19:00"), name="New name"),
    )

    assert "Two classes on Mon overlap." in response.content.decode()
    batch.refresh_from_db()
    assert (batch.name == "New name", batch.class_times_text) == (False, "Mon 17:00-18:30")


@time_machine.travel(datetime.datetime(2026, 6, 1, 6, tzinfo=datetime.UTC), tick=False)
def test_class_time_with_a_moved_class_cannot_be_deleted(client_of, admin):
    batch = BatchFactory()
    save_batch(batch, parse("Mon 17:00-18:30"))
    ClassChangeFactory(batch=batch, class_of=(datetime.date(2026, 6, 8), "17:00-18:30"))

    response = client_of(admin).post(
        page("batch", "change", batch.pk),
        batch_values(batch, **{"class_times-0-starts_at": "16:00"}),
    )

    assert "One class at this time was changed." in response.content.decode()
    assert Batch.objects.get(pk=batch.pk).class_times_text == "Mon 17:00-18:30"


def test_batch_cannot_contradict_its_enrollments_and_attendance(client_of, admin):
    batch = EnrollmentFactory().batch

    response = client_of(admin).post(
        page("batch", "change", batch.pk),
        batch_values(batch, course=CourseFactory().pk, name="New name"),
    )

    assert "so the course cannot be changed" in response.content.decode()
    assert not Batch.objects.filter(name="New name").exists()


def test_holiday_warns_about_existing_attendance(client_of, admin):
    batch = EnrollmentFactory().batch
    save_marks(batch, datetime.date(2026, 6, 10))

    response = client_of(admin).post(
        page("holiday", "add"), {"day": "2026-06-10", "name": "Eid"}, follow=True
    )

    assert Holiday.objects.get().name == "Eid"
    assert "1 attendance sheet is kept and counted." in response.content.decode()


def test_enrollment_is_read_only(client_of, admin):
    enrollment = EnrollmentFactory()
    other = BatchFactory()
    client = client_of(admin)

    client.post(
        page("enrollment", "change", enrollment.pk),
        {
            "end_reason": "noted",
            "status": "dropped",
            "batch": other.pk,
            "agreed_fee": "1",
            "is_exclusive": "",
        },
    )

    after = Enrollment.objects.get()
    assert after.end_reason == "noted"
    assert (after.status, after.batch, after.agreed_fee, after.is_exclusive) == (
        "active",
        enrollment.batch,
        enrollment.agreed_fee,
        True,
    )
    assert client.get(page("enrollment", "add")).status_code == 403


def test_history_page_opens(client_of, admin):
    enrollment = EnrollmentFactory()
    client = client_of(admin)

    for model, pk in [
        ("institute", 1),
        ("batch", enrollment.batch.pk),
        ("enrollment", enrollment.pk),
    ]:
        assert client.get(page(model, "history", pk)).status_code == 200


def test_batch_gets_only_instructors_and_active_courses(client_of, admin, student):
    batch = BatchFactory()
    closed = CourseFactory(is_active=False)
    data = {**batch_values(batch), "instructor": student.pk, "course": closed.pk}

    form = client_of(admin).post(page("batch", "change", batch.pk), data).context["adminform"].form

    sentence = "Select a valid choice. That choice is not one of the available choices."
    assert form.errors == {"instructor": [sentence], "course": [sentence]}


def test_batch_is_added_in_django_admin(client_of, admin):
    batch = BatchFactory()
    data = {**batch_values(batch, (0, "18:00", "19:00")), "name": "New", "code": ""}
    del data["class_times-0-batch"]

    client_of(admin).post(page("batch", "add"), data)

    assert Batch.objects.get(name="New").class_times_text == "Mon 18:00-19:00"


def test_settings_are_shown_to_a_role_that_may_only_see_them(client_of):
    viewer = user_with(
        "accounts.enter_admin", "accounts.see_whole_institute", "academics.view_institute"
    )

    response = client_of(viewer).get(page("institute", "change", Institute.ONLY))

    assert "My institute" in response.content.decode()
