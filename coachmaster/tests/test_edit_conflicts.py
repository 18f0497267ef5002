"""Two people edit one form at the same time."""

import datetime
import threading
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from academics.class_times import Slot, format_slots, parse
from academics.forms.courses import CourseForm
from academics.models import Batch, Course, Holiday, Institute
from academics.services.batches import save_batch
from academics.services.holidays import add_holidays, consecutive_days, update_holidays
from academics.tests.factories import BatchFactory, CourseFactory
from accounts.models import User
from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from finance.models import FeePlan, FeePlanPart, LateFeeRule

pytestmark = pytest.mark.django_db


class _Fields(HTMLParser):
    """The fields that a browser sends of an untouched form."""

    def __init__(self):
        super().__init__()
        self.sent, self.inside, self.name = {}, False, ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("method") == "post" and "data-once" in given
        if not self.inside:
            return
        self.name = given.get("name", self.name)
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given) and self.name:
            self.sent.setdefault(self.name, []).append(
                given.get("value", "on" if given.get("type") == "checkbox" else "")
            )
        elif tag == "textarea" or (tag == "select" and self.name not in self.sent):
            self.sent[self.name] = [""]
        elif tag == "option" and "selected" in given:
            self.sent[self.name] = [given.get("value", "")]
        self.is_text = tag == "textarea"

    def handle_endtag(self, tag):
        self.is_text = False

    def handle_data(self, data):
        if self.inside and self.is_text and data.strip():
            self.sent[self.name] = [data.strip()]


def opened(client, page):
    """Return the data of the form on ``page``."""
    fields = _Fields()
    fields.feed(client.get(page).content.decode())
    assert "shown" in fields.sent
    return fields.sent


def page_of(record):
    names = {
        Batch: "academics:batch-update",
        Course: "academics:course-update",
        FeePlan: "finance:plan-update",
        Holiday: "academics:holiday-update",
        LateFeeRule: "finance:late-fee-rule-update",
        User: "accounts:person-update",
    }
    return reverse(names[type(record)], args=[record.pk])


@pytest.fixture
def desk(client_of, admin):
    return client_of(admin)


@pytest.fixture
def batch():
    return BatchFactory(name="JEE Morning", capacity=40, room="Hall 1")


@pytest.fixture
def person(student):
    return User.objects.get(pk=student.pk)


@pytest.fixture
def rule():
    return LateFeeRule.objects.create(name="A week late", kind="fixed", amount=Decimal(250))


@pytest.fixture
def plan():
    plan = FeePlan.objects.create(course=CourseFactory(), name="Two halves")
    FeePlanPart.objects.create(plan=plan, position=1, percent=50, days=0)
    FeePlanPart.objects.create(plan=plan, position=2, percent=50, days=30)
    return plan


@pytest.fixture
def diwali():
    add_holidays(name="Diwali", first=datetime.date(2026, 11, 8), last=datetime.date(2026, 11, 10))
    return Holiday.objects.get(day=datetime.date(2026, 11, 8))


def refusal(response):
    """Return the error above the form."""
    assert response.status_code == 200
    [sentence] = response.context["form"].non_field_errors()
    return sentence


@pytest.mark.parametrize(
    ("record", "field", "first", "second", "words"),
    [
        ("batch", "capacity", "30", "50", "Seats (now “30”)"),
        ("batch", "room", "", "Hall 3", "Room (now empty)"),
        ("batch", "ends_on", "2026-12-31", "2027-01-31", "(now 31 Dec 2026)"),
        ("course", "total_fee", "1,10,000", "90000", "Total fee (₹) (now ₹1,10,000.00)"),
        ("course", "name", "Physics XI", "Physics XII", "Name (now “Physics XI”)"),
        ("person", "phone", "9876500001", "9876500002", "Phone (now “"),
        ("rule", "amount", "300", "275.50", "Amount (₹) (now ₹300.00)"),
        ("rule", "grace_days", "10", "5", "Grace period (days) (now “10”)"),
        ("plan", "name", "Halves", "In halves", "Name (now “Halves”)"),
        (
            "person",
            "guardian_name",
            "Sunil Verma",
            "Sunita Verma",
            "Guardian's name (now “Sunil Verma”)",
        ),
    ],
)
def test_second_save_shows_changes_of_first(
    desk, admin, request, record, field, first, second, words
):
    record = (
        CourseFactory(name="Physics") if record == "course" else request.getfixturevalue(record)
    )
    page = page_of(record)
    ours, theirs = opened(desk, page), opened(desk, page)
    assert desk.post(page, {**theirs, field: first}).status_code == 302
    before = type(record).objects.values().get(pk=record.pk)

    response = desk.post(page, {**ours, field: second})

    sentence = refusal(response)
    assert words in sentence
    # A plan has no history that could tell who changed it.
    assert (
        f"opened this page, {'somebody else' if isinstance(record, FeePlan) else admin} changed"
        in sentence
    )
    assert response.context["form"][field].value() == second
    assert type(record).objects.values().get(pk=record.pk) == before


