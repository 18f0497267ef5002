import hashlib
import json
import shutil

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection, models
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from academics.models import Institute
from academics.services.logos import change_logo
from accounts.models import StudentProfile, User
from accounts.roles import ADMIN
from accounts.services import second_factors
from accounts.tests.factories import UserFactory
from accounts.tests.second_factors import app_of, code_of, passkey_of
from coachmaster.backups import other_databases, transfer
from coachmaster.backups.tables import all_tables
from coachmaster.core.images import Picture
from coachmaster.imports.models import Import
from finance import checks
from finance.models import BulkAction, LateFeeRule
from finance.services.bulk_actions import undo_bulk_action
from finance.services.cancellations import cancel_receipt
from finance.tests.append_only import drop_triggers
from finance.tests.factories import enrolled, paid, post_late_fees

from .second_database import everything_in

pytestmark = [pytest.mark.size, pytest.mark.django_db(transaction=True)]

#: Text that a CSV file may change on the way.
TEXTS = [
    "=1+1",
    "'=1+1",
    "'",
    "\\N",
    "\\",
    "''\\N",
    "a\r\nb\rc\nd",
    '"quoted", with, commas',
    " spaces ",
    "@x",
    "-5",
    "＝cmd",
    "अनिता 🙂 O’Brien",
    "क्\u200dष",
    "a\tb",
    "\u202e",
    "0",
    "true",
]


@pytest.fixture
def institute(admin):
    """Payments, a cancelled receipt, a logo, hostile text, a group and permissions of its own."""
    Institute.objects.update(name="Sunrise Academy", upi_id="sunrise@upi")
    change_logo(Picture(b"\x89PNG\0\xff", 30, 10))
    app_of(admin)
    passkey_of(admin, transports=["internal"])
    student = enrolled(fee="12000.50", by=admin).student
    LateFeeRule.objects.create(name="Late fee", grace_days=0, kind="fixed", amount=50)
    assert post_late_fees(by=admin)
    undo_bulk_action(action=BulkAction.objects.get(), reason="Wrong rule", by=admin)
    payment = paid(student=student, amount="5000.25", by=admin)
    paid(student=student, amount="100", by=admin)
    cancel_receipt(payment=payment, reason="Wrong student", by=admin)
    people = User.objects.bulk_create(User(full_name="Somebody") for _ in TEXTS)
    with connection.cursor() as cursor:
        for person, text in zip(people, TEXTS, strict=True):
            cursor.execute(
                "UPDATE accounts_user SET search_text = %s WHERE id = %s", [text, person.pk]
            )
    desk = Group.objects.create(name="Front desk")
    desk.permissions.add(Permission.objects.get(codename="add_payment"))
    UserFactory(role="Front desk", password="a password of theirs")
    Import.objects.create(kind="students", file_name="waits.xlsx", content=b"PK\0\xff", by=admin)
    admin.user_permissions.add(Permission.objects.get(codename="change_course"))
    return admin


@pytest.fixture
def exported(institute, tmp_path):
    call_command("export", str(tmp_path / "out"))
    return tmp_path / "out"


def empty_the_database():
    """Leave the database as `migrate` does."""
    drop_triggers()
    call_command("flush", interactive=False, verbosity=0)


def error_of(command, *arguments):
    with pytest.raises(CommandError) as error:
        call_command(command, *map(str, arguments))
    return str(error.value)


