import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from academics.services.enrollments import cancel_enrollments
from accounts.tests.factories import StudentFactory, user_with
from finance.services.enrollments import drop
from finance.services.transfers import transfer
from finance.tests.factories import enrolled

from .factories import BatchFactory, CourseFactory, june

pytestmark = pytest.mark.django_db
PAGE = reverse("academics:drop-list")


def dropped(admin, reason, note="", *, on=None, **fields):
    enrollment = enrolled(**fields)
    on = on or timezone.localdate()
    return drop(enrollment=enrollment, ended_on=on, reason=reason, note=note, by=admin)


def names(response):
    return [row.student.user.full_name for row in response.context["page"]]


def counts(response, chart="reasons"):
    return {bar.label: bar.value for bar in response.context[chart].bars}


def test_report_counts_the_reasons_and_lists_the_students(client_of, admin):
    asha = StudentFactory(user__full_name="Asha Verma")
    dropped(admin, "moved_away", "to Pune", student=asha)
    dropped(admin, "fees")
    dropped(admin, "fees")

    page = client_of(admin).get(PAGE)

    assert counts(page) == {"Fees": "2", "Moved away": "1"}
    assert len(names(page)) == 3
    text = " ".join(page.content.decode().split())
    assert 'Moved away <span class="under soft">to Pune</span>' in text


def test_report_is_filtered_by_period_course_reason_and_student(client_of, admin):
    jee, neet = CourseFactory(name="JEE"), CourseFactory(name="NEET")
    for name, course, day, reason in (
        ("Asha Verma", jee, 10, "fees"),
        ("Bilal Shaikh", jee, 11, "health"),
        ("Chitra Iyer", neet, 12, "fees"),
    ):
        student = StudentFactory(user__full_name=name)
        batch = BatchFactory(course=course)
        dropped(admin, reason, student=student, batch=batch, on=june(day))
    client = client_of(admin)

    def listed(**query):
        return sorted(names(client.get(PAGE, query)))

    assert listed(**{"from": "2026-06-11"}) == ["Bilal Shaikh", "Chitra Iyer"]
    assert listed(to="2026-06-11") == ["Asha Verma", "Bilal Shaikh"]
    assert listed(course=jee.pk) == ["Asha Verma", "Bilal Shaikh"]
    assert listed(reason="fees") == ["Asha Verma", "Chitra Iyer"]
    assert listed(q="chitra") == ["Chitra Iyer"]
    assert listed(reason="x", course="x", **{"from": "x"}) == [
        "Asha Verma",
        "Bilal Shaikh",
        "Chitra Iyer",
    ]
    page = client.get(PAGE, {"reason": "fees"})
    assert counts(page, "courses") == {"JEE": "1", "NEET": "1"}
    (bar, _) = page.context["courses"].bars
    assert names(client.get(bar.href)) == ["Asha Verma"]


def test_transfers_are_no_drops(client_of, admin):
    enrollment = enrolled()
    transfer(enrollment=enrollment, batch=BatchFactory(), on=timezone.localdate(), by=admin)

    assert names(client_of(admin).get(PAGE)) == []


def test_enrollments_that_were_undone_are_no_drops(client_of, admin):
    cancel_enrollments(Enrollment.objects.filter(pk=enrolled().pk), reason="Wrong batch")

    assert names(client_of(admin).get(PAGE)) == []


def test_report_is_exported_with_reason_and_note(client_of, admin):
    student = StudentFactory(user__full_name="Asha Verma", admission_number="26-77777")
    batch = BatchFactory(name="Morning", course__name="JEE")
    dropped(admin, "other", "=joins the army", student=student, batch=batch, on=june(10))

    response = client_of(admin).get(PAGE, {"as": "csv"})

    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[1] == (
        "Asha Verma,26-77777,Morning,JEE,2026-06-01,2026-06-10,Other,'=joins the army"
    )


def test_instructor_sees_the_drops_of_own_batches(client_of, admin, instructor):
    dropped(admin, "fees", batch=BatchFactory(instructor=instructor, course__name="Own course"))
    dropped(admin, "health", batch=BatchFactory(course__name="Hidden course"))

    page = client_of(instructor).get(PAGE)

    assert counts(page) == {"Fees": "1"}
    assert "Own course" in page.content.decode()
    assert "Hidden course" not in page.content.decode()


def test_report_needs_the_permission_to_see_enrollments(client_of, student):
    assert client_of(student).get(PAGE).status_code == 403
    assert client_of(user_with("academics.view_enrollment")).get(PAGE).status_code == 200


def test_batches_lead_to_the_report(client_of, admin, student):
    assert PAGE in client_of(admin).get(reverse("academics:batch-list")).content.decode()
    assert PAGE not in client_of(student).get(reverse("academics:batch-list")).content.decode()


def test_report_needs_the_same_queries_for_few_and_many(client_of, admin, queries_of):
    client = client_of(admin)

    def queries_with(students):
        for _ in range(students):
            dropped(admin, "fees")
        client.get(PAGE)  # what is remembered for a while is remembered now
        return queries_of(lambda: client.get(PAGE))

    assert queries_with(2) == queries_with(8)


@pytest.mark.parametrize(
    ("reason", "note", "sentence"),
    [
        ("", "", "Choose the reason"),
        ("Moved", "", "Choose the reason"),
        ("other", "", "Enter the other reason."),
    ],
)
def test_drop_needs_a_reason_of_the_list(admin, reason, note, sentence):
    with pytest.raises(ValidationError, match=sentence):
        dropped(admin, reason, note)

    assert Enrollment.objects.get().is_active


def test_database_refuses_a_reason_for_dropping_without_a_drop(admin):
    enrollment = enrolled()

    with pytest.raises(IntegrityError), transaction.atomic():
        Enrollment.objects.filter(pk=enrollment.pk).update(drop_reason="fees")
    dropped(admin, "fees")
    with pytest.raises(IntegrityError), transaction.atomic():
        Enrollment.objects.filter(drop_reason="fees").update(drop_reason="unknown")


def test_office_corrects_the_reason_of_a_drop_in_django_admin(client_of, admin):
    left, active = dropped(admin, "fees"), enrolled()
    user = user_with(
        "accounts.enter_admin",
        "accounts.see_whole_institute",
        "academics.view_enrollment",
        "academics.change_enrollment",
    )
    client = client_of(user)

    for enrollment in (left, active):
        page = reverse("admin:academics_enrollment_change", args=[enrollment.pk])
        client.post(page, {"drop_reason": "health", "end_reason": "noted"})
        enrollment.refresh_from_db()

    assert (left.drop_reason, left.end_reason) == ("health", "noted")
    assert (active.drop_reason, active.end_reason) == ("", "noted")
    page = reverse("admin:academics_enrollment_change", args=[left.pk])
    assert "This field is required." in client.post(page, {"drop_reason": ""}).content.decode()
