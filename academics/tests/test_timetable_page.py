import datetime

import pytest
import time_machine
from django.urls import reverse

from academics.models import Batch, ClassTime, Enrollment
from accounts.tests.factories import UserFactory

from .factories import (
    ClassChangeFactory,
    CourseFactory,
    EnrollmentFactory,
    HolidayFactory,
    batch_with,
    june,
)

pytestmark = pytest.mark.django_db
WEEK = reverse("academics:calendar")
ONE = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _wednesday():
    """Wednesday, 10 June 2026, 12:00 in India."""
    with time_machine.travel(
        datetime.datetime(2026, 6, 10, 6, 30, tzinfo=datetime.UTC), tick=False
    ):
        yield


def shown(response):
    """Return `Mon 17:00 Evening: note` for each class on the page."""
    scheduled = [item.scheduled for day in response.context["days"] for item in day.classes]
    return [
        f"{class_.day:%a} {class_.slot.starts_at:%H:%M} {class_.batch}"
        + (f": {class_.note}" if class_.note else "")
        for class_ in scheduled
    ]


def test_week_shows_changed_classes_and_holidays(client_of, admin):
    evening = batch_with("Mon, Tue, Wed 17:00-18:30", name="Evening", room="Room 1")
    ClassChangeFactory(batch=evening, class_of=(june(8), "17:00-18:30"))
    ClassChangeFactory(
        batch=evening,
        class_of=(june(9), "17:00-18:30"),
        held=(june(12), "09:00-10:00"),
        reason="Exam",
    )
    ClassChangeFactory(batch=evening, held=(june(13), "09:00-10:00"), reason="Revision")
    HolidayFactory(day=june(10), name="Diwali")

    response = client_of(admin).get(WEEK)

    assert shown(response) == [
        "Mon 17:00 Evening: Cancelled: Fever",
        "Tue 17:00 Evening: Moved to Fri 12 Jun, 09:00: Exam",
        "Wed 17:00 Evening: Holiday: Diwali",
        "Fri 09:00 Evening: Moved from Tue 9 Jun, 17:00: Exam",
        "Sat 09:00 Evening: Extra class: Revision",
    ]
    text = response.content.decode()
    for words in (
        "Holiday: Diwali",
        "Cancelled: Fever",
        "Moved to Fri 12 Jun, 09:00: Exam",
        "Extra class: Revision",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", june(8), june(14)),
        ("?week=2026-06-16", june(15), june(21)),
        ("?week=2026-06-21", june(15), june(21)),
        ("?week=31/06/2026", june(8), june(14)),
        ("?week=2100-01-01", datetime.date(2099, 12, 28), datetime.date(2100, 1, 1)),
        ("?week=1900-01-01", datetime.date(1900, 1, 1), datetime.date(1900, 1, 7)),
        ("?day=2026-06-16", june(16), june(16)),
        ("?day=%00", june(8), june(14)),
    ],
)
def test_any_day_selects_its_week_and_invalid_days_this_week(client_of, admin, query, first, last):
    response = client_of(admin).get(f"{WEEK}{query}")

    if "%00" in query:
        assert response.status_code == 400
        return
    days = [day.day for day in response.context["days"]]
    assert (days[0], days[-1]) == (first, last)


def test_week_shows_own_classes_or_all_to_admin(client_of, admin, instructor):
    own = batch_with("Mon 17:00-18:30", name="Own", instructor=instructor)
    batch_with("Mon 17:00-18:30", name="Other", instructor=UserFactory())
    student = EnrollmentFactory(batch=own).student

    assert shown(client_of(admin).get(WEEK)) == ["Mon 17:00 Other", "Mon 17:00 Own"]
    assert shown(client_of(instructor).get(WEEK)) == ["Mon 17:00 Own"]
    assert shown(client_of(student).get(WEEK)) == ["Mon 17:00 Own"]
    assert client_of(student).get(WEEK).context["filters"] is None


def test_student_sees_classes_while_enrolled(client_of):
    batch = batch_with("Mon, Wed, Fri 17:00-18:30", name="Evening")
    enrollment = EnrollmentFactory(batch=batch, enrolled_on=june(10))
    Enrollment.objects.filter(pk=enrollment.pk).update(status="dropped", ended_on=june(12))

    assert shown(client_of(enrollment.student).get(WEEK)) == ["Wed 17:00 Evening"]


def test_admin_filters_by_instructor_room_and_batch(client_of, admin, instructor):
    own = batch_with("Mon 17:00-18:30", name="Own", instructor=instructor, room="Hall")
    other = batch_with("Tue 17:00-18:30", name="Other", room="Room 1")
    ClassChangeFactory(batch=other, held=(june(11), "09:00-10:00"), room="hall", reason="Exam")
    client = client_of(admin)

    def chosen(query):
        return shown(client.get(f"{WEEK}?{query}"))

    assert chosen(f"instructor={instructor.pk}") == ["Mon 17:00 Own"]
    assert chosen("room=hall") == ["Mon 17:00 Own", "Thu 09:00 Other: Extra class: Exam"]
    assert chosen(f"batch={own.pk}&week=2026-06-15") == ["Mon 17:00 Own"]
    assert chosen("instructor=99999&room=attic&batch=x") == shown(client.get(WEEK))


