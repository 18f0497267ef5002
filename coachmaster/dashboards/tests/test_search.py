import pytest
from django.urls import reverse

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


def test_search_finds_student_by_part_of_any_detail(client_of, admin):
    student = StudentFactory(
        user__full_name="Asha Verma",
        user__phone="9876543210",
        user__email="asha@example.com",
        admission_number="26-00042",
    )
    student.guardian_phone = "9123456789"
    student.save()
    student.user.save()
    enrollment = enrolled(student=student)
    receipt = paid(student=enrollment.student, amount="1.00")
    StudentFactory(user__full_name="Ravi Iyer")
    page = reverse("dashboards:student-page", args=[student.pk])
    client = client_of(admin)

    for text in (
        "verm",
        "asha v",
        "98765",
        "asha@",
        "26-00042",
        "912345",
        receipt.receipt_number,
        "CM/26-27/00001",
    ):
        assert client.get(reverse("dashboards:search"), {"q": text}).url == page, text


def test_search_lists_several_matches_or_says_there_are_none(client_of, admin):
    StudentFactory.create_batch(2)
    client = client_of(admin)

    assert len(client.get(reverse("dashboards:search"), {"q": "student"}).context["students"]) == 2
    assert (
        "No students found"
        in client.get(reverse("dashboards:search"), {"q": "zzz"}).content.decode()
    )


def test_search_ignores_letter_case_in_every_script(client_of, admin):
    student = StudentFactory(user__full_name="ÉLODIE Ünal")
    StudentFactory(user__full_name="आशा वर्मा")

    response = client_of(admin).get(reverse("dashboards:search"), {"q": "élodie ÜNAL"})

    assert response.url == reverse("dashboards:student-page", args=[student.pk])


def test_instructor_finds_only_own_students(client_of, instructor):
    enrolled(student=StudentFactory(user__full_name="Other One"))
    mine = enrolled(
        batch=BatchFactory(instructor=instructor), student=StudentFactory(user__full_name="Own One")
    )

    response = client_of(instructor).get(reverse("dashboards:search"), {"q": "one"})

    assert response.url == reverse("dashboards:student-page", args=[mine.student_id])


def test_search_suggests_first_eight_students(client_of, admin):
    StudentFactory.create_batch(9)

    response = client_of(admin).get(reverse("dashboards:search-suggestions"), {"q": "student"})

    assert len(response.context["students"]) == 8
