from decimal import Decimal

import pytest
from django.urls import reverse

from academics.models import Course, Enrollment
from coachmaster.core.pagination import PAGE_SIZE

from .factories import BatchFactory, CourseFactory, EnrollmentFactory

pytestmark = pytest.mark.django_db


def test_admin_adds_course_with_fee(client_of, admin):
    response = client_of(admin).post(
        reverse("academics:course-create"),
        {"name": "JEE Two Year", "total_fee": "1,25,000.50", "is_active": "on"},
    )

    course = Course.objects.get()
    assert response.url == course.get_absolute_url()
    assert (course.name, course.total_fee) == ("JEE Two Year", Decimal("125000.50"))


@pytest.mark.parametrize(
    "fee", ["-1", "NaN", "1e5", "12.345", "१२३", "1_000", "9" * 10_000, "५००", ""]
)
def test_invalid_fee_shows_error(client_of, admin, fee):
    response = client_of(admin).post(
        reverse("academics:course-create"), {"name": "JEE", "total_fee": fee}
    )

    assert response.status_code == 200
    assert response.context["form"].errors["total_fee"]
    assert not Course.objects.exists()


def test_course_code_must_be_unique(client_of, admin):
    CourseFactory(code="JEE")

    response = client_of(admin).post(
        reverse("academics:course-create"), {"name": "B", "code": "JEE", "total_fee": "1"}
    )

    assert response.context["form"].errors == {"code": ["Another course has this code."]}


def test_list_queries_do_not_grow_with_rows(client_of, admin, queries_of):
    client = client_of(admin)

    def add(courses):
        CourseFactory.create_batch(courses)
        return len(client.get(reverse("academics:course-list")).context["page"])

    assert add(1) == 1
    of_few = queries_of(lambda: client.get(reverse("academics:course-list")))
    assert add(4) == 5
    assert queries_of(lambda: client.get(reverse("academics:course-list"))) == of_few


def test_list_sorts_by_fee_both_ways(client_of, admin):
    CourseFactory(name="dear", total_fee=Decimal("2.00"))
    CourseFactory(name="cheap", total_fee=Decimal("1.00"))
    client = client_of(admin)

    up = client.get(reverse("academics:course-list"), {"sort": "fee"}).context["page"]
    down = client.get(reverse("academics:course-list"), {"sort": "-fee"}).context["page"]

    assert [course.name for course in up] == ["cheap", "dear"]
    assert [course.name for course in down] == ["dear", "cheap"]


def save(client, course, **changes):
    """Save the form and return the messages of the next page."""
    values = {
        "name": course.name,
        "code": course.code,
        "total_fee": f"{course.total_fee}",
        "is_active": "on",
        **changes,
    }
    response = client.post(
        reverse("academics:course-update", args=[course.pk]), values, follow=True
    )
    return [str(message) for message in response.context["messages"]]


def test_new_fee_does_not_change_agreed_fees(client_of, admin):
    enrollment = EnrollmentFactory(batch__course__name="JEE")

    shown = save(client_of(admin), enrollment.batch.course, total_fee="15,000")

    assert shown == [
        "Course JEE saved. The new fee is for new enrollments; 1 student keeps the agreed fee."
    ]
    assert Enrollment.objects.get().agreed_fee == Decimal("12000.00")


def test_batches_of_an_inactive_course_continue(client_of, admin):
    course = CourseFactory(name="JEE")
    BatchFactory.create_batch(2, course=course)

    shown = save(client_of(admin), course, is_active="")

    assert shown == ["Course JEE saved. No new batches can be added; 2 batches continue."]
    assert f'href="{reverse("academics:batch-create")}?course=' not in (
        client_of(admin).get(course.get_absolute_url()).content.decode()
    )


def test_course_page_shows_visible_batches(client_of, admin, instructor, student):
    course = CourseFactory()
    BatchFactory(name="Own", course=course, instructor=instructor)
    other = BatchFactory(name="Other", course=course)
    EnrollmentFactory(student=student, batch=other)

    def names(who):
        return [
            batch.name for batch in client_of(who).get(course.get_absolute_url()).context["page"]
        ]

    assert names(admin) == ["Other", "Own"]
    assert names(instructor) == ["Own"]
    assert names(student) == ["Other"]


def test_course_page_is_paginated(client_of, admin):
    course = CourseFactory()
    BatchFactory.create_batch(PAGE_SIZE + 1, course=course)

    first, second = (
        client_of(admin).get(course.get_absolute_url(), {"page": page}) for page in (1, 2)
    )

    assert [len(page.context["page"]) for page in (first, second)] == [PAGE_SIZE, 1]
    assert 'aria-label="Pages"' in first.content.decode()


@pytest.mark.parametrize("page", ["course-create", "course-update"])
def test_only_admin_edits_courses(client_of, admin, instructor, student, page):
    address = reverse(
        f"academics:{page}", args=[] if page == "course-create" else [CourseFactory().pk]
    )

    assert [client_of(who).get(address).status_code for who in (admin, instructor, student)] == [
        200,
        403,
        403,
    ]


def test_page_queries_do_not_grow_with_batches(client_of, student, queries_of):
    course, client = CourseFactory(), client_of(student)

    def add(batches):
        for batch in BatchFactory.create_batch(batches, course=course):
            EnrollmentFactory(student=student, batch=batch, is_exclusive=False)
        return len(client.get(course.get_absolute_url()).context["page"])

    assert add(1) == 1
    of_few = queries_of(lambda: client.get(course.get_absolute_url()))
    assert add(4) == 5
    assert queries_of(lambda: client.get(course.get_absolute_url())) == of_few
