"""Access to every URL, as a table.

Columns are people: `teacher` teaches the batch of `student`, who has an enrollment, a payment
and a mark; `other teacher` and `other student` have another batch; `no role` is in no group.
`login` is a redirect to the sign-in page, a number is a status code.
"""

import datetime
import re
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib import admin as django_admin
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PEOPLE = ["nobody", "admin", "teacher", "other teacher", "student", "other student", "no role"]

TABLE = """
#                                  nobody admin teacher other-t. student other-s. no-role
GET  dashboards:home                    login  302   302     302      302     302      302
GET  dashboards:dashboard               login  302   302     302      302     302      302
GET  dashboards:admin-dashboard         login  200   403     403      403     403      403
GET  dashboards:instructor-dashboard    login  403   200     200      403     403      403
GET  dashboards:student-dashboard       login  403   403     403      200     200      403
GET  dashboards:student-page             login  200   200     404      200     404      404
GET  dashboards:search                  login  200   200     200      403     403      403
GET  dashboards:search-suggestions      login  200   200     200      403     403      403
GET  imports:import-list             login  200   403     403      403     403      403
GET  imports:import-detail           login  200   403     403      403     403      403
GET  imports:import-sheet            login  302   403     403      403     403      403
GET  imports:import-columns          login  200   403     403      403     403      403
POST imports:import-correct          login  302   403     403      403     403      403
POST imports:import-apply            login  302   403     403      403     403      403
GET  imports:import-progress         login  200   403     403      403     403      403
POST imports:import-discard          login  302   403     403      403     403      403
GET  imports:import-problems         login  200   403     403      403     403      403
GET  imports:import-example          login  200   403     403      403     403      403
GET  accounts:login                200    302   302     302      302     302      302
GET  accounts:second-step          200    302   302     302      302     302      302
GET  accounts:logout               login  405   405     405      405     405      405
GET  accounts:device-list          login  200   200     200      200     200      200
POST accounts:device-sign-out      login  404   404     404      200     404      404
POST accounts:sign-out-others      login  302   302     302      200     302      302
POST accounts:logout               login  302   302     302      302     302      302
GET  accounts:register             200    302   302     302      302     302      302
GET  accounts:me                   login  200   200     200      200     200      200
POST accounts:calendar-link-renew  login  302   302     302      302     302      302
GET  accounts:password-change      login  200   200     200      200     200      200
GET  accounts:password-reset       200    200   200     200      200     200      200
GET  accounts:password-reset-done  200    200   200     200      200     200      200
GET  accounts:password-reset-confirm 404  404   404     404      404     404      404
GET  accounts:invitation           404    404   404     404      404     404      404
GET  accounts:second-factor        login  200   200     200      200     200      200
GET  accounts:app-add              login  200   200     200      200     200      200
GET  accounts:app-remove           login  404   404     404      404     404      404
GET  accounts:recovery-codes       login  302   302     302      302     302      302
GET  accounts:recovery-codes-renew login  403   403     403      200     403      403
GET  accounts:passkey-add          login  200   200     200      200     200      200
GET  accounts:passkey-update       login  404   404     404      200     404      404
GET  accounts:passkey-remove       login  404   404     404      200     404      404
GET  accounts:sign-in-rules        login  200   403     403      403     403      403
GET  dashboards:person-list          login  200   403     403      403     403      403
GET  accounts:person-create        login  200   403     403      403     403      403
GET  accounts:person-detail        login  200   200     404      200     404      404
GET  accounts:person-update        login  200   403     404      200     404      404
GET  accounts:person-role          login  200   403     403      403     403      403
GET  accounts:person-second-factor-remove login 200 403 403     403     403      403
POST accounts:person-invite        login  302   403     403      403     403      403
POST accounts:person-sign-out      login  302   403     403      403     403      403
POST accounts:person-deactivate    login  302   403     403      403     403      403
POST accounts:person-activate      login  302   403     403      403     403      403
GET  academics:course-list         login  200   200     200      200     200      403
GET  academics:course-create       login  200   403     403      403     403      403
GET  academics:course-detail       login  200   200     200      200     200      403
GET  academics:course-update       login  200   403     403      403     403      403
GET  academics:batch-list          login  200   200     200      200     200      403
GET  academics:batch-create        login  200   403     403      403     403      403
GET  academics:batch-detail        login  200   200     404      200     404      403
GET  academics:batch-update        login  200   403     403      403     403      403
GET  academics:batch-students      login  200   200     404      403     403      403
GET  academics:student-enrollment  login  200   200     404      200     404      404
GET  academics:drop-list           login  200   200     200      403     403      403
GET  academics:institute           login  200   403     403      403     403      403
GET  academics:logo-update         login  200   403     403      403     403      403
POST academics:logo-remove         login  302   403     403      403     403      403
GET  academics:logo                login  200   200     200      200     200      200
GET  academics:calendar            login  200   200     200      200     200      403
GET  academics:calendar-feed       404    404   404     404      404     404      404
GET  academics:class-add           login  200   403     403      403     403      403
GET  academics:class-move          login  200   403     403      403     403      403
GET  academics:class-cancel        login  200   403     403      403     403      403
GET  academics:class-change-undo   login  200   403     403      403     403      403
GET  academics:holiday-update      login  200   403     403      403     403      403
GET  academics:holiday-list        login  200   403     403      403     403      403
GET  academics:holiday-create      login  200   403     403      403     403      403
POST academics:holiday-delete      login  302   403     403      403     403      403
GET  finance:enrollment-create     login  200   403     403      403     403      403
GET  finance:enrollment-suggestions login 200  403     403      403     403      403
GET  finance:enrollment-complete   login  200   403     403      403     403      403
GET  finance:enrollment-drop       login  200   403     403      403     403      403
GET  finance:enrollment-transfer   login  200   403     403      403     403      403
GET  finance:installments-change   login  200   403     403      403     403      403
GET  finance:plan-create           login  200   403     403      403     403      403
GET  finance:plan-update           login  200   403     403      403     403      403
GET  finance:concession-ask        login  200   403     403      403     403      403
GET  finance:receipt-start         login  200   403     403      403     403      403
GET  finance:concession-list       login  200   403     403      403     403      403
GET  finance:concession-approve    login  200   403     403      403     403      403
GET  finance:approval-limits       login  200   403     403      403     403      403
GET  finance:concession-cancel     login  200   403     403      403     403      403
GET  finance:late-fee-waive        login  200   403     403      403     403      403
GET  finance:student-charge        login  200   403     403      403     403      403
GET  finance:batch-charge          login  200   403     403      403     403      403
GET  finance:charge-cancel         login  200   403     403      403     403      403
GET  finance:late-fee-rules        login  200   403     403      403     403      403
GET  finance:late-fee-rule-create  login  200   403     403      403     403      403
GET  finance:late-fee-rule-update  login  200   403     403      403     403      403
GET  finance:late-fees-post        login  200   403     403      403     403      403
GET  finance:bulk-action-list      login  200   403     403      403     403      403
GET  finance:bulk-action           login  200   403     403      403     403      403
GET  finance:bulk-action-undo      login  200   403     403      403     403      403
GET  finance:batch-enroll          login  200   403     403      403     403      403
GET  finance:batch-complete        login  200   403     403      403     403      403
GET  finance:payment-list          login  200   403     403      403     403      403
GET  finance:payment-create        login  200   403     403      403     403      403
GET  finance:payment-suggestions   login  200   403     403      403     403      403
GET  finance:receipt               login  200   403     403      200     404      403
GET  finance:receipt-pdf           login  200   403     403      200     404      403
POST finance:receipt-printed       login  204   403     403      204     404      403
GET  finance:receipt-check         404    404   404     404      404     404      404
GET  finance:payment-bounce        login  302   403     403      403     403      403
GET  finance:payment-void          login  200   403     403      403     403      403
GET  finance:refund-create         login  200   403     403      403     403      403
GET  finance:refund-due-list       login  200   403     403      403     403      403
GET  finance:refund                login  200   403     403      200     404      403
GET  finance:student-payments      login  200   403     403      200     404      403
GET  finance:student-fees          login  200   403     403      200     404      403
GET  finance:statement             login  200   403     403      200     404      403
GET  finance:batch-statements      login  200   403     403      403     403      403
GET  finance:statement-pdf         login  200   403     403      200     404      403
GET  finance:dues                  login  200   403     403      403     403      403
GET  finance:cheque-list           login  200   403     403      403     403      403
GET  finance:cheque-deposit        login  302   403     403      403     403      403
GET  finance:cheque-clear          login  302   403     403      403     403      403
GET  finance:collections           login  200   403     403      403     403      403
GET  finance:day-book              login  200   403     403      403     403      403
GET  finance:day-close             login  200   403     403      403     403      403
GET  finance:day-close-list        login  200   403     403      403     403      403
GET  finance:day-close-detail      login  200   403     403      403     403      403
POST finance:remind                login  302   403     403      403     403      403
POST finance:remind-by-mail        login  302   403     403      403     403      403
GET  attendance:missing            login  200   200     200      403     403      403
GET  attendance:day                login  200   200     200      403     403      403
GET  dashboards:absent                  login  200   200     200      403     403      403
POST dashboards:tell-of-absence         login  302   403     403      403     403      403
GET  attendance:check-in-screen    login  200   200     404      403     403      403
GET  attendance:check-in-now       login  200   200     404      403     403      403
GET  attendance:check-in           login  403   403     403      200     200      403
GET  attendance:check-in-scan      410    410   410     410      410     410      410
GET  attendance:shortage           login  200   200     200      403     403      403
POST attendance:remind             login  302   403     403      403     403      403
POST attendance:remind-by-mail     login  302   403     403      403     403      403
GET  attendance:batch-attendance   login  200   200     404      403     403      403
GET  attendance:sheet              login  200   200     404      403     403      403
GET  attendance:sheet-history      login  200   200     404      403     403      403
GET  attendance:sheet-go            login  302   302     404      403     403      403
GET  attendance:student-attendance login  200   200     404      200     404      404
"""

