import datetime
import re

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from academics.class_times import parse
from academics.models import Batch, ClassTime, EnrollmentStatus
from academics.services.batches import save_batch
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.tests.factories import save_marks

from .factories import BatchFactory, ClassChangeFactory, CourseFactory, EnrollmentFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

TODAY = datetime.date(2026, 7, 1)  # a Wednesday


@pytest.fixture
def today():
    with time_machine.travel(
        datetime.datetime(2026, 7, 1, 6, 30, tzinfo=datetime.UTC), tick=False
    ):  # noon in India
        yield TODAY


def form(batch=None, times=(), **changes):
    """Form data of a batch; ``times`` are rows of (days, from, to)."""
    course = changes.pop("course", None) or (batch and batch.course) or CourseFactory()
    values = {
        "name": batch.name if batch else "Physics A",
        "code": "",
        "course": course.pk,
        "instructor": (batch and batch.instructor_id) or "",
        "starts_on": batch.starts_on.isoformat() if batch else "2026-06-01",
        "ends_on": "",
        "capacity": "",
        "room": batch.room if batch else "",
        "times-TOTAL_FORMS": len(times),
        "times-INITIAL_FORMS": 0,
        **changes,
    }
    for number, (days, starts_at, ends_at) in enumerate(times):
        values[f"times-{number}-days"] = days
        values[f"times-{number}-starts_at"], values[f"times-{number}-ends_at"] = starts_at, ends_at
    return values


def add(client, **changes):
    return client.post(reverse("academics:batch-create"), form(**changes))


def edit(client, batch, **changes):
    return client.post(reverse("academics:batch-update", args=[batch.pk]), form(batch, **changes))


# Form


def test_admin_adds_batch_with_class_times(client_of, admin, instructor):
    course = CourseFactory()

    response = add(
        client_of(admin),
        course=course,
        instructor=instructor.pk,
        code="PA",
        capacity="30",
        room="Room 4",
        ends_on="31/03/2027",
        times=[(["0", "2", "4"], "17:00", "18:30"), (["5"], "09:00", "11:00"), ([], "", "")],
    )

    batch = Batch.objects.get()
    assert response.url == batch.get_absolute_url()
    assert (batch.course, batch.instructor, batch.capacity, batch.room) == (
        course,
        instructor,
        30,
        "Room 4",
    )
    assert batch.ends_on == datetime.date(2027, 3, 31)
    assert batch.class_times_text == "Mon, Wed, Fri 17:00-18:30; Sat 09:00-11:00"


def test_form_starts_with_the_course_of_the_link(client_of, admin):
    course = CourseFactory()
    client = client_of(admin)

    def is_selected(value):
        page = client.get(reverse("academics:batch-create"), {"course": value})
        option = rf'<option value="{course.pk}"\s+selected>'
        return re.search(option, page.content.decode()) is not None

    assert is_selected(course.pk)
    assert not is_selected("abc")


def test_form_offers_active_courses_and_instructors(client_of, admin, instructor, student):
    active, _ = CourseFactory(), CourseFactory(is_active=False)
    UserFactory(is_active=False)

    offered = client_of(admin).get(reverse("academics:batch-create")).context["form"].fields

    assert list(offered["course"].queryset) == [active]
    assert set(offered["instructor"].queryset) == {admin, instructor}


def test_batch_can_keep_inactive_course_and_instructor(client_of, admin):
    batch = BatchFactory(course__is_active=False, instructor__is_active=False)

    response = edit(client_of(admin), batch, name="New name")

    batch.refresh_from_db()
    assert (response.status_code, batch.name, batch.instructor.is_active) == (
        302,
        "New name",
        False,
    )


def test_unchanged_class_times_keep_their_rows(client_of, admin):
    batch = BatchFactory()
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))
    monday = ClassTime.objects.get(weekday=0)

    edit(client_of(admin), batch, times=[(["0", "3"], "17:00", "18:30")])

    batch.refresh_from_db()
    assert batch.class_times_text == "Mon, Thu 17:00-18:30"
    assert ClassTime.objects.get(weekday=0).pk == monday.pk