def test_form_is_saved_when_sent_again(desk, batch):
    page = page_of(batch)
    ours = opened(desk, page)
    batch.capacity = 30
    batch.save()
    sent = {**ours, "capacity": "50"}
    response = desk.post(page, sent)

    response = desk.post(page, {**sent, "shown": response.context["form"]["shown"].value()})

    assert response.status_code == 302
    batch.refresh_from_db()
    assert batch.capacity == 50


def test_untouched_field_takes_the_new_value(desk, batch):
    page = page_of(batch)
    ours = opened(desk, page)
    batch.capacity = 30
    batch.save()

    response = desk.post(page, {**ours, "room": "Hall 2"})

    assert "Seats (now “30”)" in refusal(response)
    form = response.context["form"]
    assert (str(form["capacity"].value()), form["room"].value()) == ("30", "Hall 2")


def test_equal_input_is_no_conflict(desk, batch):
    page = page_of(batch)
    sent = {**opened(desk, page), "capacity": "30"}

    assert [desk.post(page, sent).status_code for _ in range(2)] == [302, 302]


def test_invalid_form_remembers_shown_values(desk, batch):
    page = page_of(batch)
    sent = {**opened(desk, page), "capacity": "50", "name": ""}
    shown = desk.post(page, sent).context["form"]["shown"].value()
    batch.capacity = 30
    batch.save()

    response = desk.post(page, {**sent, "name": "JEE Morning", "shown": shown})

    assert "Seats (now “30”)" in refusal(response)


def test_untouched_class_times_take_the_new_times(desk, batch):
    page = page_of(batch)
    ours = opened(desk, page)
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))

    response = desk.post(page, {**ours, "room": "Hall 2"})

    assert "Weekly class times (now “Mon, Wed 17:00-18:30”)" in refusal(response)
    assert [row.initial.get("days") for row in response.context["rows"]] == [[0, 2], None, None]
    assert desk.post(page, {**opened(desk, page), "room": "Hall 2"}).status_code == 302
    assert format_slots(
        [Slot(*row) for row in batch.class_times.values_list("weekday", "starts_at", "ends_at")]
    ) == ("Mon, Wed 17:00-18:30")


def test_entered_class_times_stay_after_a_conflict(desk, batch):
    page = page_of(batch)
    ours = opened(desk, page)
    save_batch(batch, parse("Mon, Wed 17:00-18:30"))

    response = desk.post(
        page,
        {**ours, "times-0-days": ["4"], "times-0-starts_at": "08:00", "times-0-ends_at": "09:00"},
    )

    assert "Weekly class times" in refusal(response)
    assert response.context["rows"][0]["starts_at"].value() == "08:00"


def test_untouched_installments_of_plan_take_the_new_values(desk, plan):
    page = page_of(plan)
    ours = opened(desk, page)
    assert (
        desk.post(page, {**ours, "parts-0-percent": "40", "parts-1-percent": "60"}).status_code
        == 302
    )

    response = desk.post(page, {**ours, "name": "Halves"})

    assert "Installments (now “40 % on enrolling; 60 % after 30 days”)" in refusal(response)
    assert [row["percent"].value() for row in response.context["rows"]][:2] == ["40", "60"]
    assert desk.post(page, {**opened(desk, page), "name": "Halves"}).status_code == 302
    assert list(plan.parts.values_list("percent", flat=True)) == [40, 60]


