import datetime

import pytest
import time_machine
from django import forms
from django.urls import reverse
from django.utils import timezone

from accounts.forms.confirmation import ConfirmationMixin

from .factories import PASSWORD

pytestmark = pytest.mark.django_db


class ActForm(ConfirmationMixin, forms.Form):
    reason = forms.CharField()


@pytest.fixture
def request_of(rf):
    """Return a POST request of a person who entered their password so many minutes ago."""

    def build(user, minutes):
        request = rf.post("/")
        request.user = user
        request.session = {"password_entered_at": timezone.now().timestamp() - minutes * 60}
        return request

    return build


def test_password_is_not_asked_within_ten_minutes(request_of, admin):
    form = ActForm({"reason": "typo"}, request=request_of(admin, minutes=9))

    assert list(form.fields) == ["reason"]
    assert form.is_valid()


def test_password_is_required_after_ten_minutes(request_of, admin):
    form = ActForm({"reason": "typo"}, request=request_of(admin, minutes=11))

    assert not form.is_valid()
    assert list(form.errors) == ["own_password"]


def test_wrong_password_is_refused_with_a_message(request_of, admin):
    form = ActForm(
        {"reason": "typo", "own_password": "wrong"}, request=request_of(admin, minutes=11)
    )

    assert form.errors == {"own_password": ["This is not your password. Enter it again."]}


def test_right_password_is_valid_for_ten_minutes(request_of, admin):
    request = request_of(admin, minutes=11)

    assert ActForm({"reason": "typo", "own_password": PASSWORD}, request=request).is_valid()
    assert ActForm({"reason": "typo"}, request=request).is_valid()
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=10, seconds=1)):
        assert not ActForm({"reason": "typo"}, request=request).is_valid()


def test_form_with_other_errors_does_not_ask_again(request_of, admin):
    form = ActForm({"own_password": PASSWORD}, request=request_of(admin, minutes=11))

    assert list(form.errors) == ["reason"]
    assert list(form.fields) == ["reason"]


def test_right_password_is_refused_after_ten_wrong_ones(request_of, admin):
    request = request_of(admin, minutes=11)
    for _ in range(10):
        ActForm({"reason": "typo", "own_password": "wrong"}, request=request).is_valid()

    form = ActForm({"reason": "typo", "own_password": PASSWORD}, request=request)

    assert form.errors == {"own_password": ["Too many tries. Wait 15 minutes, then try again."]}


def test_wrong_sign_ins_do_not_block_the_password_prompt(client, request_of, admin):
    for n in range(40):
        data = {"name": admin.email, "password": "wrong"}
        client.post(reverse("accounts:login"), data, REMOTE_ADDR=f"10.0.0.{n // 11}")

    form = ActForm({"reason": "typo", "own_password": PASSWORD}, request=request_of(admin, 11))

    assert form.is_valid()


def test_wrong_passwords_in_the_prompt_do_not_block_sign_in(client, request_of, admin):
    for _ in range(11):
        ActForm({"own_password": "wrong"}, request=request_of(admin, minutes=11)).is_valid()

    data = {"name": admin.email, "password": PASSWORD}
    assert client.post(reverse("accounts:login"), data).status_code == 302


def test_each_person_has_ten_wrong_passwords_in_the_prompt(request_of, admin, instructor):
    for _ in range(11):
        ActForm({"own_password": "wrong"}, request=request_of(admin, minutes=11)).is_valid()

    data = {"reason": "typo", "own_password": PASSWORD}
    assert ActForm(data, request=request_of(instructor, minutes=11)).is_valid()
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=15)):
        assert ActForm(data, request=request_of(admin, minutes=11)).is_valid()
