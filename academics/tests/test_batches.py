"""Batches: their list, page, form, students, and who sees which."""

import datetime

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from academics.class_times import parse
from academics.models import Batch, ClassTime, EnrollmentStatus
from academics.services.batches import save_batch
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.tests.factories import taken

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
    """What the browser sends for a batch; ``times`` are rows of days, from, to."""
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


# Writing --------------------------------------------------------------------------------------------------------


def test_an_admin_adds_a_batch_with_its_class_times(client_of, admin, instructor):
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


def test_the_form_opens_with_the_course_that_was_asked_for(client_of, admin):
    course = CourseFactory()
    client = client_of(admin)

    right = client.get(reverse("academics:batch-create"), {"course": course.pk})
    wrong = client.get(reverse("academics:batch-create"), {"course": "abc"})

    assert f'<option value="{course.pk}" selected>' in right.content.decode()
    assert f'<option value="{course.pk}" selected>' not in wrong.content.decode()


def test_only_active_courses_and_people_who_teach_are_offered(
    client_of, admin, instructor, student
):
    active, _ = CourseFactory(), CourseFactory(is_active=False)
    UserFactory(is_active=False)

    offered = client_of(admin).get(reverse("academics:batch-create")).context["form"].fields

    assert list(offered["course"].queryset) == [active]
    assert set(offered["instructor"].queryset) == {admin, instructor}


def test_a_batch_keeps_a_course_and_an_instructor_that_are_no_longer_active(client_of, admin):
    batch = BatchFactory(course__is_active=False, instructor__is_active=False)

    response = edit(client_of(admin), batch, name="New name")

    batch.refresh_from_db()
    assert (response.status_code, batch.name, batch.instructor.is_active) == (
        302,
        "New name",
        False,
    )


def test_only_class_times_that_changed_are_touched(client_of, admin):
    batch = BatchFactory()
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))
    monday = ClassTime.objects.get(weekday=0)

    edit(client_of(admin), batch, times=[(["0", "3"], "17:00", "18:30")])

    batch.refresh_from_db()
    assert batch.class_times_text == "Mon, Thu 17:00-18:30"
    assert ClassTime.objects.get(weekday=0).pk == monday.pk


def test_the_form_shows_a_row_for_each_time_and_two_empty_ones(client_of, admin):
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
def test_a_row_that_is_wrong_says_so_and_nothing_is_saved(client_of, admin, row, sentence):
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
def test_bad_values_get_a_sentence(client_of, admin, field, value):
    response = client_of(admin).post(reverse("academics:batch-create"), {**form(), field: value})

    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Batch.objects.exists()


@pytest.mark.parametrize("name", ["Physics 🚀", "भौतिकी क", 'O\'Brien "A" <b>', "x" * 150])
def test_names_are_kept_as_written(client_of, admin, name):
    client = client_of(admin)
    add(client, name=name)

    assert Batch.objects.get().name == name
    assert "<b>" not in client.get(reverse("academics:batch-list")).content.decode()


def test_a_broken_form_of_class_times_is_refused(client_of, admin):
    values = {**form(), "times-TOTAL_FORMS": "many"}

    response = client_of(admin).post(reverse("academics:batch-create"), values)

    assert response.status_code == 200
    assert not Batch.objects.exists()


# What history forbids -------------------------------------------------------------------------------------------


def test_seats_cannot_go_below_the_students_enrolled(client_of, admin):
    batch = BatchFactory(capacity=5)
    EnrollmentFactory.create_batch(2, batch=batch)
    client = client_of(admin)

    refused = edit(client, batch, capacity="1")
    assert refused.context["form"].errors["capacity"] == [
        "2 students are enrolled. Enter at least 2, or drop or transfer some students first."
    ]
    assert edit(client, batch, capacity="2").status_code == 302


