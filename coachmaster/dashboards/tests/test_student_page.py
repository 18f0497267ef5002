import datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


def test_query_count_of_student_page_is_constant(client_of, admin, queries_of):
    student = enrolled(fee="10000.00").student
    client, page = client_of(admin), reverse("dashboards:student-page", args=[student.pk])

    def pay(times):
        for _ in range(times):
            paid(student=student, amount="100.00")
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert pay(1) == pay(3)
    context = client.get(page).context
    assert len(context["payments"]) == 4
    assert context["fees"].balance == Decimal("9600.00")


def test_instructor_sees_student_page_without_money(client_of, instructor):
    mine = enrolled(batch=BatchFactory(instructor=instructor))
    other = enrolled()
    client = client_of(instructor)

    response = client.get(reverse("dashboards:student-page", args=[mine.student_id]))

    assert response.status_code == 200
    assert "fees" not in response.context
    assert "₹" not in response.content.decode()
    assert (
        client.get(reverse("dashboards:student-page", args=[other.student_id])).status_code == 404
    )


def test_instructor_sees_the_phone_but_not_the_email_and_address(client_of, instructor, admin):
    student = StudentFactory(
        user__email="asha@example.com",
        user__phone="9876543210",
        address="4 MG Road",
        birth_on=datetime.date(2009, 11, 24),
    )
    enrolled(student=student, batch=BatchFactory(instructor=instructor))
    details = ["98765 43210", "mailto:asha@example.com", "4 MG Road", "24 Nov 2009"]

    def shown(user):
        page = client_of(user).get(student.get_absolute_url()).content.decode()
        return [detail for detail in details if detail in page]

    assert shown(instructor) == ["98765 43210"]
    assert shown(admin) == details
