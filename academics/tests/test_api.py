import datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Course
from accounts.tests.factories import StudentFactory
from coachmaster.tests.api import Caller

from .factories import BatchFactory, CourseFactory, DailyBatchFactory, EnrollmentFactory

pytestmark = pytest.mark.django_db

AMOUNT = "Enter an amount in rupees, like 5000, 1,25,000 or 499.50 (at most two decimals)."


def moment(value):
    return timezone.localtime(value).isoformat()


def course_json(course, **changes):
    return {
        "id": course.pk,
        "name": course.name,
        "description": course.description,
        "total_fee": float(course.total_fee),
        "created_at": moment(course.created_at),
        **changes,
    }


def batch_json(batch, **changes):
    return {
        "id": batch.pk,
        "course_id": batch.course_id,
        "instructor_id": batch.instructor_id,
        "batch_name": batch.name,
        "start_date": batch.starts_on.isoformat(),
        "end_date": batch.ends_on and batch.ends_on.isoformat(),
        "schedule_time": batch.class_times_text,
        "created_at": moment(batch.created_at),
        **changes,
    }


def wrong(**errors):
    return 400, {
        "message": f"Check {', '.join(errors)}.",
        "errors": {name: [text] for name, text in errors.items()},
    }


# Courses ---------------------------------------------------------------------------------------


def test_everybody_with_a_role_can_list_courses(student):
    b, a = CourseFactory(name="B"), CourseFactory(name="A")
    caller = Caller(student)

    assert caller.get("/courses") == {"courses": [course_json(a), course_json(b)], "total": 2}
    assert caller.get(f"/courses/{a.pk}") == course_json(a)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (125000.5, "125000.50"),
        ("125000.50", "125000.50"),
        ("1,25,000.50", "125000.50"),
        (0, "0.00"),
        (0.29, "0.29"),
        (1e3, "1000.00"),
        (99999999.99, "99999999.99"),
    ],
)
def test_course_fee_is_exact_to_the_paisa(admin, sent, kept):
    status, data = Caller(admin)(
        "POST", "/courses", {"name": "JEE", "total_fee": sent, "description": "Two\nyears"}
    )

    course = Course.objects.get()
    assert (course.total_fee, course.description, course.is_active) == (
        Decimal(kept),
        "Two\nyears",
        True,
    )
    assert (status, data) == (201, course_json(course))


@pytest.mark.parametrize(
    "fee", [12.345, "12.345", "NaN", "1e5", "१२३", "", "9" * 10, 10**10, True, [], {}, 1e308, 1e-30]
)
def test_invalid_fee_is_refused(admin, fee):
    status, data = Caller(admin)("POST", "/courses", {"name": "JEE", "total_fee": fee})

    assert (status, list(data["errors"])) == (400, ["total_fee"])
    assert data["errors"]["total_fee"][0].endswith((".", ")."))
    assert not Course.objects.exists()


def test_messages_about_amounts_say_what_to_do(admin):
    caller = Caller(admin)

    assert caller("POST", "/courses", {"name": "A", "total_fee": 12.345}) == wrong(total_fee=AMOUNT)
    assert caller("POST", "/courses", {"name": "A", "total_fee": -1}) == wrong(
        total_fee="An amount cannot be negative."
    )
    assert caller("POST", "/courses", {"name": "A", "total_fee": 10**8}) == wrong(
        total_fee="This is more than ₹9,99,99,999.99, the most that can be entered."
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "A", "total_fee": NaN}',
        b'{"name": "A", "total_fee": Infinity}',
        b'{"name": "\\ud800", "total_fee": 1}',
        b"{",
        b"",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_invalid_json_is_refused_with_a_message(admin, body):
    answer = Caller(admin).client.post(
        "/api/v1/courses",
        body,
        content_type="application/json",
        headers={"authorization": f"Bearer {Caller(admin).token}"},
    )

    assert (answer.status_code, answer.json()) == (
        400,
        {"message": "Send a JSON object as the body."},
    )