def test_class_links_to_its_sheet_or_to_the_batch(client_of, instructor, admin):
    batch = batch_with("Tue, Wed, Thu 17:00-18:30", name="Evening", instructor=instructor)
    student = EnrollmentFactory(batch=batch).student
    batch.sheets.create(held_on=june(9))
    ClassChangeFactory(batch=batch, class_of=(june(10), "17:00-18:30"))
    sheet = reverse("attendance:sheet", args=[batch.pk, june(9)])

    for user in (admin, instructor):
        response = client_of(user).get(WEEK)
        items = [item for day in response.context["days"] for item in day.classes]
        assert [(item.has_sheet, item.is_marked) for item in items] == [
            (True, True),
            (False, False),
            (False, False),
        ]
        assert sheet in response.content.decode()
    response = client_of(student).get(WEEK)
    assert sheet not in response.content.decode()
    assert f'href="{batch.get_absolute_url()}"' in response.content.decode()


def test_links_to_change_classes_need_permission(client_of, admin, instructor):
    batch = batch_with("Tue 17:00-18:30", instructor=instructor)
    move = reverse("academics:class-move", args=[batch.pk, june(9), datetime.time(17)])

    assert move in client_of(admin).get(WEEK).content.decode()
    assert move not in client_of(instructor).get(WEEK).content.decode()
    assert move not in client_of(instructor).get(batch.get_absolute_url()).content.decode()


@pytest.fixture
def many_classes():
    """200 classes on Monday and Wednesday, too many for a page."""
    course = CourseFactory()
    batches = Batch.objects.bulk_create(
        Batch(course=course, name=f"B{number:03}", starts_on=june(1)) for number in range(100)
    )
    for weekday in (0, 2):
        ClassTime.objects.bulk_create(
            ClassTime(
                batch=batch,
                weekday=weekday,
                starts_at=datetime.time(17),
                ends_at=datetime.time(18),
            )
            for batch in batches
        )


def test_day_is_shown_if_the_week_has_too_many_classes(client_of, admin, many_classes):
    client = client_of(admin)

    response = client.get(WEEK)

    assert response.context["selected"] == june(10)
    assert [day.number for day in response.context["week"]] == [100, 0, 100, 0, 0, 0, 0]
    (day,) = response.context["days"]
    assert (len(day.classes), day.hidden) == (100, 0)
    assert client.get(f"{WEEK}?week=2026-06-20").context["selected"] == june(15)


def test_day_with_too_many_classes_shows_the_first_of_them(client_of, admin, many_classes):
    for batch in Batch.objects.all():
        batch.class_times.create(weekday=2, starts_at=datetime.time(8), ends_at=datetime.time(9))

    (day,) = client_of(admin).get(f"{WEEK}?day=2026-06-10").context["days"]

    assert (day.number, len(day.classes), day.hidden) == (200, 150, 50)
    assert [str(item.scheduled.batch) for item in day.classes[:2]] == ["B000", "B001"]
    assert "50 more." in client_of(admin).get(f"{WEEK}?day=2026-06-10").content.decode()


def test_single_day_shows_the_same_as_the_whole_week(client_of, admin):
    evening = batch_with("Mon, Tue, Wed 17:00-18:30", name="Evening", room="Room 1")
    batch_with("Mon, Wed 08:00-09:30; Wed 10:00-11:00", name="Morning")
    batch_with("Wed 08:00-09:30", name="Over", ends_on=june(9))
    ClassChangeFactory(batch=evening, class_of=(june(8), "17:00-18:30"))
    ClassChangeFactory(
        batch=evening,
        class_of=(june(9), "17:00-18:30"),
        held=(june(12), "09:00-10:00"),
        reason="Exam",
    )
    ClassChangeFactory(
        batch=evening,
        class_of=(june(10), "17:00-18:30"),
        held=(june(10), "17:00-18:00"),
        reason="Hall",
    )
    HolidayFactory(day=june(13), name="Diwali")
    client = client_of(admin)
    whole = client.get(WEEK).context["days"]

    for day in whole:
        response = client.get(WEEK, {"day": day.day})
        assert [(other.number, other.holiday) for other in response.context["week"]] == [
            (other.number, other.holiday) for other in whole
        ]
        (alone,) = response.context["days"]
        assert [item.scheduled.note for item in alone.classes] == [
            item.scheduled.note for item in day.classes
        ]


@pytest.mark.parametrize("many", [True, False])
def test_long_list_of_batches_is_limited_by_the_other_filters(client_of, admin, instructor, many):
    own = batch_with("Mon 17:00-18:30", name="Own", instructor=instructor, room="Hall")
    other = batch_with("Tue 17:00-18:30", name="Other", room="Room 1")
    if many:
        Batch.objects.bulk_create(
            Batch(course=own.course, name=f"B{number}", starts_on=june(1)) for number in range(499)
        )
    client = client_of(admin)

    def offered(**query):
        fields = client.get(WEEK, query).context["filters"].fields
        return [key for key, _ in fields["batch"].choices if key] if "batch" in fields else []

    assert offered() == ([] if many else [str(other.pk), str(own.pk)])
    if many:
        assert (
            offered(instructor=instructor.pk)
            == offered(room="hall")
            == offered(batch=own.pk)
            == [str(own.pk)]
        )


@pytest.mark.parametrize("who", ["admin", "instructor", "student"])
def test_week_queries_do_not_grow_with_classes(
    client_of, admin, instructor, student, who, queries_of
):
    client = client_of({"admin": admin, "instructor": instructor, "student": student}[who])

    def add(batches):
        for _ in range(batches):
            batch = batch_with("Mon-Fri 17:00-18:30", instructor=instructor)
            EnrollmentFactory(batch=batch, student=student, is_exclusive=False)
            ClassChangeFactory(
                batch=batch, class_of=(june(8), "17:00-18:30"), held=(june(13), "09:00-10:00")
            )
            batch.sheets.create(held_on=june(9))
        return len(shown(client.get(WEEK)))

    assert add(1) == 6
    of_few = queries_of(lambda: client.get(WEEK))
    assert add(5) == 36
    assert queries_of(lambda: client.get(WEEK)) == of_few