def test_form_shows_a_row_for_each_time_and_two_empty_rows(client_of, admin):
    batch = BatchFactory()
    save_batch(batch, parse("Mon, Wed 17:00-18:30; Sat 09:00-11:00"))

    rows = client_of(admin).get(reverse("academics:batch-update", args=[batch.pk])).context["rows"]

    assert [row.initial.get("days") for row in rows] == [[0, 2], [5], None, None]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((["0"], "18:00", "17:00"), "A class on Mon must end after it starts."),
        ((["0"], "17:00", ""), "Enter both times."),
        (([], "17:00", "18:00"), "Tick the days of this class, or clear its times to remove it."),
        ((["0"], "25:00", "26:00"), "Enter a time of day for “From”, like 17:30."),
        (
            (["7"], "17:00", "18:00"),
            "Select a valid choice. 7 is not one of the available choices.",
        ),
        ((["4"], "10:30", "11:30"), "Two classes on Fri overlap."),
    ],
)
def test_invalid_class_time_shows_error_and_saves_nothing(client_of, admin, row, sentence):
    response = add(client_of(admin), times=[(["4"], "10:00", "11:00"), row])

    first, second = response.context["rows"]
    assert not first.errors
    assert next(iter(second.errors.values()))[0] == sentence
    assert sentence in response.content.decode()
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 300),
        ("name", "a\0b"),
        ("starts_on", "2026-02-31"),
        ("starts_on", "0001-01-01"),
        ("starts_on", "9999-12-31"),
        ("starts_on", ""),
        ("ends_on", "2026-05-31"),
        ("capacity", "0"),
        ("capacity", "-1"),
        ("capacity", "1000000000"),
        ("capacity", "1e3"),
        ("capacity", "1_0"),
        ("capacity", "१२"),
        ("course", "999999"),
        ("course", "abc"),
        ("instructor", "999999"),
    ],
)
def test_invalid_value_shows_error(client_of, admin, field, value):
    response = client_of(admin).post(reverse("academics:batch-create"), {**form(), field: value})

    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Batch.objects.exists()


@pytest.mark.parametrize("name", ["Physics 🚀", "भौतिकी क", 'O\'Brien "A" <b>', "x" * 150])
def test_name_is_saved_as_typed(client_of, admin, name):
    client = client_of(admin)
    add(client, name=name)

    assert Batch.objects.get().name == name
    assert "<b>" not in client.get(reverse("academics:batch-list")).content.decode()


def test_manipulated_class_time_form_is_refused(client_of, admin):
    values = {**form(), "times-TOTAL_FORMS": "many"}

    response = client_of(admin).post(reverse("academics:batch-create"), values)

    assert response.status_code == 200
    assert not Batch.objects.exists()


# Checks


def test_seats_cannot_be_fewer_than_students(client_of, admin):
    batch = BatchFactory(capacity=5)
    EnrollmentFactory.create_batch(2, batch=batch)
    client = client_of(admin)

    refused = edit(client, batch, capacity="1")
    assert refused.context["form"].errors["capacity"] == [
        "2 students are enrolled. Enter at least 2, or drop or transfer some students first."
    ]
    assert edit(client, batch, capacity="2").status_code == 302


def test_course_cannot_change_after_enrollments(client_of, admin):
    batch = EnrollmentFactory(batch__course__name="JEE", status="dropped", ended_on=TODAY).batch
    other = CourseFactory()

    response = edit(client_of(admin), batch, course=other)

    assert response.context["form"].errors["course"] == [
        "Students are enrolled at the fee of JEE, so the course cannot be changed. Add a new batch."
    ]


def test_course_can_change_without_enrollments(client_of, admin):
    batch, other = BatchFactory(), CourseFactory()

    edit(client_of(admin), batch, course=other)

    batch.refresh_from_db()
    assert batch.course == other


def test_dates_must_include_days_with_attendance(client_of, admin):
    batch = EnrollmentFactory().batch
    save_marks(batch, datetime.date(2026, 6, 3))
    save_marks(batch, datetime.date(2026, 6, 10))
    client = client_of(admin)

    late = edit(client, batch, starts_on="2026-06-04")
    early = edit(client, batch, ends_on="2026-06-09")

    assert late.context["form"].errors["starts_on"] == [
        "Attendance was marked on 3 Jun 2026. Choose that day or an earlier one."
    ]
    assert early.context["form"].errors["ends_on"] == [
        "Attendance was marked on 10 Jun 2026. Choose that day or a later one."
    ]
    assert edit(client, batch, starts_on="2026-06-03", ends_on="2026-06-10").status_code == 302


