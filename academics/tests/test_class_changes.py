import datetime
import threading

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from academics.class_times import parse
from academics.models import ClassChange, Enrollment
from academics.services import class_changes
from academics.services.batches import save_batch
from academics.services.clashes import TimetableConflict, find_clashes
from academics.timetable import class_days
from accounts.tests.factories import StudentFactory

from .factories import ClassChangeFactory, EnrollmentFactory, HolidayFactory, batch_with, june

pytestmark = pytest.mark.django_db
FIVE = datetime.time(17)
ONE = datetime.timedelta(days=1)


def at(hour, minute=0):
    return datetime.time(hour, minute)


@pytest.fixture(autouse=True)
def _monday_noon():
    """Monday, 1 June 2026, 12:00 in India."""
    with time_machine.travel(datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC), tick=False):
        yield


@pytest.fixture
def batch(instructor):
    return batch_with(
        "Mon, Wed 17:00-18:30", name="Evening", instructor=instructor, room="2", ends_on=june(30)
    )


def cancelled(batch, day, starts_at=FIVE, **fields):
    return class_changes.cancel_class(
        batch=batch, day=day, starts_at=starts_at, **{"reason": "Fever", "by": None, **fields}
    )


def moved(batch, day, to_day, times="17:00-18:30", starts_at=FIVE, room="", **fields):
    values = {"reason": "Hall is taken", "by": None, **fields}
    to = new_time(to_day, times, room)
    return class_changes.move_class(batch=batch, day=day, starts_at=starts_at, to=to, **values)


def added(batch, to_day, times="10:00-11:00", room="", **fields):
    values = {"reason": "Hall is taken", "by": None, **fields}
    return class_changes.add_class(batch=batch, to=new_time(to_day, times, room), **values)


def new_time(to_day, times, room=""):
    starts_at, ends_at = (datetime.time.fromisoformat(time) for time in times.split("-"))
    return class_changes.NewTime(to_day, starts_at, ends_at, room)


# Cancel


def test_cancelled_class_records_reason_and_user(batch, admin):
    change = cancelled(batch, june(3), by=admin)

    assert (change.is_cancelled, change.reason, change.changed_by) == (True, "Fever", admin)
    assert change.description == "Cancelled: the class of Wed 3 Jun, 17:00"
    assert class_days(batch, june(1), june(8)) == [june(1), june(8)]
    (row,) = ClassChange.history.all()
    assert (row.history_type, row.history_user) == ("+", admin)


def test_class_must_be_in_the_timetable_to_be_cancelled(batch):
    cancelled(batch, june(3))

    for day, starts_at in [
        (june(3), at(17)),
        (june(2), at(17)),
        (june(8), at(9)),
        (june(1) - 7 * ONE, at(17)),
    ]:
        with pytest.raises(ValidationError, match="no longer in the timetable"):
            cancelled(batch, day, starts_at)


def test_moved_class_can_be_cancelled(batch):
    moved(batch, june(3), june(4))

    change = cancelled(batch, june(4))

    assert ClassChange.objects.get() == change
    assert (change.day, change.to_day) == (june(3), None)
    assert class_days(batch, june(1), june(8)) == [june(1), june(8)]


def test_cancelled_extra_class_is_deleted_with_history(batch, admin):
    added(batch, june(7))

    assert cancelled(batch, june(7), at(10), by=admin) is None
    assert not ClassChange.objects.exists()
    gone = ClassChange.history.latest("history_id")
    assert (gone.history_type, gone.history_user, gone.history_change_reason) == (
        "-",
        admin,
        "Fever",
    )


# Move and add


def test_class_moves_to_another_day_time_and_room(batch):
    change, clashes = moved(batch, june(3), june(9), "09:00-10:30", reason="Exam", room="Hall")

    assert clashes == []
    assert change.description == "Moved from Wed 3 Jun, 17:00 to Tue 9 Jun, 09:00 in Room Hall"
    assert class_days(batch, june(1), june(10)) == [june(1), june(8), june(9), june(10)]


