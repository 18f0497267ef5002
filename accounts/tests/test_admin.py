import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Attempts, Device, User
from accounts.throttling import REGISTER, count_tries
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.tests.api import Caller

from .factories import PASSWORD, StudentFactory, UserFactory, user_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(db):
    return UserFactory(
        full_name="Olga Owner", email="owner@example.com", role="Admin", is_superuser=True
    )


def admin_page(name, *args):
    return reverse(f"admin:accounts_{name}", args=args)


def test_only_admins_can_open_django_admin(client_of, admin, instructor, student):
    index = reverse("admin:index")

    assert client_of(admin).get(index).status_code == 200
    assert client_of(instructor).get(index).status_code == 403
    assert client_of(student).get(index).status_code == 403


def test_signed_in_people_skip_the_login_page(client_of, admin, instructor):
    assert client_of(admin).get(reverse("admin:login")).url == reverse("admin:index")
    assert client_of(instructor).get(reverse("admin:login")).status_code == 403


def test_password_page_is_the_one_of_the_site(client_of, admin):
    assert client_of(admin).get(reverse("admin:password_change")).url == reverse(
        "accounts:password-change"
    )


def test_no_table_has_bulk_deletion():
    assert "delete_selected" not in dict(django_admin.site.actions)


@pytest.mark.parametrize(
    "table", ["user", "studentprofile", "membership", "admissionseries", "attempts"]
)
def test_query_count_of_every_table_is_constant(client_of, owner, table, queries_of):
    StudentFactory()
    count_tries((REGISTER, "10.0.0.9"))
    client = client_of(owner)
    page = admin_page(f"{table}_changelist")
    assert client.get(page).status_code == 200
    few = queries_of(lambda: client.get(page))
    StudentFactory.create_batch(5)

    assert queries_of(lambda: client.get(page)) == few


def test_every_model_is_registered():
    ours = {"accounts", "academics", "finance", "attendance", "imports"}
    registered = django_admin.site._registry
    within = {inline.model for of_table in registered.values() for inline in of_table.inlines}
    # The history of a record is on its page.
    tables = {
        one
        for one in apps.get_models()
        if one._meta.app_label in ours and not hasattr(one, "history_type")
    }

    assert tables - registered.keys() - within == set()


def test_every_table_can_be_opened_and_searched(client_of, owner):
    client = client_of(owner)

    for model, of_table in django_admin.site._registry.items():
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(page, {"q": "a"} if of_table.search_fields else {}).status_code == 200, (
            model
        )


def test_every_table_refuses_filters_that_it_does_not_offer(client_of, owner):
    client = client_of(owner)
    taken = []

    for model, of_table in django_admin.site._registry.items():
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        offered = {one if isinstance(one, str) else one[0] for one in of_table.list_filter}
        offered.add(of_table.date_hierarchy)
        for field in model._meta.get_fields():
            for lookup in ("startswith", "isnull"):
                answer = client.get(page, {f"{field.name}__{lookup}": "1"})
                if answer.status_code != 400 and field.name not in offered:
                    taken.append((model, field.name))

    assert taken == []


@pytest.mark.parametrize(
    ("table", "guess"),
    [
        ("device", "session__session_key__startswith"),
        ("device", "session"),
        ("user", "password__startswith"),
        ("user", "groups__user__password__startswith"),
        ("membership", "group__user__password__startswith"),
    ],
)
def test_secrets_cannot_be_guessed_by_filters(client_of, owner, table, guess):
    page = admin_page(f"{table}_changelist")

    assert client_of(owner).get(page, {guess: "a"}).status_code == 400


def test_every_filter_of_every_table_works(client_of, owner):
    StudentFactory()
    count_tries((REGISTER, "10.0.0.9"))
    client = client_of(owner)

    for model in django_admin.site._registry:
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for spec in client.get(page).context["cl"].filter_specs:
            for choice in spec.choices(client.get(page).context["cl"]):
                assert client.get(page + choice["query_string"]).status_code == 200, model


@pytest.mark.parametrize("table", ["user", "studentprofile", "membership"])
def test_people_are_found_by_part_of_a_name(client_of, admin, student, table):
    StudentFactory(user__full_name="Ravi Nair")

    response = client_of(admin).get(admin_page(f"{table}_changelist"), {"q": "VERM"})

    assert response.context["cl"].result_count == 1