def exported_rows():
    """Rows of all tables without ids of permissions and content types, which are made anew."""
    found = everything_in()
    with_other_ids = (
        "auth_group_permissions",
        "accounts_user_user_permissions",
        "django_admin_log",
        "finance_bulkactionrow",
    )
    return {
        table.name: found[table.name] for table in all_tables() if table.name not in with_other_ids
    }


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_import_equals_export(exported, institute, tmp_path):
    then = exported_rows()
    permissions = {
        user.email: user.get_all_permissions() for user in User.objects.exclude(email="")
    }
    empty_the_database()

    call_command("import", str(exported))

    assert exported_rows() == then
    assert set(User.objects.values_list("search_text", flat=True)) >= set(TEXTS)
    assert {
        user.email: user.get_all_permissions() for user in User.objects.exclude(email="")
    } == permissions
    assert User.objects.get(membership__group__name="Front desk").check_password(
        "a password of theirs"
    )
    assert not list(checks.find_problems())
    call_command("export", str(tmp_path / "again"))
    assert manifest_of(tmp_path / "again")["tables"] == manifest_of(exported)["tables"]


def test_payments_can_be_recorded_after_an_import(exported):
    empty_the_database()
    call_command("import", str(exported))

    payment = paid(
        student=StudentProfile.objects.get(),
        amount="50",
        by=User.objects.get(email="anita@example.com"),
    )
    UserFactory(role=ADMIN)

    assert payment.number == 3
    assert not list(checks.find_problems())
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM finance_payment")


def test_second_factors_work_after_an_import(exported, admin):
    empty_the_database()

    call_command("import", str(exported))

    app = TOTPDevice.objects.get(user__email=admin.email)
    second_factors.check_code(app.user, code_of(app))
    assert second_factors.recovery_codes_left(app.user) == 10
    assert bytes(WebAuthnCredential.objects.get().public_key) == b"key"


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_institute_moves_to_sqlite_and_back(exported, tmp_path):
    there = f"sqlite:///{tmp_path}/there.sqlite3"
    for command in (["migrate"], ["import", str(exported)], ["export", str(tmp_path / "there")]):
        succeeded, output = other_databases.run_command(there, *command)
        assert succeeded, output
    then = exported_rows()
    empty_the_database()

    call_command("import", str(tmp_path / "there"))

    assert exported_rows() == then
    assert manifest_of(tmp_path / "there")["tables"] == manifest_of(exported)["tables"]
    assert manifest_of(tmp_path / "there")["database"] == "sqlite"


def test_export_has_a_file_for_each_table_and_a_manifest(exported):
    manifest = manifest_of(exported)

    assert {path.name for path in exported.iterdir()} == {
        "manifest.json",
        *(table["file"] for table in manifest["tables"].values()),
    }
    for table in manifest["tables"].values():
        assert (
            hashlib.sha256((exported / table["file"]).read_bytes()).hexdigest() == table["sha256"]
        )
    assert manifest["tables"]["finance_payment"]["rows"] == 2
    assert manifest["ledger"] == {
        "charged": "12000.50",
        "conceded": "0.00",
        "paid": "100.00",
        "refunded": "0.00",
        "balance": "11900.50",
    }
    assert not (exported / "django_session.csv").exists()
    there = set(connection.introspection.table_names())
    assert there == {*manifest["tables"], *manifest["left_out"], "django_migrations"}, (
        "each table is exported or excluded"
    )
    assert exported.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in exported.iterdir()} == {0o600}
    lines = (exported / "accounts_user.csv").read_text()
    assert ",'=1+1\n" in lines
    assert ",''=1+1\n" in lines
    assert ",=1+1\n" not in lines
    assert error_of("export", exported) == f"{exported} exists already. Choose a new folder."


def test_every_field_type_can_be_exported():
    plain = (
        models.CharField,
        models.TextField,
        models.IntegerField,
        models.BooleanField,
        models.DateField,
        models.TimeField,
        models.DecimalField,
        models.JSONField,
        models.ForeignKey,
        models.BinaryField,
    )
    others = {
        type(field).__name__
        for table in all_tables()
        for field in table.fields
        if not isinstance(field, plain)
    }

    assert others <= {"MoneyField"}


