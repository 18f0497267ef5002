"""Backups: one moment of the database, opened before it counts; and restoring, which succeeds or changes nothing."""

import errno
import secrets
import shutil
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from django.utils import timezone

from accounts.models import User
from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from coachmaster.backups import backups, databases, postgresql, sqlite
from finance.models import Account, Payment
from finance.services.payments import ReceivedMoney, record_payment
from finance.tests.factories import enrolled, paid

from .elsewhere import elsewhere, everything_in

__all__ = ["elsewhere"]

pytestmark = [pytest.mark.size, pytest.mark.django_db(transaction=True)]

engine = backups._engine


def said(command, *arguments, **options):
    """What a command says before it refuses."""
    with pytest.raises(CommandError) as refusal:
        call_command(command, *map(str, arguments), **options)
    return str(refusal.value)


@pytest.fixture
def institute():
    """A student who has paid a part."""
    return paid(student=enrolled(fee="12000.00").student, amount="5000.00")


@pytest.fixture
def no_proof(monkeypatch):
    """Without the proof of the books, which runs in a process of its own and takes seconds."""
    monkeypatch.setattr(databases, "run", lambda *words: (True, ""))
    monkeypatch.setattr(sqlite, "broken_books", lambda url: "")


@pytest.fixture
def backup(institute, tmp_path, no_proof):
    """A backup of the institute."""
    call_command("backup", str(tmp_path / "good.backup"))
    return tmp_path / "good.backup"


# Backing up -----------------------------------------------------------------------------------------------------


@pytest.mark.race
def test_a_backup_under_load_restored_elsewhere_holds_one_moment(tmp_path, elsewhere):
    """Payments are taken all the time; what is restored holds the first so many of them, with books that are right."""
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
                except (
                    OperationalError
                ):  # the machine is slow: the desk is told that nothing was saved
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

    well, words = databases.run(
        databases.url_of(elsewhere), "restore", str(tmp_path / "under-load.backup")
    )

    assert well, words
    assert "the books are right" in words
    now, then = everything_in(), everything_in(elsewhere)
    assert len(then["finance_payment"]) >= before - len(students)
    assert set(then["finance_payment"]) < set(now["finance_payment"])
    assert then["accounts_user"] == now["accounts_user"]
    assert then["django_migrations"] == now["django_migrations"]


@pytest.mark.race
def test_a_quiet_database_comes_back_exactly(institute, tmp_path, elsewhere):
    call_command("backup", str(tmp_path / "quiet.backup"))

    well, words = databases.run(
        databases.url_of(elsewhere), "restore", str(tmp_path / "quiet.backup")
    )

    assert well, words
    assert everything_in(elsewhere) == everything_in()
    if connection.vendor == "postgresql":
        return
    with (
        sqlite3.connect(elsewhere["NAME"]) as restored,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        restored.execute("DELETE FROM finance_payment")


def test_a_backup_is_for_its_owners_eyes_and_leaves_nothing_beside_it(backup):
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in backup.parent.iterdir()] == ["good.backup"]


def test_a_backup_may_take_the_place_of_a_former_one_but_of_nothing_else(backup):
    call_command("backup", str(backup))
    letter = backup.with_name("letter.txt")
    letter.write_text("Dear parents")

    assert said("backup", letter).startswith(f"There is a {letter} that is not a backup. It stays")
    assert letter.read_text() == "Dear parents"


def test_the_newest_n_of_a_name_are_kept(institute, tmp_path, no_proof):
    others = ["school-2026-01-01-120000.old", "other-2026-01-01-120000.backup"]
    for name in [*others, "school-2026-01-01-120000.backup", "school-2026-01-02-080000.backup"]:
        (tmp_path / name).touch()

    call_command("backup", str(tmp_path / "school-{date}-{time}.backup"), keep=2)

    kept = sorted(path.name for path in tmp_path.glob("school-*.backup"))
    assert len(kept) == 2
    assert kept[0] == "school-2026-01-02-080000.backup"
    assert kept[1].startswith(f"school-{timezone.localdate()}-")
    assert {path.name for path in tmp_path.iterdir()} == {*others, *kept}


def test_keep_needs_a_date_in_the_name_and_a_number(tmp_path):
    assert said("backup", tmp_path / "a.backup", keep=3).startswith("To keep several, write {date}")
    assert (
        said("backup", tmp_path / "{date}.backup", keep=0)
        == "--keep takes a whole number from 1 on."
    )


def test_when_the_books_are_broken_the_backup_stays_and_so_do_the_older_ones(institute, tmp_path):
    Account.objects.update(balance=1)
    older = tmp_path / "2026-01-01.backup"
    older.touch()

    words = said("backup", tmp_path / "{date}.backup", keep=1)

    assert "is a backup, but the books in it do not fit together" in words
    assert "the balance kept is ₹1.00, the rows say ₹7,000.00." in words
    assert older.exists()
    assert (tmp_path / f"{timezone.localdate()}.backup").exists()


def test_a_full_disk_leaves_no_new_backup_and_the_former_one(backup, monkeypatch):
    former = backup.read_bytes()

    def fill(database, part):
        part.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(engine(), "take", fill)

    assert said("backup", backup).startswith(f"The disk of {backup} is full.")
    assert backup.read_bytes() == former
    assert list(backup.parent.iterdir()) == [backup]