def test_batch_cannot_end_before_a_student_starts(client_of, admin):
    batch = EnrollmentFactory(enrolled_on=datetime.date(2026, 6, 20)).batch

    response = edit(client_of(admin), batch, ends_on="2026-06-19")

    assert response.context["form"].errors["ends_on"] == [
        "A student is enrolled from 20 Jun 2026. Choose that day or a later one."
    ]


def test_batch_needs_an_active_course(client_of, admin):
    response = client_of(admin).get(reverse("academics:batch-create"), follow=True)

    assert response.redirect_chain == [(reverse("academics:course-create"), 302)]
    assert "Add the course first." in response.content.decode()


# Clashes


def other_batch(**fields):
    batch = BatchFactory(name="Chemistry B", **fields)
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))
    return batch


def test_instructor_clash_needs_confirmation_and_keeps_the_input(client_of, admin, instructor):
    other_batch(instructor=instructor)
    client = client_of(admin)
    typed = dict(instructor=instructor.pk, times=[(["0", "1"], "18:00", "19:00")], name="Physics A")

    asked = add(client, **typed)

    page = asked.content.decode()
    assert asked.context["clashes"] == ["Imran Khan has Chemistry B on Mon 17:00-18:30."]
    assert not Batch.objects.filter(name="Physics A").exists()
    assert 'value="Physics A"' in page
    assert 'value="18:00"' in page
    assert "Save anyway" in page

    saved = add(client, **typed, despite_clash="on", course=CourseFactory())
    assert Batch.objects.get(name="Physics A").class_times_text == "Mon, Tue 18:00-19:00"
    assert (
        "Imran Khan has Chemistry B on Mon 17:00-18:30." in client.get(saved.url).content.decode()
    )


def test_confirmed_clash_is_not_asked_again_until_times_change(client_of, admin, instructor):
    other_batch(instructor=instructor)
    client = client_of(admin)
    typed = dict(
        instructor=instructor.pk,
        times=[(["0"], "18:00", "19:00")],
        name="Physics A",
        course=CourseFactory(),
    )
    add(client, **typed, despite_clash="on")
    batch = Batch.objects.get(name="Physics A")

    saved = edit(client, batch, **typed, capacity=30)
    assert (
        "Saved despite a clash: Imran Khan has Chemistry B"
        in client.get(saved.url).content.decode()
    )
    batch.refresh_from_db()
    assert batch.capacity == 30

    moved = edit(client, batch, **{**typed, "times": [(["0"], "17:30", "18:30")]})
    assert moved.context["clashes"] == ["Imran Khan has Chemistry B on Mon 17:00-18:30."]


def test_room_clash_ignores_letter_case_in_any_script(client_of, admin):
    other_batch(room="Größe")

    response = add(client_of(admin), room="GRÖSSE", times=[(["2"], "17:30", "18:00")])

    assert response.context["clashes"] == ["Room GRÖSSE has Chemistry B on Wed 17:00-18:30."]


def test_batch_with_same_instructor_and_room_is_listed_once(client_of, admin, instructor):
    other_batch(instructor=instructor, room="Room 4")

    response = add(
        client_of(admin),
        instructor=instructor.pk,
        room="room 4",
        times=[(["0", "2"], "18:00", "19:00")],
    )

    assert response.context["clashes"] == [
        "Imran Khan and room 4 have Chemistry B on Mon, Wed 17:00-18:30."
    ]


def test_single_class_of_another_batch_clashes_until_it_is_over(client_of, admin):
    other = BatchFactory(name="Chemistry B", room="Hall")
    for day in (datetime.date(2026, 6, 2), datetime.date(2026, 6, 9)):  # both are Tuesdays
        ClassChangeFactory(batch=other, held=(day, "17:00-18:30"), room="Room 4")
    typed = {"room": "Room 4", "times": [(["1"], "18:00", "19:00")]}
    client = client_of(admin)

    with time_machine.travel(datetime.datetime(2026, 6, 3, 6, tzinfo=datetime.UTC), tick=False):
        response = add(client, **typed)
        assert response.context["clashes"] == ["Room 4 has Chemistry B on Tue 9 Jun, 17:00."]
        assert add(client, **{**typed, "times": [(["2"], "18:00", "19:00")]}).status_code == 302
        assert add(client, **{**typed, "ends_on": "2026-06-08"}).status_code == 302


