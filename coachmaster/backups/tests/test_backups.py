import errno
import fcntl
import hashlib
import secrets
import shutil
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts.models import User
from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from coachmaster.backups import other_databases, postgresql, sqlite
from finance.models import Account, Payment
from finance.services.payments import ReceivedMoney, record_payment
from finance.tests.factories import enrolled, paid

from .second_database import everything_in, second_database

__all__ = ["second_database"]

pytestmark = [pytest.mark.size, pytest.mark.django_db(transaction=True)]


def error_of(command, *arguments, **options):
    with pytest.raises(CommandError) as error:
        call_command(command, *map(str, arguments), **options)
    return str(error.value)


@pytest.fixture
def institute():
    """A student with a payment."""
    return paid(student=enrolled(fee="12000.00").student, amount="5000.00")


@pytest.fixture
def without_verify(monkeypatch):
    """Skip `verify`, which takes seconds in a process of its own."""
    monkeypatch.setattr(other_databases, "run_command", lambda *arguments: (True, ""))
    monkeypatch.setattr(sqlite, "problems_in", lambda url: "")


@pytest.fixture
def backup(institute, tmp_path, without_verify):
    call_command("backup", str(tmp_path / "good.backup"))
    return tmp_path / "good.backup"


@pytest.mark.race
def test_backup_under_load_is_one_snapshot(tmp_path, second_database):
    owner = UserFactory(role=ADMIN)
    students = [enrolled(fee="90000.00").student for _ in range(3)]
    done, lock, is_over = [], threading.Lock(), threading.Event()

    def take_payments(student):
        try:
            while not is_over.is_set():
                try:
                    payment = record_payment(
                        student=student,
                        by=owner,
                        received=ReceivedMoney(
                            amount=10,
                            paid_on=timezone.localdate(),
                            mode="cash",
                            token=secrets.token_urlsafe(24),
                            confirm_duplicate=True,
                        ),
                    )
                except OperationalError:  # slow machine: nothing was saved
                    continue
                with lock:
                    done.append(payment.number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(students)) as pool:
        writers = [pool.submit(take_payments, student) for student in students]
        try:
            while len(done) < 10 and not any(writer.done() for writer in writers):
                is_over.wait(0.05)
            before = max(done)
            call_command("backup", str(tmp_path / "under-load.backup"))
            after = max(done)
        finally:
            is_over.set()
        for writer in writers:
            writer.result()
    assert after > before, "nobody was working"

    succeeded, output = other_databases.run_command(
        other_databases.database_url(second_database),
        "restore",
        str(tmp_path / "under-load.backup"),
    )

    assert succeeded, output
    assert "no problems found" in output
    now, then = everything_in(), everything_in(second_database)
    assert len(then["finance_payment"]) >= before - len(students)
    assert set(then["finance_payment"]) < set(now["finance_payment"])
    assert then["accounts_user"] == now["accounts_user"]
    assert then["django_migrations"] == now["django_migrations"]


@pytest.mark.race
def test_restored_database_equals_the_original(institute, tmp_path, second_database):
    call_command("backup", str(tmp_path / "quiet.backup"))

    succeeded, output = other_databases.run_command(
        other_databases.database_url(second_database), "restore", str(tmp_path / "quiet.backup")
    )

    assert succeeded, output
    assert everything_in(second_database) == everything_in()
    if connection.vendor == "postgresql":
        return
    with (
        sqlite3.connect(second_database["NAME"]) as restored,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        restored.execute("DELETE FROM finance_payment")


def test_backup_is_private_and_leaves_no_other_file(backup):
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in backup.parent.iterdir()] == ["good.backup"]


def test_backup_overwrites_only_a_backup(backup):
    call_command("backup", str(backup))
    letter = backup.with_name("letter.txt")
    letter.write_text("Dear parents")

    assert error_of("backup", letter).startswith(f"{letter} exists and is not a backup.")
    assert letter.read_text() == "Dear parents"


def test_only_newest_backups_of_a_name_are_kept(institute, tmp_path, without_verify):
    others = ["school-2026-01-01-120000.old", "other-2026-01-01-120000.backup"]
    for name in [*others, "school-2026-01-01-120000.backup", "school-2026-01-02-080000.backup"]:
        (tmp_path / name).touch()

    call_command("backup", str(tmp_path / "school-{date}-{time}.backup"), keep=2)

    kept = sorted(path.name for path in tmp_path.glob("school-*.backup"))
    assert len(kept) == 2
    assert kept[0] == "school-2026-01-02-080000.backup"
    assert kept[1].startswith(f"school-{timezone.localdate()}-")
    assert {path.name for path in tmp_path.iterdir()} == {*others, *kept}