def test_two_backups_to_one_name_at_once_do_not_mix(backup):
    with backups._part_of(backup):
        assert said("backup", backup).startswith(f"Another backup to {backup} is running.")


# Restoring ------------------------------------------------------------------------------------------------------


def test_a_database_with_people_is_not_overwritten_unless_told(backup, institute):
    words = said("restore", backup)

    assert (
        words.startswith("There are 2 people in this database")
        or "people in this database" in words
    )
    assert "--force" in words
    assert Payment.objects.get() == institute


def test_a_restore_goes_back_to_the_moment_of_the_backup(backup, institute):
    then = everything_in()
    UserFactory(full_name="Too late")

    call_command("restore", str(backup), force=True)

    assert everything_in() == then
    assert not User.objects.filter(full_name="Too late").exists()


def test_what_is_not_a_backup_is_refused(tmp_path, institute):
    (tmp_path / "letter.txt").write_text("Dear parents")
    (tmp_path / "empty").touch()
    other = postgresql.MAGIC if connection.vendor == "sqlite" else sqlite.MAGIC
    (tmp_path / "other").write_bytes(other + b"\1" * 100)

    assert said("restore", tmp_path / "letter.txt", force=True).endswith(
        "letter.txt is not a backup."
    )
    assert said("restore", tmp_path / "empty", force=True).endswith("empty is not a backup.")
    assert said("restore", tmp_path / "missing", force=True).endswith(
        "missing does not exist. Check the name."
    )
    assert said("restore", tmp_path, force=True).endswith("is a folder. Name a file in it.")
    assert "export on the one side and import on the other" in said(
        "restore", tmp_path / "other", force=True
    )
    assert Payment.objects.get() == institute


def test_a_damaged_backup_changes_nothing(backup, institute):
    content = bytearray(backup.read_bytes())
    # All but its head: half of the file of a new database may be pages that nothing uses yet.
    content[5000:] = b"\xff" * (len(content) - 5000)
    backup.write_bytes(content)
    before = everything_in()

    words = said("restore", backup, force=True)

    assert "damaged" in words or "malformed" in words or "cannot be read" in words
    assert everything_in() == before


def test_a_backup_whose_books_are_broken_changes_nothing(backup, institute, monkeypatch):
    before = everything_in()
    monkeypatch.setattr(
        databases, "run", lambda url, *command: (command[0] != "verify", "BROKEN  The balance …")
    )

    assert said("restore", backup, force=True).startswith(
        "Its books do not fit together:\nBROKEN  The balance …"
    )
    assert everything_in() == before


def test_a_backup_of_a_newer_version_changes_nothing(institute, tmp_path, no_proof):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('finance', '9999_new', '2026-01-01')"
        )
    try:
        call_command("backup", str(tmp_path / "newer.backup"))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_new'")
    before = everything_in()

    words = said("restore", tmp_path / "newer.backup", force=True)

    assert words.startswith("This is of a newer version of CoachMaster (it has finance.9999_new).")
    assert everything_in() == before


def test_a_backup_of_an_older_version_is_migrated_before_it_counts(institute, monkeypatch):
    commands = []
    monkeypatch.setattr(
        databases, "run", lambda url, *command: (commands.append(command) or True, "")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = cursor.fetchall()

    databases.bring_up_to_date("", applied)
    assert [command[0] for command in commands] == ["verify"]
    databases.bring_up_to_date("", applied[:-1])
    assert [command[0] for command in commands[1:]] == ["migrate", "verify"]


def test_a_database_that_is_not_ours_is_no_backup(tmp_path, institute):
    path = tmp_path / "foreign"
    if connection.vendor == "sqlite":
        with sqlite3.connect(path) as foreign:
            foreign.execute("CREATE TABLE notes (text)")
        foreign.close()
    else:
        postgresql._run(
            "pg_dump",
            "--format=custom",
            "--schema=nothing_*",
            "--file",
            str(path),
            "--schema=pg_toast*",
        )

    assert said("restore", path, force=True).endswith(
        "is not a backup of CoachMaster: it has none of its tables."
    )


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_database_that_somebody_holds_is_left_alone(backup, monkeypatch):
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")

    try:
        words = said("restore", backup, force=True)
    finally:
        other.close()

    assert (
        words
        == "The database is in use all the time. Stop the service and try again. Nothing was changed."
    )
    assert list(backup.parent.iterdir()) == [backup]


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_missing_programs_are_named(institute, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert said("backup", tmp_path / "a.backup").startswith(
        "pg_dump is not on this machine. Install PostgreSQL's"
    )


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_the_password_stands_on_no_command_line(institute, tmp_path, monkeypatch):
    lines, run = [], subprocess.Popen

    def watched(command, *arguments, **options):
        lines.append(" ".join(command))
        return run(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", watched)
    call_command("backup", str(tmp_path / "a.backup"))
    call_command("restore", str(tmp_path / "a.backup"), force=True)

    assert {line.split()[0].rsplit("/", 1)[-1] for line in lines} >= {
        "pg_dump",
        "pg_restore",
        "psql",
    }
    assert not [line for line in lines if connection.settings_dict["PASSWORD"] in line]