@pytest.mark.parametrize(
    "changes",
    [
        {"times": [(["0"], "18:30", "19:00")]},  # one after the other
        {"times": [(["1"], "17:00", "18:30")]},  # another day
        {
            "times": [(["0"], "17:00", "18:30")],
            "starts_on": "2026-09-01",
        },  # the other is over by then
        {
            "times": [(["0"], "17:00", "18:30")],
            "starts_on": "2026-05-01",
            "ends_on": "2026-05-31",
        },  # over before it
        {"times": [(["0"], "17:00", "18:30")], "instructor": "", "room": "Room 5"},
        {"times": [(["0"], "17:00", "18:30")], "instructor": "", "room": ""},
    ],
)
def test_batches_at_other_times_do_not_clash(client_of, admin, instructor, changes):
    other_batch(instructor=instructor, room="Room 4", ends_on=datetime.date(2026, 8, 31))

    response = add(client_of(admin), **{"instructor": instructor.pk, "room": "room 4", **changes})

    assert response.status_code == 302


def test_batches_without_instructor_and_room_do_not_clash(client_of, admin):
    other_batch(instructor=None)

    assert add(client_of(admin), times=[(["0"], "17:00", "18:30")]).status_code == 302


def test_batch_does_not_clash_with_itself():
    batch = other_batch(room="Room 4")

    assert save_batch(batch, parse("Mon 17:00-19:00")) == []


def test_service_refuses_overlapping_class_times():
    with pytest.raises(ValidationError, match="Two classes on Mon overlap"):
        save_batch(BatchFactory(), [*parse("Mon 17:00-18:00"), *parse("Mon 17:30-18:30")])


# Access


@pytest.fixture
def cast(admin, instructor):
    batch = BatchFactory(name="Physics A", instructor=instructor)
    own = EnrollmentFactory(batch=batch, student__user__full_name="Asha Verma").student
    return {
        "batch": batch,
        "admin": admin,
        "own instructor": instructor,
        "other instructor": BatchFactory(name="Other").instructor,
        "own student": own,
        "other student": EnrollmentFactory().student,
    }


@pytest.mark.parametrize(
    ("page", "statuses"),
    [
        ("batch-detail", [200, 200, 404, 200, 404]),
        ("batch-students", [200, 200, 404, 403, 403]),
        ("batch-update", [200, 403, 403, 403, 403]),
    ],
)
def test_batch_pages_by_role(client_of, cast, page, statuses):
    people = ["admin", "own instructor", "other instructor", "own student", "other student"]
    address = reverse(f"academics:{page}", args=[cast["batch"].pk])

    assert [client_of(cast[who]).get(address).status_code for who in people] == statuses


def test_only_admin_adds_batches(client_of, cast):
    people = ["admin", "own instructor", "own student"]
    address = reverse("academics:batch-create")

    assert [client_of(cast[who]).get(address).status_code for who in people] == [200, 403, 403]


def test_visitor_is_sent_to_sign_in(client, cast):
    for page in ("batch-detail", "batch-students", "batch-update"):
        address = reverse(f"academics:{page}", args=[cast["batch"].pk])
        assert client.get(address).url == f"{reverse('accounts:login')}?next={address}"


def test_list_shows_own_batches_or_all_to_admin(client_of, cast):
    def names(who):
        return {
            batch.name
            for batch in client_of(cast[who]).get(reverse("academics:batch-list")).context["page"]
        }

    assert len(names("admin")) == 3
    assert names("own instructor") == {"Physics A"}
    assert names("own student") == {"Physics A"}
    assert names("other instructor") == {"Other"}


def test_student_sees_batch_without_students_and_buttons(client_of, cast):
    address = cast["batch"].get_absolute_url()
    links = [
        reverse("academics:batch-students", args=[cast["batch"].pk]),
        reverse("academics:batch-update", args=[cast["batch"].pk]),
        reverse("finance:batch-enroll", args=[cast["batch"].pk]),
        reverse("finance:batch-complete", args=[cast["batch"].pk]),
        reverse("attendance:sheet", args=[cast["batch"].pk, TODAY]),
        reverse("attendance:batch-attendance", args=[cast["batch"].pk]),
    ]

    def shown(who):
        page = client_of(cast[who]).get(address).content.decode()
        return [f'href="{link}"' in page for link in links]

    assert shown("admin") == [True] * 6
    assert shown("own instructor") == [True, False, False, False, True, True]
    assert shown("own student") == [False] * 6


