"""Django admin for people: who gets in, what may be corrected there, and what may not."""

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.core import mail
from django.urls import reverse

from accounts.models import Attempts, User
from accounts.throttling import ADDRESS, count_tries

from .factories import StudentFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(db):
    """The Admin who is also superuser."""
    return UserFactory(
        full_name="Olga Owner", email="owner@example.com", role="Admin", is_superuser=True
    )


def admin_page(name, *args):
    return reverse(f"admin:accounts_{name}", args=args)


def test_django_admin_is_for_admins(client_of, admin, instructor, student):
    index = reverse("admin:index")

    assert client_of(admin).get(index).status_code == 200
    assert client_of(instructor).get(index).status_code == 403
    assert client_of(student).get(index).status_code == 403


def test_who_is_signed_in_is_led_past_its_login_page(client_of, admin, instructor):
    assert client_of(admin).get(reverse("admin:login")).url == reverse("admin:index")
    assert client_of(instructor).get(reverse("admin:login")).status_code == 403


def test_its_password_page_is_ours(client_of, admin):
    assert client_of(admin).get(reverse("admin:password_change")).url == reverse(
        "accounts:password-change"
    )


def test_nothing_is_deleted_in_bulk_anywhere():
    assert "delete_selected" not in dict(django_admin.site.actions)


@pytest.mark.parametrize(
    "table", ["user", "studentprofile", "membership", "admissionseries", "attempts"]
)
def test_every_table_is_listed_with_the_same_queries_however_long(
    client_of, owner, table, queries_of
):
    StudentFactory()
    count_tries((ADDRESS, "10.0.0.9"))
    client = client_of(owner)
    page = admin_page(f"{table}_changelist")
    assert client.get(page).status_code == 200
    few = queries_of(lambda: client.get(page))
    StudentFactory.create_batch(5)

    assert queries_of(lambda: client.get(page)) == few


def test_every_table_is_there():
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


@pytest.mark.parametrize("table", ["user", "studentprofile", "membership"])
def test_people_are_found_by_part_of_a_name(client_of, admin, student, table):
    StudentFactory(user__full_name="Ravi Nair")

    response = client_of(admin).get(admin_page(f"{table}_changelist"), {"q": "VERM"})

    assert response.context["cl"].result_count == 1


def test_an_admin_corrects_a_person_and_the_old_address_is_told(
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


def test_only_the_owner_sees_and_gives_the_owners_right(client_of, admin, owner, instructor):
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


def test_an_admin_cannot_change_the_owner(client_of, admin, owner):
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
def test_not_even_the_owner_deletes_people(client_of, owner, student, table):
    assert (
        client_of(owner)
        .post(admin_page(f"{table}_delete", student.pk), {"post": "yes"})
        .status_code
        == 403
    )
    assert User.objects.filter(pk=student.pk).exists()


def test_a_corrected_admission_number_is_found_at_once(client_of, admin, student):
    client_of(admin).post(
        admin_page("studentprofile_change", student.pk), {"admission_number": "CM-7"}
    )

    assert User.objects.search("cm-7").get() == student.user


def test_a_records_history_can_be_read_but_not_put_back(client_of, admin, student):
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


def test_counted_tries_can_be_looked_at_only(client_of, owner):
    count_tries((ADDRESS, "10.0.0.9"))
    row = Attempts.objects.get()

    assert (
        client_of(owner).post(admin_page("attempts_change", row.pk), {"count": "0"}).status_code
        == 403
    )
    assert Attempts.objects.get().count == 1


def test_the_three_roles_are_only_to_be_read(client_of, owner):
    from django.contrib.auth.models import Group

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


def test_many_permissions_of_a_role_are_shown_with_as_many_queries_as_few(
    client_of, owner, queries_of
):
    from django.contrib.auth.models import Group

    pages = [
        reverse("admin:auth_group_change", args=[Group.objects.get(name=name).pk])
        for name in ("Student", "Admin")
    ]
    client = client_of(owner)

    assert "Can see everybody" in client.get(pages[1]).content.decode()
    assert queries_of(lambda: client.get(pages[0])) == queries_of(lambda: client.get(pages[1]))