def test_failed_export_leaves_no_files(institute, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_ledger_totals", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        call_command("export", str(tmp_path / "out"))

    assert list(tmp_path.iterdir()) == []


REFUSALS = {
    "without a manifest": (
        lambda folder: (folder / "manifest.json").unlink(),
        "is not an export, or not a complete one",
    ),
    "with another manifest": (
        lambda folder: (folder / "manifest.json").write_text("[]"),
        "is not the manifest of an export",
    ),
    "with a list of tables": (
        lambda folder: change_manifest(folder, lambda it: it.update(tables=[])),
        "is not the manifest of an export",
    ),
    "with many rows": (
        lambda folder: change_manifest(
            folder, lambda it: it["tables"]["finance_payment"].update(rows="many")
        ),
        "is not the manifest of an export",
    ),
    "without a digest": (
        lambda folder: change_manifest(
            folder, lambda it: it["tables"]["finance_payment"].pop("sha256")
        ),
        "is not the manifest of an export",
    ),
    "without totals": (
        lambda folder: change_manifest(folder, lambda it: it.pop("ledger")),
        "is not the manifest of an export",
    ),
    "without a version": (
        lambda folder: change_manifest(folder, lambda it: it.pop("version")),
        "is not the manifest of an export",
    ),
    "with a deep manifest": (
        lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
        "is not the manifest of an export",
    ),
    "with a changed file": (
        lambda folder: (folder / "finance_payment.csv").write_bytes(
            (folder / "finance_payment.csv").read_bytes() + b"1"
        ),
        "finance_payment.csv was changed after the export, or is damaged",
    ),
    "with a missing file": (
        lambda folder: (folder / "finance_payment.csv").unlink(),
        "finance_payment.csv does not exist",
    ),
    "of another version": (
        lambda folder: change_manifest(
            folder, lambda it: it["migrations"].append("finance.9999_new")
        ),
        "is from another version of CoachMaster (finance.9999_new)",
    ),
    "of another form": (
        lambda folder: change_manifest(folder, lambda it: it.update(version=2)),
        "has format 2",
    ),
    "with other tables": (
        lambda folder: change_manifest(folder, lambda it: it["tables"].pop("finance_payment")),
        "has other tables than this database: finance_payment",
    ),
    "with an unknown permission": (
        lambda folder: change_file(
            folder, "auth_group_permissions", ",finance.add_payment", ",finance.print_money"
        ),
        "auth_group_permissions.csv cannot be read: 'finance.print_money'",
    ),
    "with a wrong balance": (
        lambda folder: change_file(folder, "finance_account", "11900.50", "11900.49"),
        "the cached balance is ₹11,900.49, the rows say ₹11,900.50.",
    ),
    "with a stray reference": (
        lambda folder: change_file(
            folder, "accounts_membership", "group_id\r\n", "group_id\r\n999999,1\r\n"
        ),
        "Database error",
    ),
}


def change_manifest(folder, change):
    manifest = manifest_of(folder)
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change_file(folder, table, old, new):
    """Change a table so that its hash is right again."""
    path = folder / f"{table}.csv"
    content = path.read_bytes()
    assert old.encode() in content
    content = content.replace(old.encode(), new.encode(), 1)
    path.write_bytes(content)
    change_manifest(
        folder, lambda it: it["tables"][table].update(sha256=hashlib.sha256(content).hexdigest())
    )


def test_invalid_export_or_full_database_changes_nothing(exported, tmp_path):
    full = everything_in()
    assert error_of("import", exported).startswith(
        "This database is not empty: there are rows in otp_totp_totpdevice"
    )
    assert everything_in() == full
    empty_the_database()
    before = everything_in()

    for what, (spoil, sentence) in REFUSALS.items():
        folder = tmp_path / what
        shutil.copytree(exported, folder)
        spoil(folder)

        assert sentence in error_of("import", folder), what
        assert everything_in() == before, what


def test_database_without_tables_must_be_migrated_first(exported, tmp_path):
    succeeded, output = other_databases.run_command(
        f"sqlite:///{tmp_path}/new.sqlite3", "import", str(exported)
    )

    assert not succeeded
    assert "Run manage.py migrate first." in output