# List


@pytest.fixture
def three(instructor):
    day = datetime.date
    over = BatchFactory(
        name="Over", starts_on=day(2026, 1, 1), ends_on=day(2026, 6, 30), course__name="Zoology"
    )
    running = BatchFactory(
        name="Running", ends_on=TODAY, instructor=instructor, course__name="Algebra"
    )
    upcoming = BatchFactory(
        name="Upcoming", starts_on=day(2026, 7, 2), instructor=None, course__name="Botany"
    )
    EnrollmentFactory.create_batch(2, batch=running)
    EnrollmentFactory(batch=running, status=EnrollmentStatus.DROPPED, ended_on=TODAY)
    EnrollmentFactory(batch=over)
    return over, running, upcoming


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Running", "Upcoming"]),
        ({"when": "running"}, ["Running"]),
        ({"when": "upcoming"}, ["Upcoming"]),
        ({"when": "over"}, ["Over"]),
        ({"when": "all"}, ["Over", "Running", "Upcoming"]),
        ({"when": "delete", "course": "x", "instructor": "-1"}, ["Running", "Upcoming"]),
        ({"when": "all", "instructor": "none"}, ["Upcoming"]),
        ({"when": "all", "q": "zoo"}, ["Over"]),
        ({"when": "all", "q": "ing run"}, ["Running"]),
        ({"when": "all", "sort": "-name"}, ["Upcoming", "Running", "Over"]),
        ({"when": "all", "sort": "starts"}, ["Over", "Running", "Upcoming"]),
        ({"when": "all", "sort": "-strength"}, ["Running", "Over", "Upcoming"]),
        ({"when": "all", "sort": "-course"}, ["Over", "Upcoming", "Running"]),
        ({"sort": "password", "page": "99"}, ["Running", "Upcoming"]),
    ],
)
def test_list_filters_and_sorts(client_of, admin, three, asked, names):
    batches = client_of(admin).get(reverse("academics:batch-list"), asked).context["page"]

    assert [batch.name for batch in batches] == names


def test_list_filters_by_course_and_instructor(client_of, admin, instructor, three):
    over, running, _ = three
    client = client_of(admin)

    by_course = client.get(
        reverse("academics:batch-list"), {"when": "all", "course": over.course.pk}
    )
    by_instructor = client.get(
        reverse("academics:batch-list"), {"when": "all", "instructor": instructor.pk}
    )

    assert list(by_course.context["page"]) == [over]
    assert list(by_instructor.context["page"]) == [running]


def test_filter_offers_instructor_own_courses_only(client_of, instructor, three):
    filters = client_of(instructor).get(reverse("academics:batch-list")).context["filters"]

    assert [name for _, name in filters.fields["course"].choices] == [
        "All courses",
        three[1].course.name,
    ]
    assert "instructor" not in filters.fields


def test_list_and_page_show_the_same_times_and_dates(client_of, admin):
    batch = BatchFactory(starts_on=datetime.date(2026, 6, 1), ends_on=None)
    save_batch(batch, parse("Mon, Wed 17:00-18:30; Sat 09:00-11:00"), despite_clash=True)
    client = client_of(admin)

    for address in (reverse("academics:batch-list") + "?when=all", batch.get_absolute_url()):
        page = client.get(address).content.decode()

        assert (
            '<span class="time-line">Mon, Wed <span class="nowrap">17:00-18:30</span></span>'
            in page
        ), address
        assert (
            '<span class="time-line">Sat <span class="nowrap">09:00-11:00</span></span>' in page
        ), address
        assert '<span class="nowrap">from 1 Jun 2026</span>' in page, address


def test_full_batch_is_marked(client_of, admin):
    batch = EnrollmentFactory(batch__capacity=1).batch
    client = client_of(admin)

    assert batch.pk == client.get(reverse("academics:batch-list")).context["page"][0].pk
    for address in (reverse("academics:batch-list"), batch.get_absolute_url()):
        assert "Full" in client.get(address).content.decode()


# Detail and students