def test_moved_class_can_be_moved_again(batch):
    moved(batch, june(3), june(4))

    moved(batch, june(4), june(6), "10:00-11:30")

    change = ClassChange.objects.get()
    assert (change.day, change.to_day) == (june(3), june(6))
    assert ClassChange.history.count() == 2


def test_only_the_room_of_a_class_changes(batch):
    change, _ = moved(batch, june(3), june(3), room="Hall")

    assert change.description == "Changed: the class of Wed 3 Jun, 17:00, until 18:30 in Room Hall"
    assert change.held_note == "Changed: Hall is taken"
    assert class_days(batch, june(1), june(3)) == [june(1), june(3)]


@pytest.mark.parametrize(
    ("to_day", "times", "field", "sentence"),
    [
        (
            june(30) + ONE,
            "10:00-11:00",
            "to_day",
            "Evening ends on 30 Jun 2026. Choose that day or an earlier one.",
        ),
        (
            june(1) - ONE,
            "10:00-11:00",
            "to_day",
            "Evening starts on 1 Jun 2026. Choose that day or a later one.",
        ),
        (june(5), "10:00-11:00", "to_day", "5 Jun 2026 is a holiday: Diwali. Choose another day."),
        (june(6), "11:00-10:00", "to_ends_at", "A class must end after it starts."),
        (
            june(8),
            "18:00-19:00",
            None,
            "Evening would have two classes at once on 8 Jun 2026: 17:00-18:30 and 18:00-19:00.",
        ),
    ],
)
def test_class_cannot_move_to_invalid_day_or_time(batch, to_day, times, field, sentence):
    HolidayFactory(day=june(5))

    for act in (lambda: moved(batch, june(3), to_day, times), lambda: added(batch, to_day, times)):
        with pytest.raises(ValidationError) as refused:
            act()
        assert (refused.value.message_dict[field] if field else refused.value.messages) == [
            sentence
        ]
    assert not ClassChange.objects.exists()
    assert not ClassChange.history.exists()


def test_class_cannot_move_to_its_current_time(batch):
    with pytest.raises(ValidationError, match="already at this time and place"):
        moved(batch, june(3), june(3))
    moved(batch, june(3), june(4))
    with pytest.raises(ValidationError, match="Undo the change instead"):
        moved(batch, june(4), june(3))


def test_class_on_a_holiday_can_be_moved(batch):
    HolidayFactory(day=june(3))

    moved(batch, june(3), june(4))

    assert class_days(batch, june(1), june(8)) == [june(1), june(4), june(8)]


def test_two_extra_classes_cannot_start_at_the_same_time(batch):
    added(batch, june(7))

    with pytest.raises(ValidationError, match="This batch already has another class at this time"):
        added(batch, june(7))
    assert ClassChange.objects.count() == 1


# Clashes


def test_clash_of_a_moved_class_needs_confirmation(batch, instructor):
    asha, ravi = (StudentFactory(user__full_name=name) for name in ("Asha Verma", "Ravi Kumar"))
    for student in (asha, ravi):
        EnrollmentFactory(student=student, batch=batch, is_exclusive=False)
    batch_with("Thu 17:00-18:00", name="Chemistry", instructor=instructor)
    batch_with("Thu 18:00-19:00", name="Physics", room="Room 2")
    shared = batch_with("Thu 16:00-17:30", name="Maths")
    for student in (asha, ravi):
        EnrollmentFactory(student=student, batch=shared, is_exclusive=False)
    batch_with("Thu 18:30-19:00", name="Later", instructor=instructor, room="2")

    with pytest.raises(TimetableConflict) as refused:
        moved(batch, june(3), june(4), room="Room 2")

    assert refused.value.messages == [
        "Imran Khan has Chemistry on Thu 17:00-18:00.",
        "Asha Verma and 1 more student have Maths on Thu 16:00-17:30.",
        "Room 2 has Physics on Thu 18:00-19:00.",
    ]
    assert not ClassChange.objects.exists()
    _, left = moved(batch, june(3), june(4), room="Room 2", despite_clash=True)
    assert [clash.batch.name for clash in left] == ["Chemistry", "Maths", "Physics"]


