"""Courses: their list, their page, and who may change them."""

from decimal import Decimal

import pytest
from django.urls import reverse

from academics.models import Course

from .factories import CourseFactory

pytestmark = pytest.mark.django_db


def test_an_admin_adds_a_course_with_its_fee(client_of, admin):
    response = client_of(admin).post(
        reverse("academics:course-create"), {"name": "JEE Two Year", "total_fee": "1,25,000.50", "is_active": "on"}
    )

    course = Course.objects.get()
    assert response.url == course.get_absolute_url()
    assert (course.name, course.total_fee) == ("JEE Two Year", Decimal("125000.50"))


@pytest.mark.parametrize("fee", ["-1", "NaN", "1e5", "12.345", "१२३", "1_000", "9" * 10_000, "५००", ""])
def test_a_fee_that_is_no_amount_is_refused_with_a_sentence(client_of, admin, fee):
    response = client_of(admin).post(reverse("academics:course-create"), {"name": "JEE", "total_fee": fee})

    assert response.status_code == 200
    assert response.context["form"].errors["total_fee"]
    assert not Course.objects.exists()


def test_two_courses_cannot_share_a_code(client_of, admin):
    CourseFactory(code="JEE")

    response = client_of(admin).post(reverse("academics:course-create"), {"name": "B", "code": "JEE", "total_fee": "1"})

    assert response.context["form"].non_field_errors() == ["Another course has this code."]


@pytest.mark.parametrize("rows", [1, 5])
def test_the_list_costs_the_same_however_long(client_of, admin, rows, django_assert_max_num_queries):
    CourseFactory.create_batch(rows)
    client = client_of(admin)
    with django_assert_max_num_queries(8):
        response = client.get(reverse("academics:course-list"))
    assert len(response.context["courses"]) == rows


def test_the_list_sorts_by_fee_both_ways(client_of, admin):
    CourseFactory(name="dear", total_fee=Decimal("2.00"))
    CourseFactory(name="cheap", total_fee=Decimal("1.00"))
    client = client_of(admin)

    up = client.get(reverse("academics:course-list"), {"sort": "fee"}).context["courses"]
    down = client.get(reverse("academics:course-list"), {"sort": "-fee"}).context["courses"]

    assert [course.name for course in up] == ["cheap", "dear"]
    assert [course.name for course in down] == ["dear", "cheap"]
