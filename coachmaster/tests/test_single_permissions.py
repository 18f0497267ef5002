"""Roles of a single permission: what they open, and that nothing else leaks or changes.

Each permission that exists is tried alone, with the permission to open Django admin, and with
that and the one to see everybody. Django adds permissions to add, change, delete and view each
table; most open nothing on the site.
"""

import io
import json
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin as django_admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import Http404
from django.test import RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone

from accounts import tokens
from accounts.models import StudentProfile
from accounts.services.sign_in import record_confirmation
from accounts.tests.factories import user_with
from attendance.models import Mark
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.imports.kinds import KINDS, kinds_for
from coachmaster.imports.models import Import
from finance.services.charges import post_charges

from .test_api_permissions import bodies, keys_of, operations
from .test_permissions import ROUTES, address

pytestmark = pytest.mark.django_db
ENTER_ADMIN = "accounts.enter_admin"

#: The pages and operations that a permission opens to somebody who sees the whole institute.
OPENS = """
academics.add_batch              academics:batch-create, POST /batches
academics.add_classchange        academics:class-add, academics:class-cancel, academics:class-move
academics.add_course             academics:course-create, POST /courses
academics.add_enrollment         finance:batch-enroll, finance:enrollment-create,
                                 finance:enrollment-suggestions, POST /enrollments
academics.add_holiday            academics:holiday-create
academics.change_batch           academics:batch-update, PUT /batches/{batch_id}
academics.change_course          academics:course-update, PUT /courses/{course_id}
academics.change_enrollment      finance:batch-complete, finance:enrollment-complete,
                                 finance:enrollment-drop, finance:enrollment-transfer
academics.change_holiday         academics:holiday-update
academics.change_institute       academics:institute, academics:logo-remove,
                                 academics:logo-update
academics.delete_classchange     academics:class-change-undo
academics.delete_holiday         academics:holiday-delete
academics.view_batch             academics:batch-detail, academics:batch-list, academics:calendar,
                                 GET /batches, GET /batches/{batch_id}
academics.view_course            academics:course-detail, academics:course-list, GET /courses,
                                 GET /courses/{course_id}
academics.view_enrollment        academics:batch-students, academics:drop-list,
                                 dashboards:search,
                                 dashboards:search-suggestions, GET /batches/{batch_id}/students
academics.view_holiday           academics:holiday-list
accounts.add_user                accounts:person-create
accounts.change_membership       accounts:person-role
accounts.change_signinrules      accounts:sign-in-rules
accounts.change_user             accounts:person-activate, accounts:person-deactivate,
                                 accounts:person-invite, accounts:person-update,
                                 accounts:person-second-factor-remove, PUT /users/{user_id}
accounts.delete_device           accounts:person-sign-out
accounts.see_whole_institute     academics:student-enrollment, accounts:person-detail,
                                 dashboards:student-page, GET /users/{user_id},
                                 GET /students/{student_id}/enrollment
accounts.view_admin_dashboard    dashboards:admin-dashboard, GET /dashboard/admin
accounts.view_user               dashboards:person-list, GET /users
attendance.add_attendancereminder  attendance:remind, attendance:remind-by-mail,
                                 dashboards:tell-of-absence
attendance.add_sheet             attendance:check-in-now, attendance:check-in-screen,
                                 attendance:sheet, attendance:sheet-go, POST /attendance
attendance.view_sheet            attendance:batch-attendance, attendance:day, attendance:missing,
                                 attendance:sheet-history, attendance:shortage,
                                 attendance:student-attendance, dashboards:absent,
                                 GET /batches/{batch_id}/attendance,
                                 GET /students/{student_id}/attendance
finance.add_charge               finance:batch-charge, finance:late-fees-post,
                                 finance:student-charge
finance.add_concession           finance:concession-ask, finance:late-fee-waive
finance.add_chequeclearing       finance:cheque-clear
finance.add_chequedeposit        finance:cheque-deposit
finance.add_dayclose             finance:day-close
finance.add_feeplan              finance:plan-create
finance.add_feereminder          finance:remind, finance:remind-by-mail
finance.add_latefeerule          finance:late-fee-rule-create
finance.add_payment              finance:payment-create, finance:payment-suggestions,
                                 POST /payments
finance.add_refund               finance:refund-create
finance.add_reversal             finance:payment-bounce, finance:payment-void
finance.approve_concession       finance:concession-approve
finance.change_approvallimit     finance:approval-limits
finance.change_charge            finance:charge-cancel, finance:installments-change
finance.change_concession        finance:concession-cancel
finance.change_feeplan           finance:plan-update
finance.change_latefeerule       finance:late-fee-rule-update
finance.change_receiptseries     finance:receipt-start
finance.view_account             finance:dues
finance.view_bulkaction          finance:bulk-action, finance:bulk-action-list
finance.view_concession          finance:concession-list
finance.view_dayclose            finance:collections, finance:day-book, finance:day-close-detail,
                                 finance:day-close-list
finance.view_latefeerule         finance:late-fee-rules
finance.view_payment             finance:batch-statements, finance:cheque-list,
                                 finance:payment-list, finance:receipt, finance:receipt-pdf,
                                 finance:receipt-printed, finance:statement,
                                 finance:statement-pdf, finance:student-fees,
                                 finance:student-payments, GET /students/{student_id}/fee-status,
                                 GET /students/{student_id}/payments
finance.view_refund              finance:refund, finance:refund-due-list
imports.add_import               imports:import-list
"""
OPENS = {
    permission: set(re.split(r",\s+", places.strip()))
    for permission, places in re.findall(r"^(\S+) +((?:[^,\n]+,\n? *)*[^,\n]+)$", OPENS, re.M)
}

