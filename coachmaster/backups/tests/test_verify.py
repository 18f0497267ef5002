"""What `verify` finds besides wrong figures and broken seals."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection

from academics.models import Institute
from academics.tests.factories import CourseFactory
from accounts.models import User
from accounts.roles import INSTRUCTOR
from accounts.services.people import update_person
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


@pytest.fixture
def problems(capsys):
    """`problems()`: what `verify` found, without the titles of the checks."""

    def run(**options):
        capsys.readouterr()
        try:
            call_command("verify", **options)
        except CommandError:
            lines = capsys.readouterr().out.splitlines()
            return [line.strip() for line in lines if line.startswith("      ")]
        return []

    return run


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_records_changed_by_the_site_are_no_problem(problems, admin):
    student = enrolled(fee="12000.00").student
    paid(student=student, amount="5000.00")
    update_person(admin, by=admin, full_name="Anita Sharma")
    admin.set_password("seven green parrots")
    admin.save()

    assert problems() == []


def test_records_changed_without_history_are_named(problems, admin):
    institute = Institute.objects.current()
    institute.name = "Sunrise Academy"
    institute.save()
    Institute.objects.update(upi_id="somebody@upi")
    User.objects.filter(pk=admin.pk).update(email="somebody@example.com", is_superuser=True)

    assert sorted(problems()) == [
        f"academics_institute {institute.pk} is not as its history says: upi_id.",
        f"accounts_user {admin.pk} is not as its history says: is_superuser, email.",
    ]


def test_records_added_without_history_are_named(problems, admin):
    columns = "password, is_superuser, phone, is_active, created_at, search_text"
    execute(
        f"INSERT INTO accounts_user (full_name, email, {columns}) SELECT 'Somebody', "
        f"'somebody@example.com', {columns} FROM accounts_user WHERE id = {admin.pk}"
    )
    person = User.objects.get(email="somebody@example.com")
    execute(
        "INSERT INTO accounts_membership (user_id, group_id) SELECT "
        f"{person.pk}, group_id FROM accounts_membership WHERE user_id = {admin.pk}"
    )

    assert problems() == [
        f"accounts_user {person.pk} has no history.",
        f"accounts_membership {person.pk} has no history.",
    ]


def test_records_deleted_without_history_are_named(problems):
    course = CourseFactory()
    CourseFactory().delete()
    execute(f"DELETE FROM academics_course WHERE id = {course.pk}")

    assert problems() == [f"academics_course {course.pk} was deleted without history."]


def test_deleted_records_that_are_there_again_are_named(problems):
    course = CourseFactory()
    pk = course.pk
    execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM academics_course WHERE id = {pk}")
    course.delete()
    execute("INSERT INTO academics_course SELECT * FROM kept", "DROP TABLE kept")

    assert problems() == [f"academics_course {pk} was deleted, and is there again without history."]


def test_permission_added_to_a_role_is_named(problems):
    role = Group.objects.get(name=INSTRUCTOR)
    role.permissions.add(Permission.objects.get(codename="add_payment"))
    role.permissions.remove(Permission.objects.get(codename="teach_batch"))

    assert problems() == [
        "The role Instructor differs in academics.teach_batch, finance.add_payment."
    ]


def test_missing_triggers_are_named(problems):
    if connection.vendor == "postgresql":
        execute(
            "DROP TRIGGER finance_payment_append_only ON finance_payment",
            "ALTER TABLE finance_refund DISABLE TRIGGER finance_refund_append_only",
        )
        names = ["finance_payment_append_only", "finance_refund_append_only"]
    else:
        execute("DROP TRIGGER finance_payment_no_update", "DROP TRIGGER finance_refund_no_delete")
        names = ["finance_payment_no_update", "finance_refund_no_delete"]

    assert problems() == [
        f"The trigger {name} is missing. `manage.py migrate` creates it again." for name in names
    ]


@pytest.mark.parametrize("figures_only", [False, True])  # the latter is what `restore` runs
def test_triggers_and_views_of_others_are_named(problems, figures_only):
    if connection.vendor == "postgresql":
        execute(
            "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER evil AFTER INSERT ON finance_payment "
            "FOR EACH ROW EXECUTE FUNCTION evil()",
        )
    else:
        execute("CREATE TRIGGER evil AFTER INSERT ON finance_payment BEGIN SELECT 1; END")
    execute("CREATE VIEW evil_view AS SELECT 1 AS one")

    assert problems(figures_only=figures_only) == [
        f"The {what} is not part of CoachMaster: find out who made it, and drop it."
        for what in ("trigger evil", "view evil_view")
    ]