@pytest.mark.parametrize(
    ("literal", "fee"),
    [
        ("5000", "5000.00"), ("5000.5", "5000.50"), ("5000.50", "5000.50"), ("0", "0.00"),
        ("1e5", None), ("1E5", None), ("1e0", None), ("5.0e3", None), ("100000.000", None),
        ("-0", None), ("-0.0", None), ("12.345", None), ("1e999999999", None), ("1e-9", None),
        ("9" * 5000, None), ("0." + "0" * 5000, None), ("true", None), ("[5]", None),
    ],
)  # fmt: skip
def test_number_is_an_amount_only_as_the_form_takes_its_text(client_of, admin, literal, fee):
    status, data = Caller(admin)("POST", "/courses", f'{{"name": "A", "total_fee": {literal}}}')
    page = client_of(admin).post(
        reverse("academics:course-create"), {"name": "B", "total_fee": literal}
    )

    if fee is None:
        errors = page.context["form"].errors["total_fee"]
        assert (status, page.status_code, data["errors"]["total_fee"]) == (400, 200, errors)
        assert not Course.objects.exists()
    else:
        assert (status, page.status_code) == (201, 302)
        assert {course.total_fee for course in Course.objects.all()} == {Decimal(fee)}


@pytest.mark.parametrize(
    ("text", "fee"),
    [
        (" 5,000 ", "5000.00"), ("₹ 1,25,000.50", "125000.50"), ("007", "7.00"),
        ("1_000", None), ("５０００", None), ("NaN", None), ("Infinity", None), ("1e5", None),
        ("+5", None), ("0x10", None), ("5\u0000", None), ("5.", None), (".5", None), ("", None),
    ],
)  # fmt: skip
def test_text_is_an_amount_as_the_form_takes_it(client_of, admin, text, fee):
    status, _ = Caller(admin)("POST", "/courses", {"name": "A", "total_fee": text})
    page = client_of(admin).post(
        reverse("academics:course-create"), {"name": "B", "total_fee": text}
    )

    assert (status, page.status_code) == ((400, 200) if fee is None else (201, 302))
    assert {course.total_fee for course in Course.objects.all()} == (
        {Decimal(fee)} if fee else set()
    )


@pytest.mark.parametrize(
    "literal",
    ["{}.0", "{}e0", "0.{}", "-{}", '"{}.0"', '"+{}"', '" {} "', '"1_0"', '"٣"', "true", "[{}]"],
)
def test_id_is_a_whole_number_in_digits(admin, instructor, literal):
    course = CourseFactory()
    body = (
        f'{{"course_id": {literal.format(course.pk)}, "instructor_id": {instructor.pk}, '
        '"batch_name": "A", "start_date": "2026-12-01"}'
    )

    status, data = Caller(admin)("POST", "/batches", body)

    assert (status, list(data["errors"])) == (400, ["course_id"])
    assert not Batch.objects.exists()


@pytest.mark.parametrize("page", ["1e0", "1.0", "1_0", "+1", " 1", "１"])
def test_page_is_a_whole_number_in_digits(admin, page):
    status, data = Caller(admin)("GET", f"/courses?page={quote(page)}")

    assert (status, data["errors"]) == (400, {"page": ["Send a whole number."]})


def test_course_update_keeps_other_fields(admin):
    course = CourseFactory(name="JEE", code="J", description="Old", total_fee=Decimal("100.10"))

    status, data = Caller(admin)("PUT", f"/courses/{course.pk}", {"description": "New"})

    course.refresh_from_db()
    assert (course.code, course.total_fee, course.is_active) == ("J", Decimal("100.10"), True)
    assert (status, data) == (200, course_json(course, description="New", total_fee=100.1))