#: Open to everybody who is signed in.
OPEN_TO_EVERYBODY = {
    "GET /auth/me",
    "POST /auth/logout",
    "POST /auth/register",
    "academics:logo",
    "accounts:app-add",
    "accounts:calendar-link-renew",
    "accounts:device-list",
    "accounts:device-sign-out",  # asks for the password first
    "accounts:login",
    "accounts:logout",
    "accounts:me",
    "accounts:passkey-add",
    "accounts:password-change",
    "accounts:password-reset",
    "accounts:password-reset-done",
    "accounts:recovery-codes",
    "accounts:register",
    "accounts:second-factor",
    "accounts:second-step",
    "accounts:sign-out-others",
    "attendance:check-in-scan",
    "dashboards:dashboard",
    "dashboards:home",
}
WRITTEN_BY_EVERYBODY = {
    "POST /auth/logout",
    "POST /auth/register",
    "accounts:calendar-link-renew",
    "accounts:me",
}
#: Of students, of one's own rows, or of a link: nobody else opens them, whatever the permission.
OWN = {
    "GET /dashboard/student",
    "POST /auth/login",
    "academics:calendar-feed",
    "accounts:app-remove",
    "accounts:invitation",
    "accounts:passkey-remove",
    "accounts:passkey-update",
    "accounts:password-reset-confirm",
    "accounts:recovery-codes-renew",
    "attendance:check-in",
    "dashboards:student-dashboard",
    "finance:bulk-action-undo",  # needs the permission to do it to a single row too
    "finance:receipt-check",
    "imports:import-apply",
    "imports:import-columns",
    "imports:import-correct",
    "imports:import-detail",
    "imports:import-discard",
    "imports:import-example",
    "imports:import-problems",
    "imports:import-progress",
    "imports:import-sheet",
}

#: Own rows only: a person who sees everybody is asked whether they teach.
OPENS_ALONE = {
    "academics.teach_batch": {"dashboards:instructor-dashboard", "GET /dashboard/instructor"}
}

#: Tables that Django admin adds to, and deletes from; it changes rows of others, or shows them.
ADMIN_ADDS = {"academics.batch", "academics.course", "academics.holiday", "accounts.studentprofile",
              "accounts.user", "auth.group"}  # fmt: skip
ADMIN_DELETES = {"academics.holiday", "accounts.apitoken", "accounts.device"}