def test_moved_class_clashes_at_its_new_time_only(batch, instructor):
    other = batch_with("Thu 17:00-18:00", name="Chemistry", instructor=instructor)
    moved(other, june(4), june(6), "10:00-11:00")

    _, clashes = moved(batch, june(3), june(4))
    assert clashes == []
    with pytest.raises(TimetableConflict, match="Imran Khan has Chemistry on Sat 10:00-11:00"):
        added(batch, june(6))


def test_students_clash_only_while_enrolled(batch):
    other = batch_with("Thu 17:00-18:00", name="Chemistry")
    student = EnrollmentFactory(batch=batch, is_exclusive=False).student
    left = EnrollmentFactory(batch=other, student=student, is_exclusive=False)
    Enrollment.objects.filter(pk=left.pk).update(status="dropped", ended_on=june(4))

    _, clashes = moved(batch, june(3), june(4))

    assert clashes == []


def test_clash_names_the_students_of_both_batches(batch):
    student = EnrollmentFactory(
        batch=batch, student__user__full_name="Asha Verma", is_exclusive=False
    ).student
    other = batch_with("Mon 18:00-19:00", name="Chemistry")
    EnrollmentFactory(batch=other, student=student, is_exclusive=False)

    assert [str(clash) for clash in find_clashes(batch, batch.slots)] == [
        "Asha Verma has Chemistry on Mon 18:00-19:00."
    ]


# Undo


def test_undone_change_restores_the_timetable(batch, admin):
    for change in (
        cancelled(batch, june(3)),
        moved(batch, june(8), june(9))[0],
        added(batch, june(7))[0],
    ):
        assert class_changes.undo_class_change(change, by=admin) == []

    assert class_days(batch, june(1), june(10)) == [june(1), june(3), june(8), june(10)]
    assert (
        list(ClassChange.history.filter(history_type="-").values_list("history_user", flat=True))
        == [admin.pk] * 3
    )


def test_undo_warns_of_clashes_and_refuses_overlap(batch, instructor):
    change = cancelled(batch, june(3))
    other = batch_with("Tue 17:00-18:00", name="Chemistry", instructor=instructor)
    added(other, june(3), "17:00-18:00")

    (clash,) = class_changes.undo_class_change(change, by=None)
    assert str(clash) == "Imran Khan has Chemistry on Wed 17:00-18:00."

    change = cancelled(batch, june(3))
    added(batch, june(3), "16:30-17:30", despite_clash=True)
    with pytest.raises(ValidationError, match="two classes at once"):
        class_changes.undo_class_change(change, by=None)
    assert ClassChange.objects.filter(pk=change.pk).exists()


def test_class_time_with_a_coming_change_cannot_be_removed(batch):
    cancelled(batch, june(3))

    with pytest.raises(
        ValidationError, match=r"Cancelled: the class of Wed 3 Jun, 17:00\. Undo that change first"
    ):
        save_batch(batch, parse("Mon 17:00-18:30"))
    save_batch(batch, parse("Mon, Wed 17:00-19:00"))
    with time_machine.travel(datetime.datetime(2026, 6, 4, 6, 30, tzinfo=datetime.UTC)):
        save_batch(batch, parse("Mon 17:00-18:30"))
    assert class_days(batch, june(1), june(8)) == [june(1), june(8)]


# Pages


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def move_address(batch):
    return reverse("academics:class-move", args=[batch.pk, june(3), FIVE])


def test_admin_cancels_class(client_of, admin, batch):
    address = reverse("academics:class-cancel", args=[batch.pk, june(3), at(17)])
    client = client_of(admin)

    assert "Wednesday, 3 Jun 2026, 17:00–18:30" in client.get(address).context["lead"]
    assert client.post(address, {"reason": " "}).context["form"].errors["reason"]
    response = client.post(address, {"reason": "Fever"}, follow=True)

    assert messages_of(response) == ["The class of Evening on Wed 3 Jun, 17:00 is cancelled."]
    assert response.context["class_changes"][0].instance.changed_by == admin
    assert client.get(address).status_code == 404


