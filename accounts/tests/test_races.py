import datetime
import functools
import threading
import time

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.forms.passwords import PasswordChangeForm
from accounts.models import Device, User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from accounts.services import second_factors
from accounts.services.people import add_person, change_role, deactivate, update_person

from .factories import PASSWORD, UserFactory
from .second_factors import app_of, code_of

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(*acts):
    """Call the functions in threads; return their results or exceptions."""
    start = threading.Barrier(len(acts))
    results = [None] * len(acts)

    def run(number, act):
        start.wait()
        try:
            results[number] = act()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def meeting(first, second):
    """Run ``second`` while the changes of ``first`` are not yet committed."""
    has_written = threading.Event()

    def slowly():
        with transaction.atomic():
            first()
            has_written.set()
            time.sleep(0.4)

    def meanwhile():
        has_written.wait(timeout=20)
        return second()

    return at_once(slowly, meanwhile)


def test_requests_at_the_minute_of_the_next_write_all_succeed():
    client = Client()
    with time_machine.travel(timezone.now() - datetime.timedelta(minutes=2)):
        client.force_login(UserFactory())
    cookie = client.cookies["sessionid"].value

    def get():
        own = Client()
        own.cookies["sessionid"] = cookie
        return own.get(reverse("accounts:me")).status_code

    assert at_once(*[get] * 8) == [200] * 8


def test_requests_while_their_session_is_ended_get_the_page_or_the_sign_in_page():
    for _ in range(5):
        client = Client()
        with time_machine.travel(timezone.now() - datetime.timedelta(minutes=2)):
            client.force_login(UserFactory())
        cookie = client.cookies["sessionid"].value

        def get(cookie=cookie):
            own = Client()
            own.cookies["sessionid"] = cookie
            return own.get(reverse("accounts:me")).status_code

        def end():
            return Session.objects.all().delete() and 200

        assert set(at_once(*[get] * 4, end)) <= {200, 302}
        assert get() == 302


def test_session_ended_while_its_device_is_added_again_is_signed_out():
    def end_session(**kwargs):
        Session.objects.all().delete()

    client = Client()
    with time_machine.travel(timezone.now() - datetime.timedelta(minutes=2)):
        client.force_login(UserFactory())
    Device.objects.all().delete()  # as after a change of the session's key
    pre_save.connect(end_session, sender=Device)
    try:
        response = client.get(reverse("accounts:me"))
    finally:
        pre_save.disconnect(end_session, sender=Device)

    assert response.url == f"{reverse('accounts:login')}?next={reverse('accounts:me')}"
    assert not Device.objects.exists()


def test_two_admins_cannot_remove_each_other():
    one, other = UserFactory(role=ADMIN), UserFactory(role=ADMIN)
    instructor = Group.objects.get(name=INSTRUCTOR)

    results = at_once(
        lambda: change_role(one, instructor, by=other),
        lambda: deactivate(other, by=one),
    )

    assert [type(result) for result in results].count(ValidationError) == 1
    assert User.objects.with_permission("change_membership").count() == 1


def test_two_admins_cannot_deactivate_each_other():
    one, other = UserFactory(role=ADMIN), UserFactory(role=ADMIN)

    results = meeting(lambda: deactivate(one, by=other), lambda: deactivate(other, by=one))

    assert [type(result) for result in results] == [type(None), ValidationError]
    assert User.objects.with_permission("change_membership").get() == other


def test_token_is_not_issued_during_a_change_of_the_password():
    person = UserFactory()
    early = User.objects.get(pk=person.pk)

    def change():
        person.set_password("seven green parrots")
        person.save()

    assert meeting(change, lambda: tokens.issue(early)) == [None, None]
    assert not person.api_tokens.exists()


def test_person_is_found_by_name_and_phone_that_two_requests_changed():
    person = UserFactory()

    meeting(
        lambda: update_person(person, by=person, full_name="Bela Rao"),
        lambda: update_person(person, by=person, phone="9876500001"),
    )

    assert User.objects.search("bela 9876500001").get() == person


def test_recovery_codes_renewed_by_two_requests_are_ten():
    person = UserFactory()
    app_of(person)
    renew = functools.partial(second_factors.renew_recovery_codes, person)

    meeting(renew, renew)

    assert second_factors.recovery_codes_left(person) == 10


def test_recovery_code_used_twice_at_once_signs_in_once():
    person = UserFactory()
    _, codes = app_of(person)

    results = at_once(*[lambda: second_factors.check_code(person, codes[0])] * 4)

    assert (
        sorted(type(result).__name__ for result in results)
        == ["NoneType"] + ["ValidationError"] * 3
    )
    assert second_factors.recovery_codes_left(person) == 9


def test_code_of_the_app_used_twice_at_once_signs_in_once():
    person = UserFactory()
    app, _ = app_of(person)
    code = code_of(app)

    results = at_once(*[lambda: second_factors.check_code(person, code)] * 4)

    assert [type(result) for result in results].count(type(None)) == 1


def test_concurrent_registrations_of_one_email_add_one_person():
    def register():
        return add_person(full_name="Asha", email="asha@example.com", role=STUDENT, password="x")

    results = at_once(*[register] * 6)

    assert sorted(type(result).__name__ for result in results) == ["User"] + ["ValidationError"] * 5
    refusal = next(result for result in results if isinstance(result, ValidationError))
    assert refusal.message_dict == {"email": ["Somebody has this email address already."]}


def test_concurrent_students_get_consecutive_admission_numbers():
    def add(number):
        return lambda: add_person(full_name=f"Student {number}", role=STUDENT)

    people = at_once(*[add(number) for number in range(8)])

    drawn = sorted(int(person.student_profile.admission_number[3:]) for person in people)
    assert drawn == [1, 2, 3, 4, 5, 6, 7, 8]


def sign_in(client, password):
    data = {"name": "anita@example.com", "password": password}
    return client.post(reverse("accounts:login"), data).status_code


@pytest.mark.parametrize("is_known", [True, False])
def test_concurrent_wrong_passwords_cannot_exceed_the_limit(admin, is_known):
    device = Client()
    if is_known:
        assert sign_in(device, PASSWORD) == 302
        device.post(reverse("accounts:logout"))

    def guess():
        client = Client()
        client.cookies.update(device.cookies)
        return [sign_in(client, "wrong") for _ in range(3)]

    answers = [status for results in at_once(*[guess] * 8) for status in results]

    assert sorted(answers) == [200] * 10 + [429] * 14


def test_concurrent_wrong_passwords_of_the_signed_in_person_cannot_exceed_the_limit(rf, admin):
    def guess():
        request = rf.post("/")
        request.user = User.objects.get(pk=admin.pk)
        forms = [PasswordChangeForm({"old_password": "wrong"}, request=request) for _ in range(3)]
        return [form.errors.as_data()["old_password"][0].code for form in forms]

    codes = [code for results in at_once(*[guess] * 8) for code in results]

    assert sorted(codes) == ["throttled"] * 14 + ["wrong"] * 10
