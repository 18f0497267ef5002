"""No link or button of a page leads its reader to a refusal."""

import datetime
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import ERROR
from django.db import connection, transaction
from django.test import Client
from django.urls import Resolver404, resolve

from accounts.models import User
from accounts.roles import ADMIN, INSTRUCTOR, PERMISSIONS, STUDENT
from accounts.tests.factories import UserFactory
from coachmaster.demo import institute

#: How many addresses of one kind, like fees of a student, are opened.
EXAMPLES = 6
#: Roles that institutes add: Admins without permissions that contain one of these words.
FURTHER_ROLES = {
    "Front desk": ["enter_admin", "approve_", "change_institute", "change_signinrules"],
    "Reader": ["enter_admin", "approve_", "add_", "change_", "delete_"],
}


class Page(HTMLParser):
    def __init__(self, response):
        super().__init__()
        self.links, self.forms = [], []
        self._form = None
        self.feed(response.content.decode())

    @property
    def buttons(self):
        """Forms without fields to fill in: (address, values)."""
        return [
            (form["action"], form["values"])
            for form in self.forms
            if form["method"] == "post" and not form["asks"]
        ]

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "form":
            self._form = {
                "action": values.get("action", ""),
                "method": values.get("method", "get").lower(),
                "values": {},
                "asks": False,
            }
            self.forms.append(self._form)
        elif tag in ("input", "button", "select", "textarea") and self._form:
            if values.get("type") == "hidden" or (tag == "button" and values.get("name")):
                self._form["values"][values["name"]] = values.get("value", "")
            elif tag != "button":
                self._form["asks"] = True

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None


class Reader:
    """A person who follows every link and presses every button."""

    def __init__(self, person):
        self.client = Client()
        self.client.force_login(person)
        self.refusals, self.seen, self.opened = [], set(), Counter()
        self.queue = [("the first page", "/")]

    def read_everything(self):
        while self.queue:
            origin, address = self.queue.pop()
            here, page = self.open(origin, address)
            if page is None:
                continue
            for link in page.links:
                target = urljoin(here, link).partition("#")[0]
                if self.is_new("GET", target):
                    self.queue.append((here, target))
            for action, values in page.buttons:
                target = urljoin(here, action)
                if self.is_new("POST", target):
                    self.open(here, target, values)

    def is_new(self, method, address):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or parts.path.startswith(("/static/", "/admin", "/api/")):
            return False
        try:
            name = resolve(parts.path).view_name
        except Resolver404:
            name = parts.path
        if name == "accounts:logout" or (method, address) in self.seen:
            return False
        self.seen.add((method, address))
        kind = (method, name, *sorted(parse_qs(parts.query)))
        self.opened[kind] += 1
        return self.opened[kind] <= EXAMPLES

    def open(self, origin, address, values=None):
        """Return the final address and its page; undo every change, note a refusal."""
        before = transaction.savepoint()
        send = self.client.get if values is None else self.client.post
        response = send(address, values, follow=True)
        transaction.savepoint_rollback(before)
        transaction.savepoint_commit(before)  # PostgreSQL keeps locks for each savepoint
        is_page = response.get("Content-Type", "").startswith("text/html")
        errors = []
        if is_page and response.context and "messages" in response.context:
            messages = response.context["messages"]
            errors = [str(message) for message in messages if message.level >= ERROR]
        if response.status_code >= 400 or errors:
            self.refusals.append(f"{origin} -> {address}: {response.status_code} {errors}")
            return "", None
        return response.request["PATH_INFO"], Page(response) if is_page else None


def people():
    """Return a person of each role by its name."""
    found = {
        role: User.objects.get(email=f"{role.lower()}@coachmaster.example")
        for role in (ADMIN, INSTRUCTOR, STUDENT)
    }
    for role, words in FURTHER_ROLES.items():
        group = Group.objects.create(name=role)
        for name in PERMISSIONS[ADMIN]:
            app, _, codename = name.partition(".")
            if not any(word in codename for word in words):
                permission = Permission.objects.get(content_type__app_label=app, codename=codename)
                group.permissions.add(permission)
        found[role] = UserFactory(role=role)
    return found


@pytest.mark.size
@pytest.mark.django_db
def test_no_link_or_button_leads_to_a_refusal(time_machine):
    afternoon = datetime.datetime(2026, 11, 24, 14, tzinfo=datetime.UTC)
    time_machine.move_to(afternoon)
    institute.create_demo(today=afternoon.date())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # PostgreSQL's planner may still take the new tables for empty

    refusals, opened = [], {}
    for role, person in people().items():
        reader = Reader(person)
        reader.read_everything()
        refusals += [f"{role}: {refusal}" for refusal in reader.refusals]
        opened[role] = sum(reader.opened.values())

    assert not refusals, "\n".join(refusals)
    # Nobody was stopped at the first page.
    assert min(opened.values()) > 15, opened
