"""Every form, filter and address with ids that are no ids is answered, never with an error 500."""

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode

import pytest
from django.contrib import admin as django_admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory

from .test_permissions import ROUTES, address

pytestmark = pytest.mark.django_db

NOT_IDS = ["abc", "²", "9" * 30, "1\0"]
#: Parameters of Django admin's lists that its pages do not always show.
LIST_PARAMETERS = ["p", "o", "all", "e", "q", "pk__in", "id__exact", "_to_field", "_facets"]


class _Forms(HTMLParser):
    """Read the forms of a page into ``forms``, triples of method, address and values."""

    def __init__(self, response):
        super().__init__()
        self.forms, self._select = [], None
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name, kind = given.get("name") or "", given.get("type")
        if tag == "form":
            self.forms.append((given.get("method", "get").lower(), given.get("action") or "", {}))
            return
        values = self.forms[-1][2] if self.forms else {}
        if tag == "select":
            self._select = name
        if tag == "option" and "selected" in given:
            values[self._select] = given.get("value", "")
        is_chosen = kind not in ("checkbox", "radio") or "checked" in given
        if name and kind not in ("submit", "file") and tag in ("input", "select", "textarea"):
            values.setdefault(name, given.get("value", "") if is_chosen else "")


def hostile_requests(client, path):
    """Yield each form and link of a page, with each value in turn replaced by one of NOT_IDS."""
    response = client.get(path)
    if response.status_code != 200 or "text/html" not in response["Content-Type"]:
        return
    asked = [form for form in _Forms(response).forms if "logout" not in form[1]]
    queries = re.findall(r'href="(\?[^"]*=[^"]*)"', response.content.decode())
    asked += [("get", "", dict(parse_qsl(unescape(query)[1:]))) for query in queries]
    if "/admin/" in path:
        asked += [("get", "", {name: ""}) for name in LIST_PARAMETERS]
    tried = set()
    for method, target, values in asked:
        target = target if target.startswith("/") else path
        for name in values.keys() - {"csrfmiddlewaretoken"}:
            if (method, target, name) not in tried:
                tried.add((method, target, name))
                yield from ((method, target, {**values, name: wrong}, name) for wrong in NOT_IDS)


def server_errors(client, paths):
    """Return the requests that were answered with 500; nothing is saved."""
    sent, failed = 0, set()
    for path in paths:
        for method, target, values, name in list(hostile_requests(client, path)):
            before = transaction.savepoint()
            if method == "post":
                response = client.post(target, values)
            else:
                response = client.get(f"{target}?{urlencode(values)}")
            transaction.savepoint_rollback(before)
            sent += 1
            if response.status_code >= 500:
                failed.add((method, target, name, values[name][:20]))
    assert sent > 500
    return failed


@pytest.fixture
def owner(people):
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(email="owner@example.com", is_superuser=True))
    return client


def admin_addresses():
    """Return the pages of Django admin: each list, each form, and the first row of each table."""
    addresses = []
    for model in django_admin.site._registry:
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        addresses += [reverse(f"{page}changelist"), reverse(f"{page}add")]
        if row := model._default_manager.first():
            for action in ("change", "delete", "history"):
                addresses.append(reverse(f"{page}{action}", args=[row.pk]))
    return addresses


@pytest.mark.size
def test_forms_and_lists_of_django_admin_take_any_value(owner):
    assert server_errors(owner, admin_addresses()) == set()


@pytest.mark.size
def test_forms_and_lists_of_the_site_take_any_value(people, client):
    client.force_login(people["admin"])
    client.raise_request_exception = False

    assert server_errors(client, [address(name, people["objects"]) for name in ROUTES]) == set()


@pytest.mark.parametrize("wrong", NOT_IDS)
def test_addresses_of_django_admin_take_any_id(owner, wrong):
    answers = {}
    for model in django_admin.site._registry:
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        for action in ("change", "delete", "history"):
            path = reverse(f"{page}{action}", args=[wrong])
            answers |= {path: owner.get(path).status_code, f"{path} ": owner.post(path).status_code}
        rows = {"action": "delete_selected", "_selected_action": wrong, "index": wrong}
        path = reverse(f"{page}changelist")
        answers[path] = owner.post(path, rows).status_code
    field = {"app_label": "academics", "model_name": "batch", "field_name": "course"}
    for name in (*field, "term", "page"):
        query = urlencode({**field, name: wrong})
        answers[name] = owner.get(f"{reverse('admin:autocomplete')}?{query}").status_code

    assert {path: code for path, code in answers.items() if code >= 500} == {}


@pytest.mark.parametrize("wrong", NOT_IDS)
def test_batch_form_of_django_admin_names_the_wrong_field(owner, wrong):
    values = {
        "name": "Evening",
        "course": wrong,
        "instructor": wrong,
        "starts_on": "2026-12-01",
        "class_times-TOTAL_FORMS": 0,
        "class_times-INITIAL_FORMS": 0,
    }

    page = owner.post(reverse("admin:academics_batch_add"), values)

    assert page.status_code == 200
    assert {"course", "instructor"} <= set(page.context["adminform"].errors)