def test_changed_email_is_notified_to_the_old_address(
    client_of, admin, instructor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    with django_capture_on_commit_callbacks(execute=True):
        client_of(admin).post(
            admin_page("user_change", instructor.pk),
            {
                "full_name": "Imran K",
                "email": "ik@example.com",
                "phone": "",
                "is_superuser": "on",
                "is_active": "",
            },
        )

    instructor.refresh_from_db()
    assert (instructor.full_name, instructor.email) == ("Imran K", "ik@example.com")
    assert (instructor.is_superuser, instructor.is_active) == (False, True)
    assert [message.to for message in mail.outbox] == [["imran@example.com"]]


@pytest.mark.parametrize(("is_checked", "word"), [("on", "now"), ("", "no longer")])
def test_becoming_superuser_or_not_ends_sessions_and_is_notified(
    client_of, owner, instructor, settings, django_capture_on_commit_callbacks, is_checked, word
):
    settings.SENDS_MAIL = True
    User.objects.filter(pk=instructor.pk).update(is_superuser=not is_checked)
    theirs = Client()
    theirs.force_login(instructor)
    assert theirs.get(reverse("accounts:device-list")).status_code == 200
    fields = {"full_name": "Imran K", "email": "imran@example.com", "is_superuser": is_checked}
    with django_capture_on_commit_callbacks(execute=True):
        client_of(owner).post(admin_page("user_change", instructor.pk), fields)

    instructor.refresh_from_db()
    assert instructor.is_superuser is bool(is_checked)
    assert theirs.get(reverse("accounts:device-list")).status_code == 302
    (message,) = mail.outbox
    assert message.to == ["imran@example.com"]
    assert f"You are {word} a superuser." in message.body


def test_only_the_owner_can_add_superusers(client_of, admin, owner, instructor):
    fields = (
        client_of(admin)
        .get(admin_page("user_change", instructor.pk))
        .context["adminform"]
        .form.fields
    )
    assert list(fields) == ["full_name", "email", "phone"]

    fields = (
        client_of(owner)
        .get(admin_page("user_change", instructor.pk))
        .context["adminform"]
        .form.fields
    )
    assert list(fields) == ["full_name", "email", "phone", "is_superuser"]


def test_admin_cannot_change_the_owner(client_of, admin, owner):
    client_of(admin).post(
        admin_page("user_change", owner.pk), {"full_name": "X", "email": "x@example.com"}
    )

    owner.refresh_from_db()
    assert (owner.full_name, owner.email) == ("Olga Owner", "owner@example.com")


def test_people_are_added_on_the_site(client_of, admin):
    assert client_of(admin).get(admin_page("user_add")).url == reverse("accounts:person-create")
    assert client_of(admin).get(admin_page("studentprofile_add")).url == reverse(
        "accounts:person-create"
    )


@pytest.mark.parametrize("table", ["user", "studentprofile", "membership"])
def test_owner_cannot_delete_people(client_of, owner, student, table):
    assert (
        client_of(owner)
        .post(admin_page(f"{table}_delete", student.pk), {"post": "yes"})
        .status_code
        == 403
    )
    assert User.objects.filter(pk=student.pk).exists()


def test_changed_admission_number_can_be_searched(client_of, admin, student):
    client_of(admin).post(
        admin_page("studentprofile_change", student.pk), {"admission_number": "CM-7"}
    )

    assert User.objects.search("cm-7").get() == student.user


def test_history_is_read_only(client_of, admin, student):
    student.user.full_name = "Asha Rao"
    student.user.save()
    client = client_of(admin)
    first = student.user.history.last()

    history = client.get(admin_page("user_history", student.pk)).content.decode()
    assert "Full name: Asha Verma → Asha Rao" in history
    assert "style=" not in history
    old = admin_page("user_simple_history", student.pk, first.history_id)
    assert client.get(old).status_code == 200
    assert client.post(old, {"full_name": "Asha Verma"}).status_code == 405
    student.user.refresh_from_db()
    assert student.user.full_name == "Asha Rao"


def test_attempts_are_read_only(client_of, owner):
    count_tries((REGISTER, "10.0.0.9"))
    row = Attempts.objects.get()

    assert (
        client_of(owner).post(admin_page("attempts_change", row.pk), {"count": "0"}).status_code
        == 403
    )
    assert Attempts.objects.get().count == 1


def test_built_in_roles_are_read_only(client_of, owner):
    role = Group.objects.get(name="Student")
    client = client_of(owner)

    assert (
        client.post(reverse("admin:auth_group_change", args=[role.pk]), {"name": "X"}).status_code
        == 403
    )
    assert (
        client.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"}).status_code
        == 403
    )
    client.post(reverse("admin:auth_group_add"), {"name": "Front desk"})
    assert Group.objects.filter(name="Front desk").exists()


@pytest.mark.parametrize("name", ["admin", "ADMIN", " Admin ", "Adm\u200bin", "front desk"])
def test_role_cannot_have_the_name_of_another(client_of, owner, name):
    Group.objects.create(name="Front Desk")

    response = client_of(owner).post(reverse("admin:auth_group_add"), {"name": name})

    assert response.context["errors"] == [["Another role has this name."]]
    assert not Group.objects.filter(name=name).exists()


def test_query_count_of_a_role_is_constant(client_of, owner, queries_of):
    pages = [
        reverse("admin:auth_group_change", args=[Group.objects.get(name=name).pk])
        for name in ("Student", "Admin")
    ]
    client = client_of(owner)

    assert "Can see everybody" in client.get(pages[1]).content.decode()
    assert queries_of(lambda: client.get(pages[0])) == queries_of(lambda: client.get(pages[1]))


# Permissions ----------------------------------------------------------------------------------


def back_office_user(*permissions):
    return user_with("accounts.enter_admin", SEE_WHOLE_INSTITUTE, *permissions)


def permission(name):
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def role_with(name, *permissions):
    role = Group.objects.create(name=name)
    role.permissions.set(permission(one) for one in permissions)
    return role


def group_page(name, *args):
    return reverse(f"admin:auth_group_{name}", args=args)


def test_django_admin_needs_the_permission_to_see_everybody(client_of):
    user = user_with("accounts.enter_admin", "accounts.view_user")

    assert client_of(user).get(admin_page("user_changelist")).status_code == 403
    assert client_of(user).get(reverse("admin:index")).status_code == 403


def test_django_admin_needs_its_own_permission(client_of):
    user = user_with(SEE_WHOLE_INSTITUTE, "accounts.view_user")

    assert client_of(user).get(admin_page("user_changelist")).status_code == 403


def test_role_is_given_only_permissions_that_its_editor_has(client_of):
    editor = back_office_user("auth.add_group", "auth.change_group")
    own, other = permission("accounts.enter_admin"), permission("finance.add_payment")
    client = client_of(editor)

    answer = client.post(group_page("add"), {"name": "Cashier", "permissions": [own.pk, other.pk]})
    assert answer.status_code == 200
    assert f"{other.pk} is not one of the available choices" in answer.content.decode()
    assert not Group.objects.filter(name="Cashier").exists()

    client.post(group_page("add"), {"name": "Cashier", "permissions": [own.pk]})
    cashier = Group.objects.get(name="Cashier")
    client.post(
        group_page("change", cashier.pk), {"name": "Cashier", "permissions": [own.pk, other.pk]}
    )
    assert list(cashier.permissions.all()) == [own]


def test_role_with_more_permissions_is_neither_changed_nor_deleted(client_of):
    editor = back_office_user("auth.view_group", "auth.change_group", "auth.delete_group")
    desk = role_with("Front desk", "finance.add_payment")
    client = client_of(editor)

    assert client.get(group_page("change", desk.pk)).status_code == 200
    assert client.post(group_page("change", desk.pk), {"name": "X"}).status_code == 403
    assert client.post(group_page("delete", desk.pk), {"post": "yes"}).status_code == 403
    desk.refresh_from_db()
    assert [one.codename for one in desk.permissions.all()] == ["add_payment"]


def test_people_with_more_permissions_are_not_signed_out(client_of, admin):
    Caller(admin)
    device = Device.objects.get(user=admin)
    editor = back_office_user("accounts.view_device", "accounts.delete_device")

    page = reverse("admin:accounts_device_delete", args=[device.pk])

    assert client_of(editor).post(page, {"post": "yes"}).status_code == 403
    assert Device.objects.filter(pk=device.pk).exists()


def test_nobody_is_put_into_a_role_with_more_permissions(client_of, instructor):
    role_with("Front desk", "finance.add_payment")
    helper = role_with("Helper")
    instructor.membership.group = helper
    instructor.membership.save()
    editor = back_office_user("accounts.change_membership", "accounts.add_user")
    client = client_of(editor)
    desk = Group.objects.get(name="Front desk")

    client.post(
        reverse("accounts:person-role", args=[instructor.pk]),
        {"role": desk.pk, "password": PASSWORD},
    )
    client.post(
        reverse("accounts:person-create"),
        {"role": "Front desk", "full_name": "New", "email": "new@example.com"},
    )
    status, _ = Caller(editor)(
        "POST",
        "/auth/register",
        {"full_name": "New", "email": "n@example.com", "role": "instructor", "password": PASSWORD},
    )

    assert status == 403
    assert not User.objects.filter(membership__group=desk).exists()
    assert not User.objects.filter(email="n@example.com").exists()


def test_student_record_needs_the_permission_of_the_site_and_manageable_people(client_of, student):
    owner = StudentFactory(user__full_name="Olga Owner", user__is_superuser=True)
    record = back_office_user("accounts.view_studentprofile", "accounts.change_studentprofile")
    both = back_office_user("accounts.change_studentprofile", "accounts.change_user")

    def post(user, of):
        page = admin_page("studentprofile_change", of.pk)
        return client_of(user).post(page, {"admission_number": "X-1"}).status_code

    assert post(record, student) == 403
    assert post(both, owner) == 403
    assert post(both, student) == 302
    student.refresh_from_db()
    assert student.admission_number == "X-1"


def test_email_of_an_instructor_cannot_be_removed_in_django_admin(client_of, admin, instructor):
    answer = client_of(admin).post(
        admin_page("user_change", instructor.pk), {"full_name": "Imran", "email": ""}
    )

    assert answer.context["adminform"].form.errors == {"email": ["This field is required."]}