def test_page_shows_next_class_and_seats_left(client_of, admin):
    batch = EnrollmentFactory(batch__capacity=30).batch
    save_batch(batch, parse("Wed 17:00-18:30"))

    context = client_of(admin).get(batch.get_absolute_url()).context

    assert (context["next_class"].day, context["batch"].seats_left) == (TODAY, 29)


def test_students_page_shows_active_students_by_default(client_of, cast):
    batch = cast["batch"]
    EnrollmentFactory(
        batch=batch,
        student__user__full_name="Bala",
        status=EnrollmentStatus.DROPPED,
        ended_on=TODAY,
    )
    EnrollmentFactory(
        batch=batch,
        student__user__full_name="Chitra",
        status=EnrollmentStatus.COMPLETED,
        ended_on=TODAY,
    )
    client = client_of(cast["own instructor"])

    def names(**asked):
        page = client.get(reverse("academics:batch-students", args=[batch.pk]), asked)
        return [str(enrollment.student) for enrollment in page.context["page"]]

    assert names() == ["Asha Verma"]
    assert names(status="dropped") == ["Bala"]
    assert names(status="completed") == ["Chitra"]
    assert names(status="all") == ["Asha Verma", "Bala", "Chitra"]
    assert names(status="all", sort="-name") == ["Chitra", "Bala", "Asha Verma"]
    assert names(status="all", q="chit") == ["Chitra"]
    assert names(status="nonsense") == ["Asha Verma"]


def test_students_page_links_to_phones_and_student_pages(client_of, cast):
    student = StudentFactory(
        user__full_name="Dev", user__phone="9876543210", guardian_phone="9123456780"
    )
    EnrollmentFactory(batch=cast["batch"], student=student)

    page = client_of(cast["own instructor"]).get(
        reverse("academics:batch-students", args=[cast["batch"].pk])
    )

    text = page.content.decode()
    assert 'href="tel:+919876543210"' in text
    assert 'href="tel:+919123456780"' in text
    assert f'href="{student.get_absolute_url()}"' in text


def test_only_admin_sees_enrollment_actions(client_of, cast):
    enrollment = cast["batch"].enrollments.get()
    address = reverse("academics:batch-students", args=[cast["batch"].pk])
    acts = [
        reverse(f"finance:enrollment-{act}", args=[enrollment.pk])
        for act in ("transfer", "complete", "drop")
    ]

    def shown(who):
        page = client_of(cast[who]).get(address).content.decode()
        return [act in page for act in acts]

    assert shown("admin") == [True] * 3
    assert shown("own instructor") == [False] * 3


# Queries


@pytest.mark.parametrize("who", ["admin", "instructor"])
def test_list_queries_do_not_grow_with_rows(client_of, admin, instructor, who, queries_of):
    client = client_of({"admin": admin, "instructor": instructor}[who])

    def add(batches):
        for batch in BatchFactory.create_batch(batches, instructor=instructor):
            save_batch(batch, parse("Mon, Wed 17:00-18:30"), despite_clash=True)
            EnrollmentFactory(batch=batch)
        return len(client.get(reverse("academics:batch-list")).context["page"])

    assert add(1) == 1
    of_few = queries_of(lambda: client.get(reverse("academics:batch-list")))
    assert add(5) == 6
    assert queries_of(lambda: client.get(reverse("academics:batch-list"))) == of_few


def test_batch_page_queries_do_not_grow_with_students(client_of, admin, instructor, queries_of):
    batch = BatchFactory(instructor=instructor)
    save_batch(batch, parse("Mon, Wed 17:00-18:30; Sat 09:00-10:00"))
    pages = [
        reverse(f"academics:{page}", args=[batch.pk]) for page in ("batch-detail", "batch-students")
    ]
    of_office = [
        reverse("academics:batch-update", args=[batch.pk]),
        reverse("academics:batch-create"),
    ]

    def queries():
        found = []
        for user, seen in (
            (instructor, pages),
            (admin, [*pages, *of_office, batch.course.get_absolute_url()]),
        ):
            client = client_of(user)
            client.get(seen[0])
            found += [queries_of(lambda: client.get(page)) for page in seen]  # noqa: B023
        return found

    def add(number):
        EnrollmentFactory.create_batch(number, batch=batch)
        BatchFactory.create_batch(number)

    add(1)
    of_few = queries()
    add(5)
    assert queries() == of_few