#: Kinds of files that a permission imports, with that to import.
IMPORTS = {
    "academics.add_batch": {"batches"},
    "academics.add_course": {"courses"},
    "academics.add_enrollment": {"enrollments"},
    "academics.add_holiday": {"holidays"},
    "accounts.add_user": {"students"},
    "attendance.add_sheet": {"attendance", "attendance-grid"},
    "finance.add_payment": {"payments"},
}

#: Values of a student, and the permissions that show them to a person who sees everybody.
SECRETS = {
    "asha@secret.example": {"accounts.view_user", "accounts.change_user"},
    "4 Secret Road": {
        "accounts.view_user",
        "accounts.change_user",
        "accounts.view_studentprofile",
        "accounts.change_studentprofile",
    },
    "43,211": {
        "finance.view_payment",
        "finance.view_charge",
        "finance.change_charge",
        "finance.add_concession",
    },
    "Has a fever": {
        "attendance.view_sheet",
        "attendance.add_sheet",
        "attendance.view_mark",
        "attendance.change_mark",
    },
}

#: Fields that make many forms valid.
SENT = {
    "full_name": "Changed",
    "email": "changed@example.com",
    "name": "Changed",
    "reason": "Because",
    "amount": "5",
    "mode": "cash",
    "kind": "other",
    "label": "Other",
    "total_fee": "5",
    "token": "t" * 32,
    "post": "yes",
    "action": "delete_selected",
    "_selected_action": "1",
    "class_times-TOTAL_FORMS": "0",
    "class_times-INITIAL_FORMS": "0",
    **dict.fromkeys(
        ["starts_on", "ended_on", "last_day", "paid_on", "due_on", "first", "day"], "2026-06-15"
    ),
}


# Places and visits ----------------------------------------------------------------------------


@dataclass
class Place:
    """An address, with its name in the tables of this module."""

    name: str
    path: str
    methods: tuple[str, ...] = ("GET", "POST")
    body: str = urlencode(SENT)
    content_type: str = "application/x-www-form-urlencoded"

    def __post_init__(self):
        self.match = resolve(self.path)


def pages(objects):
    return [Place(name, address(name, objects)) for name in ROUTES]


def api_operations(objects):
    return [
        Place(
            f"{method} {path}",
            f"/api/v1{path.format(**keys_of(objects))}",
            (method,),
            json.dumps(bodies(objects).get(path, {})),
            "application/json",
        )
        for method, path in sorted(operations())
    ]


def admin_tables():
    return [model for model in apps.get_models() if django_admin.site.is_registered(model)]


def admin_pages(objects):
    """Return the pages of each table in Django admin, of a student's row or the first one."""
    yield Place("admin:index", reverse("admin:index"), ("GET",))
    for model in admin_tables():
        rows = django_admin.site.get_model_admin(model).get_queryset(request=None)
        rows = rows.order_by("pk").values_list("pk", flat=True)
        pk = rows.filter(pk=objects["people"]).first() or rows.first()
        for action in ("changelist", "add", "change", "delete", *(["history"] if pk else [])):
            name = admin_page(model._meta.label_lower, action)
            args = [] if action in ("changelist", "add") else [pk or 1]
            yield Place(name, reverse(name, args=args))


def admin_page(table, action):
    return f"admin:{table.replace('.', '_')}_{action}"


def expected_admin_pages(permission):
    app, _, codename = permission.partition(".")
    action, _, model = codename.partition("_")
    table = f"{app}.{model}"
    if table not in {model._meta.label_lower for model in admin_tables()}:
        return set()
    if action in ("view", "change"):
        return {admin_page(table, action) for action in ("changelist", "change", "history")}
    tables = {"add": ADMIN_ADDS, "delete": ADMIN_DELETES}.get(action, set())
    return {admin_page(table, action)} if table in tables else set()