def test_the_course_of_a_batch_with_enrollments_stays(client_of, admin):
    batch = EnrollmentFactory(batch__course__name="JEE", status="dropped", ended_on=TODAY).batch
    other = CourseFactory()

    response = edit(client_of(admin), batch, course=other)

    assert response.context["form"].errors["course"] == [
        "Students are enrolled at the fee of JEE, so the course cannot be changed. Add a new batch."
    ]


def test_the_course_of_a_batch_without_enrollments_can_change(client_of, admin):
    batch, other = BatchFactory(), CourseFactory()

    edit(client_of(admin), batch, course=other)

    batch.refresh_from_db()
    assert batch.course == other


def test_a_batch_keeps_the_days_on_which_attendance_was_taken(client_of, admin):
    batch = EnrollmentFactory().batch
    taken(batch, datetime.date(2026, 6, 3))
    taken(batch, datetime.date(2026, 6, 10))
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


def test_a_batch_cannot_end_before_a_student_starts(client_of, admin):
    batch = EnrollmentFactory(enrolled_on=datetime.date(2026, 6, 20)).batch

    response = edit(client_of(admin), batch, ends_on="2026-06-19")

    assert response.context["form"].errors["ends_on"] == [
        "A student is enrolled from 20 Jun 2026. Choose that day or a later one."
    ]


def test_without_a_course_the_first_step_is_to_add_one(client_of, admin):
    response = client_of(admin).get(reverse("academics:batch-create"), follow=True)

    assert response.redirect_chain == [(reverse("academics:course-create"), 302)]
    assert "Add the course first." in response.content.decode()


# TimetableConflict --------------------------------------------------------------------------------------------------------


def standing(**fields):
    """A batch that is there already, Mon and Wed 17:00-18:30."""
    batch = BatchFactory(name="Chemistry B", **fields)
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))
    return batch


def test_an_instructors_clash_is_asked_about_and_loses_nothing(client_of, admin, instructor):
    standing(instructor=instructor)
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


def test_a_clash_that_was_accepted_is_told_and_not_asked_about_while_what_clashes_stays(
    client_of, admin, instructor
):
    standing(instructor=instructor)
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


def test_a_rooms_clash_ignores_letter_case_in_any_script(client_of, admin):
    standing(room="Größe")

    response = add(client_of(admin), room="GRÖSSE", times=[(["2"], "17:30", "18:00")])

    assert response.context["clashes"] == ["Room GRÖSSE has Chemistry B on Wed 17:00-18:30."]


def test_a_batch_with_both_in_common_is_named_once(client_of, admin, instructor):
    standing(instructor=instructor, room="Room 4")

    response = add(
        client_of(admin),
        instructor=instructor.pk,
        room="room 4",
        times=[(["0", "2"], "18:00", "19:00")],
    )

    assert response.context["clashes"] == [
        "Imran Khan and room 4 have Chemistry B on Mon, Wed 17:00-18:30."
    ]


def test_a_class_that_another_batch_holds_once_is_a_clash_as_long_as_it_is_to_come(
    client_of, admin
):
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
def test_batches_that_do_not_meet_do_not_clash(client_of, admin, instructor, changes):
    standing(instructor=instructor, room="Room 4", ends_on=datetime.date(2026, 8, 31))

    response = add(client_of(admin), **{"instructor": instructor.pk, "room": "room 4", **changes})

    assert response.status_code == 302


def test_batches_without_instructor_and_room_never_clash(client_of, admin):
    standing(instructor=None)

    assert add(client_of(admin), times=[(["0"], "17:00", "18:30")]).status_code == 302


def test_a_batch_does_not_clash_with_itself():
    batch = standing(room="Room 4")

    assert save_batch(batch, parse("Mon 17:00-19:00")) == []


def test_the_service_refuses_class_times_that_overlap():
    with pytest.raises(ValidationError, match="Two classes on Mon overlap"):
        save_batch(BatchFactory(), [*parse("Mon 17:00-18:00"), *parse("Mon 17:30-18:30")])


# Who sees what --------------------------------------------------------------------------------------------------