def test_move_with_a_clash_is_saved_after_confirmation(client_of, admin, batch, instructor):
    batch_with("Thu 17:00-18:00", name="Chemistry", instructor=instructor)
    client = client_of(admin)
    fields = {
        "to_day": "2026-06-04",
        "to_starts_at": "17:00",
        "to_ends_at": "18:30",
        "room": "",
        "reason": "Exam",
    }

    assert client.get(move_address(batch)).context["form"].initial["to_ends_at"] == at(18, 30)
    response = client.post(move_address(batch), fields)
    assert response.context["clashes"] == ["Imran Khan has Chemistry on Thu 17:00-18:00."]
    assert not ClassChange.objects.exists()
    response = client.post(
        f"{move_address(batch)}?from=calendar", {**fields, "despite_clash": "on"}
    )

    assert response.url == f"{reverse('academics:calendar')}?week=2026-06-04"
    assert messages_of(client.get(response.url)) == [
        "The class of Evening is now on Thu 4 Jun, 17:00.",
        "Saved despite a clash: Imran Khan has Chemistry on Thu 17:00-18:00.",
    ]


def test_extra_class_is_added_and_undone(client_of, admin, batch):
    client = client_of(admin)
    address = reverse("academics:class-add", args=[batch.pk])
    fields = {
        "to_day": "2026-07-01",
        "to_starts_at": "10:00",
        "to_ends_at": "11:00",
        "reason": "Revision",
    }

    refused = client.post(address, fields)
    assert refused.context["form"].errors["to_day"] == [
        "Evening ends on 30 Jun 2026. Choose that day or an earlier one."
    ]
    response = client.post(address, {**fields, "to_day": "2026-06-07"}, follow=True)
    assert messages_of(response) == ["Extra class of Evening added on Sun 7 Jun, 10:00."]
    undo = reverse("academics:class-change-undo", args=[ClassChange.objects.get().pk])
    assert client.get(undo).status_code == 200
    response = client.post(undo, follow=True)

    assert messages_of(response) == ["Change of Evening undone: Extra class on Sun 7 Jun, 10:00."]
    assert client.post(undo).status_code == 404


def test_cancelling_a_marked_class_warns_and_keeps_the_sheet(client_of, admin, batch):
    EnrollmentFactory(batch=batch)
    batch.sheets.create(held_on=june(1), taken_by=admin)

    response = client_of(admin).post(
        reverse("academics:class-cancel", args=[batch.pk, june(1), at(17)]),
        {"reason": "Fever"},
        follow=True,
    )

    assert (
        messages_of(response)[1]
        == "Attendance was already marked: 1 attendance sheet is kept and counted."
    )


@pytest.mark.parametrize("words", ["2460", "2560", "9999"])
def test_invalid_time_in_the_url_is_not_found(client_of, admin, batch, words):
    address = move_address(batch).replace("/1700/", f"/{words}/")

    assert client_of(admin).get(address).status_code == 404


def test_batch_page_queries_do_not_grow_with_changes(client_of, admin, batch, queries_of):
    client = client_of(admin)

    def add(days):
        for number in days:
            ClassChangeFactory(batch=batch, held=(june(2) + number * ONE, "06:00-07:00"))
        return len(client.get(batch.get_absolute_url()).context["class_changes"])

    assert add([0]) == 1
    of_few = queries_of(lambda: client.get(batch.get_absolute_url()))
    assert add(range(1, 12)) == 10
    assert queries_of(lambda: client.get(batch.get_absolute_url())) == of_few


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_of_one_class_leave_one_change(admin):
    batch = batch_with("Mon, Wed 17:00-18:30", name="Evening", ends_on=june(30))
    outcomes, barrier = [], threading.Barrier(2)

    def act(change):
        barrier.wait()
        try:
            change()
            outcomes.append("saved")
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=act, args=(lambda: cancelled(batch, june(3)),)),
        threading.Thread(target=act, args=(lambda: moved(batch, june(3), june(3), "06:00-07:00"),)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused", "saved"]
    assert ClassChange.objects.count() == 1