def test_keep_requires_date_in_name_and_positive_number(tmp_path):
    assert error_of("backup", tmp_path / "a.backup", keep=3).startswith(
        "To keep several backups, put {date}"
    )
    assert (
        error_of("backup", tmp_path / "{date}.backup", keep=0)
        == "--keep requires a whole number from 1."
    )


def test_backup_with_problems_deletes_no_older_backup(institute, tmp_path):
    Account.objects.update(balance=1)
    older = tmp_path / "2026-01-01.backup"
    older.touch()

    error = error_of("backup", tmp_path / "{date}.backup", keep=1)

    assert "was saved, but it has problems" in error
    assert "the cached balance is ₹1.00, the rows say ₹7,000.00." in error
    assert older.exists()
    assert (tmp_path / f"{timezone.localdate()}.backup").exists()


def test_full_disk_leaves_the_former_backup(backup, monkeypatch):
    former = backup.read_bytes()

    def fill(database, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    engine = sqlite if connection.vendor == "sqlite" else postgresql
    monkeypatch.setattr(engine, "write_backup", fill)

    assert error_of("backup", backup).startswith(f"The disk of {backup} is full.")
    assert backup.read_bytes() == former
    assert list(backup.parent.iterdir()) == [backup]


def test_second_backup_to_the_same_name_is_refused(backup):
    with backup.with_name("good.backup.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert error_of("backup", backup).startswith(f"Another backup to {backup} is running.")


def test_file_left_behind_is_used_with_the_mode_of_a_backup(backup):
    left = backup.with_name("next.backup.part")
    left.write_text("half")
    left.chmod(0o666)

    call_command("backup", str(backup.with_name("next.backup")))

    assert backup.with_name("next.backup").stat().st_mode & 0o777 == 0o600


def test_link_in_the_place_of_the_unfinished_file_is_not_followed(backup):
    letter = backup.with_name("letter.txt")
    letter.write_text("Dear parents")
    backup.with_name("next.backup.part").symlink_to(letter)

    error = error_of("backup", backup.with_name("next.backup"))

    assert error.endswith(": Too many levels of symbolic links. No backup was made.")
    assert letter.read_text() == "Dear parents"


def test_database_with_people_requires_force(backup, institute):
    error = error_of("restore", backup)

    assert (
        error.startswith("There are 2 people in this database")
        or "people in this database" in error
    )
    assert "--force" in error
    assert Payment.objects.get() == institute


def test_restore_replaces_later_changes(backup, institute):
    then = everything_in()
    UserFactory(full_name="Too late")

    call_command("restore", str(backup), force=True)

    assert everything_in() == then
    assert not User.objects.filter(full_name="Too late").exists()


def test_other_files_are_refused(tmp_path, institute):
    (tmp_path / "letter.txt").write_text("Dear parents")
    (tmp_path / "empty").touch()
    other = postgresql.MAGIC if connection.vendor == "sqlite" else sqlite.MAGIC
    (tmp_path / "other").write_bytes(other + b"\1" * 100)

    assert error_of("restore", tmp_path / "letter.txt", force=True).endswith(
        "letter.txt is not a backup."
    )
    assert error_of("restore", tmp_path / "empty", force=True).endswith("empty is not a backup.")
    assert error_of("restore", tmp_path / "missing", force=True).endswith(
        "missing does not exist. Check the name."
    )
    assert error_of("restore", tmp_path, force=True).endswith("is a folder. Name a file in it.")
    assert "export from one and import into the other" in error_of(
        "restore", tmp_path / "other", force=True
    )
    assert Payment.objects.get() == institute


def damaged(place):
    """Flip one bit at a fraction of the file."""

    def change(content):
        content[int(place * (len(content) - 1))] ^= 1

    return change


def cut_off(content):
    del content[len(content) // 2 :]


def without_last_line(content):
    del content[-65:]


def append_a_line(content):
    content += b"more\n"


DAMAGES = [damaged(place) for place in (0.001, 0.1, 0.5, 0.9, 0.99, 0.999)]


@pytest.mark.parametrize("change", [*DAMAGES, cut_off, without_last_line, append_a_line])
def test_damaged_backup_changes_nothing(backup, change):
    content = bytearray(backup.read_bytes())
    change(content)
    backup.write_bytes(content)
    before = everything_in()

    error = error_of("restore", backup, force=True)

    assert "checksum" in error
    assert error.endswith("Nothing was changed.")
    assert everything_in() == before


@pytest.mark.parametrize(
    "manifest",
    [
        "{}",
        "[1",
        "7",
        '{"migrations": 7, "tables": {}}',
        '{"migrations": ["finance"], "tables": {}}',
        "[" * 100_000,
    ],
)
def test_backup_with_a_broken_manifest_changes_nothing(backup, manifest):
    content = b"".join(backup.read_bytes().splitlines(keepends=True)[:-2])
    content += f"{manifest}\n".encode()
    backup.write_bytes(content + f"{hashlib.sha256(content).hexdigest()}\n".encode())
    before = everything_in()

    error = error_of("restore", backup, force=True)

    assert error.endswith("its manifest cannot be read. Nothing was changed.")
    assert everything_in() == before


def test_last_line_of_a_backup_is_the_checksum_of_all_before(backup, capsys):
    call_command("backup", str(backup))
    content = backup.read_bytes()

    assert content[-65:].decode() == f"{capsys.readouterr().out.split()[-1]}\n"

    assert content[-65:].decode() == f"{hashlib.sha256(content[:-65]).hexdigest()}\n"


def test_backup_with_other_columns_changes_nothing(institute, tmp_path, without_verify):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE imports_import ADD COLUMN extra integer")
    try:
        call_command("backup", str(tmp_path / "altered.backup"))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE imports_import DROP COLUMN extra")
    before = everything_in()

    error = error_of("restore", tmp_path / "altered.backup", force=True)

    assert error.startswith("The columns of imports_import in this backup are not those of this")
    assert everything_in() == before


def test_backup_with_problems_changes_nothing(backup, institute, monkeypatch):
    before = everything_in()
    monkeypatch.setattr(
        other_databases,
        "run_command",
        lambda url, *command: (command[0] != "verify", "BROKEN  The balance …"),
    )

    assert error_of("restore", backup, force=True).startswith(
        "The backup has problems:\nBROKEN  The balance …"
    )
    assert everything_in() == before


def test_backup_of_newer_version_changes_nothing(institute, tmp_path, without_verify):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('finance', '9999_new', '2026-01-01')"
        )
    try:
        call_command("backup", str(tmp_path / "newer.backup"))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_new'")
    before = everything_in()

    error = error_of("restore", tmp_path / "newer.backup", force=True)

    assert error.startswith(
        "This backup was made by a newer version of CoachMaster (it has finance.9999_new)."
    )
    assert everything_in() == before


def test_backup_of_older_version_is_migrated(institute, tmp_path, monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(
        other_databases, "run_command", lambda url, *command: (commands.append(command) or True, "")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations WHERE app = 'imports'")
        app, name = cursor.fetchone()
        cursor.execute("DELETE FROM django_migrations WHERE app = 'imports' AND name = %s", [name])
    try:
        call_command("backup", str(tmp_path / "older.backup"))
    finally:
        MigrationRecorder(connection).record_applied(app, name)
    del commands[:]

    call_command("restore", str(tmp_path / "older.backup"), force=True)

    assert "The backup is of an older version, and will be migrated." in capsys.readouterr().out
    assert [command[0] for command in commands] == ["migrate", "verify"]
    MigrationRecorder(connection).record_applied(app, name)


def test_foreign_database_is_not_a_backup(tmp_path, institute):
    path = tmp_path / "foreign"
    if connection.vendor == "sqlite":
        with sqlite3.connect(path) as foreign:
            foreign.execute("CREATE TABLE notes (text)")
        foreign.close()
    else:
        postgresql._run("pg_dump", "--format=custom", "--file", str(path))

    assert "does not end with its checksum" in error_of("restore", path, force=True)


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_locked_database_is_not_replaced(backup, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")

    try:
        error = error_of("restore", backup, force=True)
    finally:
        other.close()

    assert error.startswith("The database is in use all the time. Stop the service")
    assert list(backup.parent.iterdir()) == [backup]


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_missing_program_is_named(institute, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert error_of("backup", tmp_path / "a.backup").startswith(
        "pg_dump is not installed. Install the PostgreSQL"
    )


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_password_is_on_no_command_line(institute, tmp_path, monkeypatch):
    lines, popen = [], subprocess.Popen

    def record(command, *arguments, **options):
        lines.append(" ".join(command))
        return popen(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", record)
    call_command("backup", str(tmp_path / "a.backup"))
    call_command("restore", str(tmp_path / "a.backup"), force=True)

    assert {line.split()[0].rsplit("/", 1)[-1] for line in lines} >= {
        "pg_dump",
        "pg_restore",
        "psql",
    }
    assert not [line for line in lines if connection.settings_dict["PASSWORD"] in line]