@pytest.fixture
def cast(admin, instructor):
    """A batch with its people, and people who have nothing to do with it."""
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
def test_who_may_open_a_batchs_pages(client_of, cast, page, statuses):
    people = ["admin", "own instructor", "other instructor", "own student", "other student"]
    address = reverse(f"academics:{page}", args=[cast["batch"].pk])

    assert [client_of(cast[who]).get(address).status_code for who in people] == statuses


def test_only_admins_add_batches(client_of, cast):
    people = ["admin", "own instructor", "own student"]
    address = reverse("academics:batch-create")

    assert [client_of(cast[who]).get(address).status_code for who in people] == [200, 403, 403]


def test_a_stranger_is_sent_to_sign_in(client, cast):
    for page in ("batch-detail", "batch-students", "batch-update"):
        address = reverse(f"academics:{page}", args=[cast["batch"].pk])
        assert client.get(address).url == f"{reverse('accounts:login')}?next={address}"


def test_the_list_shows_all_batches_to_admins_and_their_own_to_others(client_of, cast):
    def names(who):
        return {
            batch.name
            for batch in client_of(cast[who]).get(reverse("academics:batch-list")).context["page"]
        }

    assert len(names("admin")) == 3
    assert names("own instructor") == {"Physics A"}
    assert names("own student") == {"Physics A"}
    assert names("other instructor") == {"Other"}


def test_a_student_sees_the_batch_without_roster_and_buttons(client_of, cast):
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


# The list -------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(instructor):
    """A batch that is over, one that runs, one to come."""
    day = datetime.date
    over = BatchFactory(
        name="Over", starts_on=day(2026, 1, 1), ends_on=day(2026, 6, 30), course__name="Zoology"
    )
    running = BatchFactory(name="Running", ends_on=TODAY, instructor=instructor)
    upcoming = BatchFactory(name="Upcoming", starts_on=day(2026, 7, 2), instructor=None)
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
def test_the_list_filters_and_sorts(client_of, admin, three, asked, names):
    batches = client_of(admin).get(reverse("academics:batch-list"), asked).context["page"]

    assert [batch.name for batch in batches] == names


def test_the_list_filters_by_course_and_instructor(client_of, admin, instructor, three):
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


def test_an_instructor_is_not_offered_other_peoples_courses(client_of, instructor, three):
    filters = client_of(instructor).get(reverse("academics:batch-list")).context["filters"]

    assert [name for _, name in filters.fields["course"].choices] == [
        "All courses",
        three[1].course.name,
    ]
    assert "instructor" not in filters.fields


def test_the_list_and_the_page_name_the_class_times_and_dates_alike(client_of, admin):
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


def test_a_full_batch_says_so(client_of, admin):
    batch = EnrollmentFactory(batch__capacity=1).batch
    client = client_of(admin)

    assert batch.pk == client.get(reverse("academics:batch-list")).context["page"][0].pk
    for address in (reverse("academics:batch-list"), batch.get_absolute_url()):
        assert "Full" in client.get(address).content.decode()


# The page and the students --------------------------------------------------------------------------------------


def test_the_page_names_the_next_class_and_the_seats_left(client_of, admin):
    batch = EnrollmentFactory(batch__capacity=30).batch
    save_batch(batch, parse("Wed 17:00-18:30"))

    context = client_of(admin).get(batch.get_absolute_url()).context

    assert (context["next_class"].day, context["batch"].seats_left) == (TODAY, 29)


def test_the_students_of_a_batch_are_the_active_ones_unless_asked(client_of, cast):
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


def test_the_students_are_listed_with_phones_to_call_and_a_link_to_each(client_of, cast):
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


def test_only_admins_are_offered_the_acts_on_an_enrollment(client_of, cast):
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


# Costs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["admin", "instructor"])
def test_the_list_costs_the_same_however_long(client_of, admin, instructor, who, queries_of):
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


def test_each_page_of_a_batch_costs_the_same_however_many_students(
    client_of, admin, instructor, queries_of
):
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