class Visitor:
    """Calls views by their address without the middleware, which takes most of the time."""

    def __init__(self, user, *, is_confirmed):
        self.is_confirmed = is_confirmed
        self.user = get_user_model().objects.get(pk=user.pk)
        self.factory = RequestFactory(
            headers={"x-csrftoken": "a" * 32, "authorization": f"Bearer {tokens.issue(self.user)}"}
        )
        self.factory.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32

    def __call__(self, method, place, query=""):
        """Return the response, or None if it is refused."""
        body = [] if method == "GET" else [place.body, place.content_type]
        request = getattr(self.factory, method.lower())(place.path + query, *body)
        request.user, request.session = self.user, SessionStore()
        if self.is_confirmed:
            record_confirmation(request)
        view, args, kwargs = place.match
        try:
            response = MessageMiddleware(lambda request: view(request, *args, **kwargs))(request)
        except (PermissionDenied, Http404):
            return None
        if response.status_code in (401, 403, 404, 405):
            return None
        return response.render() if hasattr(response, "render") else response


#: Tries are counted, whoever makes them.
COUNTED = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "accounts_attempts"')


class Walk:
    """Where a user gets in, what is shown there, and where something is written."""

    def __init__(self, user, places, *, is_confirmed=False, exports=False):
        self.shown, self.written = defaultdict(str), set()
        self._visitor, self._exports = Visitor(user, is_confirmed=is_confirmed), exports
        for self._place in places:
            for method in self._place.methods:
                before = transaction.savepoint()
                with connection.execute_wrapper(self._record_writes):
                    self._visit(method)
                transaction.savepoint_rollback(before)
                transaction.savepoint_commit(before)  # or PostgreSQL keeps a lock for it

    def _visit(self, method):
        response = self._visitor(method, self._place)
        if response is None:
            return
        text = text_of(response)
        if self._exports and "as=csv" in text:
            for query in ("?as=csv", "?as=xlsx"):
                text += text_of(self._visitor("GET", self._place, query))
        self.shown[self._place.name] += text

    def _record_writes(self, execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and not COUNTED.match(sql):
            self.written.add(self._place.name)
        return execute(sql, params, many, context)

    def places_that_show(self, secret):
        return {name for name, text in self.shown.items() if secret in text}


def text_of(response):
    content = b"".join(response.streaming_content) if response.streaming else response.content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            content = b"".join(file.read(name) for name in file.namelist())
    return content.decode(errors="replace")


@pytest.fixture
def scene(people):
    """`scene.differences(permission)`: what its roles can do against the table, as sentences."""
    student = StudentProfile.objects.select_related("user").get(pk=people["objects"]["people"])
    student.address, student.user.full_name = "4 Secret Road", "Asha Secret"
    student.user.email = "asha@secret.example"
    student.user.save()
    student.save()
    due_on = timezone.localdate()
    post_charges(students=[student], kind="other", label="Kit", amount=43211, due_on=due_on,
                 token="kit", by=people["admin"])  # fmt: skip
    Mark.objects.update(note="Has a fever")
    return Scene(people["objects"])


class Scene:
    def __init__(self, objects):
        everything = [*pages(objects), *api_operations(objects), *admin_pages(objects)]
        self.everything = {place.name: place for place in everything}
        self.restricted = [place for place in everything if place.name not in OPEN_TO_EVERYBODY]

    def differences(self, permission):
        return [
            f"{permission}: {difference}"
            for way in (self._alone, self._in_django_admin, self._of_everybody)
            for difference in way(permission)
        ]

    def differences_of_idle(self, permissions):
        """Visit all places once: what opens nothing together opens nothing alone."""
        return list(self._of_everybody(*permissions))

    def expected(self, permission):
        expected = OPENS.get(permission, set()) | expected_admin_pages(permission)
        return expected & self.everything.keys()  # a table without rows has no history

    def _of_everybody(self, *permissions):
        """With the permissions to see everybody and to open Django admin."""
        user = user_with(*{*permissions, ENTER_ADMIN, SEE_WHOLE_INSTITUTE})
        walk = Walk(user, self.restricted, is_confirmed=True)
        expected = set().union(*map(self.expected, permissions))
        expected |= OPENS[SEE_WHOLE_INSTITUTE] | {"admin:index"}
        yield from compare("opens", expected, set(walk.shown))
        yield from compare("writes", expected & walk.written, walk.written)
        for secret, allowed in SECRETS.items():
            if allowed.isdisjoint(permissions):
                yield from compare(f"shows {secret}", set(), walk.places_that_show(secret))

    def _alone(self, permission):
        """There are no own rows, so the pages of single records stay closed."""
        if permission == SEE_WHOLE_INSTITUTE:
            return
        expected = OPENS.get(permission, set()) | OPENS_ALONE.get(permission, set())
        names = {*expected, *(name for name in self.everything if "dashboard" in name)}
        places = [place for place in self.restricted if place.name in names]
        walk = Walk(user_with(permission), places, exports=True)
        yield from compare("opens alone", expected & walk.shown.keys(), set(walk.shown))
        for secret in (*SECRETS, "Asha Secret"):
            yield from compare(f"alone shows {secret}", set(), walk.places_that_show(secret))

    def _in_django_admin(self, permission):
        """Without the permission to see everybody it stays closed."""
        if permission != SEE_WHOLE_INSTITUTE:
            names = expected_admin_pages(permission) | {"admin:index"}
            places = [place for name, place in self.everything.items() if name in names]
            walk = Walk(user_with(*{permission, ENTER_ADMIN}), places)
            yield from compare("opens in Django admin", set(), set(walk.shown))


def compare(what, expected, got):
    if more := got - expected:
        yield f"{what}, although it should not: {', '.join(sorted(more))}"
    if fewer := expected - got:
        yield f"{what} not, although it should: {', '.join(sorted(fewer))}"


# Tests ----------------------------------------------------------------------------------------


def single_permissions():
    names = Permission.objects.values_list("content_type__app_label", "codename")
    return sorted(".".join(name) for name in names)


def test_permissions_and_places_of_the_table_exist(scene):
    assert (OPENS.keys() | OPENS_ALONE.keys()) - set(single_permissions()) == set()
    on_the_site = {name for name in scene.everything if not name.startswith("admin:")}
    named = set().union(*OPENS.values(), *OPENS_ALONE.values(), OPEN_TO_EVERYBODY, OWN)
    assert named == on_the_site


def test_role_without_permissions_opens_what_everybody_may_open(scene):
    walk = Walk(user_with(), scene.everything.values())

    assert set(walk.shown) == OPEN_TO_EVERYBODY
    assert walk.written == WRITTEN_BY_EVERYBODY
    for secret in (*SECRETS, "Asha Secret"):
        assert walk.places_that_show(secret) == set()


@pytest.mark.parametrize(
    "permission",
    [
        "accounts.add_user",
        "accounts.change_membership",
        "accounts.change_studentprofile",
        "accounts.change_user",
        "accounts.see_whole_institute",
        "accounts.view_user",
        "academics.delete_course",
        "attendance.add_sheet",
        "auth.change_group",
        "finance.add_charge",
        "finance.view_payment",
        "imports.add_import",
    ],
)
def test_role_of_one_permission_does_only_what_the_table_says(scene, permission):
    assert scene.differences(permission) == []


def test_permissions_that_the_table_does_not_name_open_nothing(scene):
    idle = [
        permission
        for permission in single_permissions()
        if not scene.expected(permission) and permission not in OPENS_ALONE
    ]

    assert len(idle) > 100
    assert scene.differences_of_idle(idle) == []


@pytest.mark.size
def test_role_of_each_single_permission_does_only_what_the_table_says(scene):
    named = [
        permission
        for permission in single_permissions()
        if scene.expected(permission) or permission in OPENS_ALONE
    ]

    assert [line for permission in named for line in scene.differences(permission)] == []


def test_each_kind_of_file_needs_the_permission_of_its_page(people, client_of):
    for permission in IMPORTS:
        user = user_with("imports.add_import", SEE_WHOLE_INSTITUTE, permission)
        client = client_of(user)
        for kind in KINDS:
            file = SimpleUploadedFile("rows.csv", b"name\nA\n")
            client.post(reverse("imports:import-list"), {"kind": kind, "file": file})
        assert (
            set(Import.objects.filter(by=user).values_list("kind", flat=True))
            == IMPORTS[permission]
        ), permission


@pytest.mark.size
def test_each_permission_offers_the_files_of_the_table(people):
    offered = {
        permission: kinds
        for permission in single_permissions()
        if (kinds := {kind.slug for kind in kinds_for(user_with(permission))})
    }

    assert offered == IMPORTS