def test_course_update_accepts_the_course_as_read(admin):
    course = CourseFactory(total_fee=Decimal("0.29"))
    caller = Caller(admin)

    assert caller("PUT", f"/courses/{course.pk}", caller.get(f"/courses/{course.pk}")) == (
        200,
        course_json(course),
    )


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", None), ("total_fee", None), ("name", "x" * 151)]
)
def test_course_name_and_fee_cannot_be_removed(admin, field, value):
    course = CourseFactory()

    assert Caller(admin)("PUT", f"/courses/{course.pk}", {field: value})[1]["errors"].keys() == {
        field
    }


# Batches ---------------------------------------------------------------------------------------


def test_batch_is_created_with_class_times(admin, instructor):
    course = CourseFactory()
    body = {
        "course_id": course.pk,
        "instructor_id": instructor.pk,
        "batch_name": "JEE morning",
        "start_date": "2026-06-01",
        "end_date": "2027-03-31",
        "schedule_time": "mon-fri 17:00 to 18:30",
    }

    status, data = Caller(admin)("POST", "/batches", body)

    batch = Batch.objects.get()
    assert (status, data) == (201, batch_json(batch))
    assert {name: data[name] for name in body} == {**body, "schedule_time": "Mon-Fri 17:00-18:30"}


def test_batch_needs_no_instructor_end_or_times(admin):
    body = {
        "course_id": CourseFactory().pk,
        "instructor_id": None,
        "batch_name": "A",
        "start_date": "2026-06-01",
    }

    assert Caller(admin)("POST", "/batches", body) == (201, batch_json(Batch.objects.get()))


@pytest.mark.parametrize("field", ["course_id", "batch_name", "start_date"])
def test_batch_requires_course_name_and_start(admin, field):
    body = {
        "course_id": CourseFactory().pk,
        "instructor_id": None,
        "batch_name": "A",
        "start_date": "2026-06-01",
    }
    del body[field]

    assert Caller(admin)("POST", "/batches", body) == wrong(**{field: "This field is required."})


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("start_date", "01/06/2026", "Enter a valid date, like 2026-11-24."),
        ("start_date", "2026-02-30", "Enter a valid date, like 2026-11-24."),
        ("start_date", "20260601", "Enter a valid date, like 2026-11-24."),
        ("start_date", "0001-01-01", "Enter a date between 1900 and 2100."),
        ("start_date", 5, "Send text."),
        ("end_date", "2026-05-31", "A batch cannot end before it starts."),
        ("schedule_time", "Mon 18:00-17:00", "A class on Mon must end after it starts."),
        (
            "schedule_time",
            "Fooday 17:00-18:00",
            "“Fooday” is not a day of the week. Write class times like "
            "“Mon, Wed, Fri 17:00-18:30; Sat 09:00-11:00”.",
        ),
        (
            "schedule_time",
            "x" * 101,
            "Ensure this value has at most 100 characters (it has 101).",
        ),
        (
            "course_id",
            2**63 - 1,
            "Select a valid choice. That choice is not one of the available choices.",
        ),
        ("course_id", 2**63, f"At most {2**63 - 1}."),
        ("course_id", "x", "Send a whole number."),
        ("instructor_id", 0, "At least 1."),
    ],
)  # fmt: skip
def test_invalid_batch_is_refused_by_field(admin, field, value, sentence):
    body = {
        "course_id": CourseFactory().pk,
        "instructor_id": None,
        "batch_name": "A",
        "start_date": "2026-06-01",
    }

    status, data = Caller(admin)("POST", "/batches", {**body, field: value})

    assert (status, data) == wrong(**{field: sentence})
    assert not Batch.objects.exists()


def test_student_cannot_be_instructor_of_a_batch(admin, student):
    body = {
        "course_id": CourseFactory().pk,
        "instructor_id": student.pk,
        "batch_name": "A",
        "start_date": "2026-06-01",
    }

    assert Caller(admin)("POST", "/batches", body)[1]["errors"].keys() == {"instructor_id"}


