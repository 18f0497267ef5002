"""Text that people type is text on every page, whatever characters it has."""

import datetime

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import Client
from django.utils import timezone

from academics.models import Batch
from coachmaster.core.fields import MultiLineField, SingleLineField
from finance.models import Charge, Payment
from finance.services.cancellations import cancel_receipt
from finance.services.refunds import refund_payment
from finance.tests.factories import paid
from finance.triggers import TABLES as APPEND_ONLY

from .test_hostile_values import admin_addresses
from .test_permissions import ROUTES, address

pytestmark = pytest.mark.django_db
TAG = "<blink>"


def add_tag_to_every_text():
    """Append-only tables get it from `receipts_with_tag`, short codes not at all."""
    for model in apps.get_models():
        if model._meta.db_table in APPEND_ONLY:
            continue
        for field in model._meta.fields:
            is_text = isinstance(field, (SingleLineField, MultiLineField))
            if is_text and (field.max_length or 1000) > 50:
                rows = model._base_manager.exclude(**{field.name: ""})
                rows.update(**{field.name: Concat(F(field.name), Value(TAG))})


def receipts_with_tag(student, by):
    """Return a cancelled and a refunded payment."""
    cancelled, refunded = (
        paid(student=student, amount="200.00", mode="upi", reference=f"{n}{TAG}", notes=TAG, by=by)
        for n in range(2)
    )
    cancel_receipt(payment=cancelled, reason=TAG, by=by)
    refund = refund_payment(
        payment=refunded,
        amount=100,
        refunded_on=timezone.localdate(),
        mode="upi",
        reference=TAG,
        reason=TAG,
        token="with a tag",
        by=by,
    )
    return cancelled, refunded, refund


@pytest.fixture
def addresses(people):
    """The addresses of all pages, for rows whose texts have a tag."""
    objects = people["objects"]
    Batch.objects.update(room="Hall 2")
    Charge.objects.update(due_on=timezone.localdate() - datetime.timedelta(days=1))
    add_tag_to_every_text()
    cache.clear()
    student = Payment.objects.get(pk=objects["payments"]).student
    cancelled, refunded, refund = receipts_with_tag(student, people["admin"])
    yield [
        *(address(name, {**objects, "refunds": refund.pk}) for name in ROUTES),
        cancelled.get_absolute_url(),
        refunded.get_absolute_url(),
        f"/search/?q={TAG}",
        f"/people/?q={TAG}",
        *(path for path in admin_addresses() if path.endswith(("/change/", "/history/"))),
    ]
    cache.clear()


@pytest.mark.parametrize("person", ["admin", "teacher", "student"])
def test_typed_text_is_never_markup(people, addresses, person):
    client = Client()
    client.force_login(people[person])
    pages = {}
    for path in addresses:
        response = client.get(path)
        if response.status_code == 200 and "text/html" in response["Content-Type"]:
            pages[path] = response.content.decode()

    assert {path for path, page in pages.items() if TAG in page} == set()
    assert sum("&lt;blink&gt;" in page for page in pages.values()) > 8