# The only URLs that need no sign-in, besides the login and translations of Django admin.
OPEN = {
    "accounts:login",
    "accounts:second-step",
    "accounts:register",
    "accounts:password-reset",
    "accounts:password-reset-done",
    "accounts:password-reset-confirm",
    "accounts:invitation",
    "finance:receipt-check",
    "attendance:check-in-scan",
    "academics:calendar-feed",
}

ROWS = [line.split() for line in TABLE.strip().splitlines() if not line.startswith("#")]


def routes(patterns=None, prefix="", namespace=""):
    """Return every route as ``(name, path, view)``."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = ":".join(filter(None, [namespace, entry.namespace]))
            yield from routes(entry.url_patterns, path, inner)
        elif isinstance(entry, URLPattern):
            yield ":".join(filter(None, [namespace, entry.name])), path, entry.callback


# The JSON API asks for a token instead; its own table is in test_api_permissions.
ROUTES = {
    name: (path, view)
    for name, path, view in routes()
    if not name.startswith(("admin:", "api:")) and ":" in name
}


def address(name, objects):
    path, _ = ROUTES[name]
    given = {
        "pk": objects.get(path.split("/")[0]),
        "held_on": timezone.localdate(),
        "day": timezone.localdate(),
        "digest": objects.get("logos"),
        "starts_at": datetime.time(17),
        "token": "not-a-token",
        "kind": "students",
    }
    return reverse(name, kwargs={key: given[key] for key in re.findall(r"<(?:\w+:)?(\w+)>", path)})


def answer(name, people, person, method, **kwargs):
    """Return the entry of the table; changes are rolled back."""
    before = transaction.savepoint()
    client = Client(**kwargs)
    if people[person]:
        client.force_login(people[person])
    href = address(name, people["objects"])
    response = getattr(client, method.lower())(href)
    transaction.savepoint_rollback(before)
    login = f"{reverse('accounts:login')}?next={quote(href)}"
    return (
        "login"
        if response.status_code == 302 and response["Location"] == login
        else str(response.status_code)
    )


def test_table_lists_every_route():
    assert {name for _, name, *_ in ROWS} == set(ROUTES), (
        "Write a new route into the table, and who may open it."
    )
    assert all(len(row) == 2 + len(PEOPLE) for row in ROWS)


def test_each_person_gets_the_status_in_the_table(people):
    got = [
        [method, name, *(answer(name, people, person, method) for person in PEOPLE)]
        for method, name, *_ in ROWS
    ]

    assert [row for row in got if row not in ROWS] == []


def test_post_needs_the_permission_of_the_page(people):
    refusals = [
        (name, person, code)
        for method, name, *codes in ROWS
        for person, code in zip(PEOPLE, codes, strict=True)
        if method == "GET" and code in ("login", "403", "404")
    ]

    got = [(name, person, answer(name, people, person, "POST")) for name, person, _ in refusals]

    wrong = [
        sent for sent, asked in zip(got, refusals, strict=True) if sent[2] not in (asked[2], "405")
    ]
    assert refusals and wrong == []


def test_form_without_csrf_token_is_refused(people):
    got = {name: answer(name, people, "admin", "POST", enforce_csrf_checks=True) for name in ROUTES}

    assert {name: code for name, code in got.items() if code != "403"} == {}


def test_only_views_without_session_are_csrf_exempt():
    exempt = {path for _, path, view in routes() if getattr(view, "csrf_exempt", False)}

    assert exempt
    assert {path for path in exempt if not path.startswith("api/")} == set()


def test_pages_without_sign_in_are_listed():
    opened = {
        name for name, (_, view) in ROUTES.items() if not getattr(view, "login_required", True)
    }

    assert opened == OPEN


def admin_pages():
    yield "admin:index"
    for model in django_admin.site._registry:
        yield f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"


@pytest.mark.parametrize("name", list(admin_pages()))
def test_only_staff_can_enter_django_admin(name, people):
    owner = UserFactory(email="owner@example.com", is_superuser=True)
    people["owner"] = owner

    def status(person):
        client = Client()
        if people[person]:
            client.force_login(people[person])
        return client.get(reverse(name)).status_code

    assert status("owner") == 200
    assert {status(person) for person in PEOPLE if person != "admin"} <= {302, 403}


def test_path_of_django_admin_is_a_setting():
    assert reverse("admin:index") == f"/{settings.ADMIN_PATH}"