def test_entered_installments_of_plan_stay_after_a_conflict(desk, plan):
    page = page_of(plan)
    ours = opened(desk, page)
    plan.parts.filter(position=2).update(days=60)

    response = desk.post(page, {**ours, "parts-0-percent": "30", "parts-1-percent": "70"})

    assert "Installments (now “50 % on enrolling; 50 % after 60 days”)" in refusal(response)
    assert [row["percent"].value() for row in response.context["rows"]][:2] == ["30", "70"]


def test_conflict_names_everybody_who_saved(desk, admin, batch):
    other = Client()
    other.force_login(UserFactory(full_name="Om Puri", role=ADMIN))
    page = page_of(batch)
    ours = opened(desk, page)
    for client, room in ((desk, "Hall 2"), (other, "Hall 3")):
        assert client.post(page, {**opened(client, page), "room": room}).status_code == 302

    response = desk.post(page, {**ours, "capacity": "30"})

    assert f"{admin} and Om Puri changed Room (now “Hall 3”)" in refusal(response)


def test_holidays_are_checked_for_conflicts(desk, diwali):
    page = page_of(diwali)
    ours = opened(desk, page)
    update_holidays(
        consecutive_days(diwali), name="Diwali", first=diwali.day, last=datetime.date(2026, 11, 12)
    )

    response = desk.post(page, {**ours, "name": "Deepavali"})

    assert "Last day (now 12 Nov 2026)" in refusal(response)
    assert Holiday.objects.filter(name="Diwali").count() == 5
    sent = {
        **ours,
        "name": "Deepavali",
        "last": "2026-11-12",
        "shown": response.context["form"]["shown"].value(),
    }
    assert desk.post(page, sent).status_code == 302
    assert Holiday.objects.filter(name="Deepavali").count() == 5


def test_institute_settings_are_checked_for_conflicts(desk):
    page = reverse("academics:institute")
    ours = opened(desk, page)
    Institute(pk=Institute.ONLY, refund_days=45).save()

    response = desk.post(page, {**ours, "phone": "9876500001"})

    assert "(now “45”)" in refusal(response)
    assert Institute.objects.current().phone == ""


def test_own_profile_is_checked_for_conflicts(desk, admin):
    page = reverse("accounts:me")
    ours = opened(desk, page)
    admin.phone = "+919876500009"
    admin.save()

    response = desk.post(page, {**ours, "full_name": "Anita R."})

    assert "Phone (now “" in refusal(response)


@pytest.mark.parametrize("shown", ["", "nonsense", ":", "12", "a:b " * 1000, "😀:\u202e"])
def test_forged_hidden_values_are_ignored(desk, batch, shown):
    page = page_of(batch)
    sent = {**opened(desk, page), "capacity": "50", "shown": shown}

    assert desk.post(page, sent).status_code in (200, 302)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_simultaneous_saves_have_one_winner(client_of, admin):
    batch = BatchFactory(capacity=40, starts_on=datetime.date(2026, 6, 1))
    page = page_of(batch)
    desk = client_of(admin)
    ours = opened(desk, page)
    statuses, together = [], threading.Barrier(4)

    def save(seats):
        own = Client()
        own.cookies = desk.cookies
        together.wait()
        try:
            statuses.append(own.post(page, {**ours, "capacity": seats}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=[seats]) for seats in ("10", "20", "30", "50")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 200, 200, 302]


def test_save_between_reading_and_rendering_is_noticed(desk, monkeypatch):
    course = CourseFactory(name="JEE", description="")
    read = CourseForm.__init__

    def read_before_the_other_saves(form, *args, **kwargs):
        read(form, *args, **kwargs)
        other = Course.objects.get(pk=course.pk)
        other.name = "JEE Advanced"
        other.save()

    monkeypatch.setattr(CourseForm, "__init__", read_before_the_other_saves)
    sent = opened(desk, page_of(course))
    monkeypatch.undo()

    response = desk.post(page_of(course), {**sent, "description": "Two years"})

    assert sent["name"] == ["JEE"]
    assert "Name (now “JEE Advanced”)" in response.context["form"].non_field_errors()[0]
    assert Course.objects.get(pk=course.pk).name == "JEE Advanced"