def test_clash_is_saved_with_a_warning(admin, instructor):
    other = DailyBatchFactory(instructor=instructor, name="Daily")
    body = {
        "course_id": other.course_id,
        "instructor_id": instructor.pk,
        "batch_name": "A",
        "start_date": "2026-06-01",
        "schedule_time": "Mon 18:00-19:00",
    }

    status, data = Caller(admin)("POST", "/batches", body)

    assert status == 201
    assert data["warnings"] == ["Imran Khan has Daily on Mon 17:00-18:30."]


def test_other_text_of_class_times_is_kept_and_plans_no_classes(admin, client):
    batch = DailyBatchFactory()
    text = "Mornings, by appointment"
    caller = Caller(admin)

    status, data = caller("PUT", f"/batches/{batch.pk}", {"schedule_time": text})

    assert (status, data["schedule_time"]) == (200, text)
    assert data["warnings"] == ["`schedule_time` is kept as text and plans no classes."]
    assert not batch.class_times.exists()
    client.force_login(admin)
    for page in ("", f"{batch.pk}/", f"{batch.pk}/edit/"):
        assert text in client.get(f"/batches/{page}").content.decode()
    data = caller("PUT", f"/batches/{batch.pk}", {"schedule_time": "Mon 09:00-10:00"})[1]
    assert data["schedule_time"] == "Mon 09:00-10:00"
    assert text not in client.get(f"/batches/{batch.pk}/").content.decode()


def test_batch_update_keeps_other_fields(admin):
    batch = DailyBatchFactory(code="B", room="Room 2", capacity=40)
    caller = Caller(admin)

    status, data = caller("PUT", f"/batches/{batch.pk}", {"end_date": "2027-03-31"})

    batch = Batch.objects.get()
    assert (batch.code, batch.room, batch.capacity) == ("B", "Room 2", 40)
    assert (status, data) == (
        200,
        batch_json(batch, end_date="2027-03-31", schedule_time="Mon-Sun 17:00-18:30"),
    )
    assert caller("PUT", f"/batches/{batch.pk}", {"end_date": None, "schedule_time": None})[
        1
    ] == batch_json(batch, end_date=None, schedule_time="")
    assert caller("PUT", f"/batches/{batch.pk}", caller.get(f"/batches/{batch.pk}"))[0] == 200


def test_course_of_a_batch_with_students_cannot_change(admin):
    batch = EnrollmentFactory().batch
    message = (
        f"Students are enrolled at the fee of {batch.course}, so the course cannot be changed. "
        "Add a new batch."
    )

    assert Caller(admin)("PUT", f"/batches/{batch.pk}", {"course_id": CourseFactory().pk}) == wrong(
        course_id=message
    )


def test_people_list_their_own_batches(admin, instructor, student):
    own, other = BatchFactory(name="A", instructor=instructor), BatchFactory(name="B")
    EnrollmentFactory(student=student, batch=other)

    assert Caller(admin).get("/batches") == {
        "batches": [batch_json(own), batch_json(other)],
        "total": 2,
    }
    assert Caller(instructor).get("/batches") == {"batches": [batch_json(own)], "total": 1}
    assert Caller(student).get("/batches") == {"batches": [batch_json(other)], "total": 1}


def test_batch_includes_course_and_instructor(admin, instructor, student):
    batch = DailyBatchFactory(instructor=instructor)
    EnrollmentFactory(student=student, batch=batch)
    teacher = {
        "id": instructor.pk,
        "admission_number": None,
        "email": "imran@example.com",
        "full_name": "Imran Khan",
        "role": "instructor",
        "phone": "",
        "created_at": moment(instructor.created_at),
    }
    details = {**batch_json(batch), "course": course_json(batch.course)}

    assert Caller(admin).get(f"/batches/{batch.pk}") == {**details, "instructor": teacher}
    assert Caller(student).get(f"/batches/{batch.pk}") == {
        **details,
        "instructor": {**teacher, "email": None, "phone": None, "created_at": None},
    }
    batch.instructor = None
    batch.save()
    assert Caller(admin).get(f"/batches/{batch.pk}") == {
        **details,
        "instructor_id": None,
        "instructor": None,
    }


def test_students_of_a_batch_are_active_by_default(instructor, admin):
    batch = BatchFactory(instructor=instructor)
    asha = EnrollmentFactory(
        batch=batch, student__user__full_name="Asha", student__user__phone="9876543210"
    )
    gone = EnrollmentFactory(
        batch=batch, student__user__full_name="Gone", status="dropped", ended_on="2026-07-01"
    )
    row = {
        "id": asha.student_id,
        "email": None,
        "full_name": "Asha",
        "role": "student",
        "phone": "9876543210",
        "created_at": None,
        "admission_number": asha.student.admission_number,
        "enrollment_id": asha.pk,
        "enrollment_date": "2026-06-01",
        "status": "active",
    }

    caller = Caller(instructor)
    assert caller.get(f"/batches/{batch.pk}/students") == {"students": [row], "total": 1}
    assert [
        one["id"] for one in caller.get(f"/batches/{batch.pk}/students?status=dropped")["students"]
    ] == [gone.student_id]
    assert caller.get(f"/batches/{batch.pk}/students?status=all")["total"] == 2
    assert (
        Caller(admin).get(f"/batches/{batch.pk}/students")["students"][0]["email"]
        == asha.student.user.email
    )


# Enrollments -----------------------------------------------------------------------------------


def test_enrollment_is_the_active_one_with_history(student, instructor):
    old = EnrollmentFactory(
        student=student,
        enrolled_on=datetime.date(2026, 6, 1),
        status="completed",
        ended_on=datetime.date(2026, 7, 1),
    )
    batch = DailyBatchFactory(instructor=instructor)
    now = EnrollmentFactory(student=student, batch=batch, enrolled_on=datetime.date(2026, 7, 2))

    def row(enrollment, day, status):
        return {
            "id": enrollment.pk,
            "student_id": student.pk,
            "batch_id": enrollment.batch_id,
            "enrollment_date": day,
            "status": status,
        }

    data = Caller(student).get(f"/students/{student.pk}/enrollment")
    assert data == {
        **row(now, "2026-07-02", "active"),
        "batch": Caller(student).get(f"/batches/{batch.pk}"),
        "history": [row(old, "2026-06-01", "completed")],
    }
    # The other batch is not this instructor's to know of.
    assert Caller(instructor).get(f"/students/{student.pk}/enrollment")["history"] == []


def test_without_active_enrollment_the_latest_is_returned(student):
    EnrollmentFactory(student=student, status="completed", ended_on=datetime.date(2026, 7, 1))
    last = EnrollmentFactory(student=student, status="dropped", ended_on=datetime.date(2026, 8, 1))

    data = Caller(student).get(f"/students/{student.pk}/enrollment")

    assert (data["id"], data["status"], len(data["history"])) == (last.pk, "dropped", 1)


def test_student_without_enrollment_gets_a_message(student):
    assert Caller(student)("GET", f"/students/{student.pk}/enrollment") == (
        404,
        {"message": "Asha Verma has no enrollment."},
    )


def test_query_count_of_lists_is_constant(admin, queries_of):
    caller = Caller(admin)
    batch = DailyBatchFactory()
    student = StudentFactory()
    paths = [
        "/courses?per_page=5",
        "/batches?per_page=5",
        f"/batches/{batch.pk}",
        f"/batches/{batch.pk}/students?per_page=5",
        f"/students/{student.pk}/enrollment",
    ]

    def add(rows):
        for _ in range(rows):
            EnrollmentFactory(batch=batch)
            EnrollmentFactory(
                batch=DailyBatchFactory(), student=student, status="dropped", ended_on="2026-07-01"
            )
        caller.get("/courses")
        return [queries_of(lambda: caller.get(path)) for path in paths]  # noqa: B023

    assert add(6) == add(9)
