import fcntl
import hashlib
import hmac
import json
import secrets
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from academics.models import Course, Logo
from academics.tests.factories import CourseFactory
from accounts.models import StudentProfile, User
from accounts.roles import ADMIN, INSTRUCTOR
from accounts.services.people import change_role, update_person
from accounts.tests.factories import UserFactory
from coachmaster.backups import other_databases
from coachmaster.backups.sealed_tables import digest_of, sealed_table
from coachmaster.core.images import Picture
from finance.models import Charge, ChargeKind, Payment
from finance.services.bulk_actions import record_bulk_action
from finance.services.cancellations import cancel_receipt
from finance.services.charges import cancel_charge, post_charges
from finance.services.concessions import cancel_concession, request_concession
from finance.services.day_closes import close_day
from finance.services.receipt_prints import record_print
from finance.services.refunds import refund_payment
from finance.tests.append_only import drop_triggers
from finance.tests.factories import enrolled, paid

from .second_database import second_database
from .test_transfer import empty_the_database

__all__ = ["second_database"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def seal_file(settings, tmp_path, monkeypatch):
    for name in ("SEAL_FILE", "SEAL_KEY_FILE"):
        path = tmp_path / name.lower()
        setattr(settings, name, str(path))
        monkeypatch.setenv(name, str(path))  # for `manage.py` in a process of its own
    return Path(settings.SEAL_FILE)


@pytest.fixture
def student():
    return enrolled(fee="12000.00").student


@pytest.fixture
def books(student, admin):
    """One row at least in the main sealed tables."""
    Logo.objects.store(Picture(b"\x89PNG\0\xff", 30, 10))
    payment = paid(student=student, amount="5000.00", by=admin)
    record_print(payment, by=admin)
    cancel_receipt(payment=paid(student=student, amount="7.00", by=admin), reason="No", by=admin)
    refund_payment(
        payment=payment,
        amount=Decimal("10.00"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Too much",
        token=secrets.token_urlsafe(24),
        by=admin,
    )
    books = material(student, admin)
    record_bulk_action(
        kind="charge", description="Books", rows=[books], amount=books.amount, by=admin
    )
    concession(student, admin)
    close_day(
        person=admin, on=timezone.localdate(), counted_cash=Decimal("4990.00"), note="Counted twice"
    )
    return payment


def material(student, by):
    post_charges(
        students=[student],
        kind=ChargeKind.MATERIAL,
        label="Books",
        amount=Decimal("100.00"),
        due_on=timezone.localdate(),
        token=secrets.token_urlsafe(24),
        by=by,
    )
    return Charge.objects.get(kind=ChargeKind.MATERIAL)


def concession(student, by):
    token = secrets.token_urlsafe(24)
    request_concession(
        student=student,
        charges=list(Charge.objects.filter(student=student, kind=ChargeKind.TUITION)),
        kind="merit",
        reason="First",
        by=by,
        amount=Decimal("50.00"),
        token=token,
    )
    return token


@pytest.fixture
def sealed(books):
    call_command("seal", new=True)
    return books


def error_of(command, **options):
    with pytest.raises(CommandError) as error:
        call_command(command, **options)
    return str(error.value)


@pytest.fixture
def verify(capsys):
    """`verify()`: the output, and whether there were problems."""

    def run(**options):
        capsys.readouterr()
        try:
            call_command("verify", **options)
        except CommandError as error:
            return f"{capsys.readouterr().out}{error}", True
        return capsys.readouterr().out, False

    return run


def problems_of(verify, **options):
    output, has_problems = verify(**options)
    assert has_problems
    return output


def tamper(*statements):
    """Change rows as somebody with access to the database could."""
    if connection.in_atomic_block:
        connection.check_constraints()
    drop_triggers()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount == 1, statement


def lines_of(seal_file):
    return seal_file.read_text().splitlines(keepends=True)


# Rows ---------------------------------------------------------------------------------------------


def test_seal_counts_new_rows_and_verify_finds_no_problem(books, verify, capsys):
    call_command("seal", new=True)
    first = capsys.readouterr().out
    call_command("seal")
    second = capsys.readouterr().out

    assert "new rows sealed." in first
    assert second.startswith("0 new rows sealed.")
    signature = second.split()[-1]
    output, has_problems = verify(last_seal=signature)
    assert not has_problems
    assert "ok      Histories and money rows are as they were sealed." in output
    assert f"2 seals, the last of {timezone.localtime():%d %b %Y}" in output
    assert signature in output
    assert "0 newer rows are not sealed yet." in output


def test_verify_counts_rows_that_are_not_sealed_yet(sealed, verify, admin):
    paid(student=sealed.student, amount="1.00", by=admin)
    CourseFactory()

    output, has_problems = verify()

    assert not has_problems
    assert "2 newer rows are not sealed yet." in output


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE finance_payment SET received_by_id = {other} WHERE id = {payment}",
        "UPDATE finance_payment SET student_id = {other} WHERE id = {payment}",
        "UPDATE finance_payment SET settled = '[]' WHERE id = {payment}",
    ],
)
def test_verify_names_a_changed_payment(sealed, verify, statement):
    other = enrolled(batch=sealed.enrollment.batch).student.pk

    tamper(statement.format(payment=sealed.pk, other=other))

    today = f"{timezone.localtime():%d %b %Y}"
    assert f"finance_payment {sealed.pk} was changed after {today}" in problems_of(verify)


@pytest.mark.parametrize(
    "table, column, value",
    [
        ("finance_reversal", "reason", "'Another'"),
        ("finance_refund", "refunded_by_id", "NULL"),
        ("finance_charge", "amount", "amount - 1"),
        ("finance_concession", "asked_by_id", "NULL"),
        ("finance_dayclose", "note", "'Nothing'"),
        ("finance_dayclose", "banked_cash", "banked_cash + 1"),
        ("finance_bulkaction", "row_count", "row_count + 1"),
        ("finance_bulkactionrow", "object_id", "object_id + 100"),
        ("finance_letterhead", "gstin", "'33'"),
        ("academics_logo", "width", "31"),
        ("finance_receiptprint", "printed_by_id", "NULL"),
        ("academics_historicalcourse", "total_fee", "1"),
        ("academics_historicalenrollment", "agreed_fee", "1"),
        ("accounts_historicaluser", "history_date", "'2020-01-01 00:00:00+00:00'"),
        ("accounts_historicalmembership", "group_id", "-1"),
    ],
)
def test_verify_names_changed_rows_of_each_kind(sealed, verify, table, column, value):
    key = "history_id" if "historical" in table else "id"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN({key}) FROM {table}")
        pk = cursor.fetchone()[0]

    tamper(f"UPDATE {table} SET {column} = {value} WHERE {key} = {pk}")

    assert f"{table} {pk} was changed after" in problems_of(verify)


def test_verify_names_deleted_and_inserted_history(sealed, verify):
    first, last = Course.history.earliest("pk").pk, UserFactory().history.get().pk
    call_command("seal")

    tamper(
        f"UPDATE academics_historicalcourse SET history_id = -1 WHERE history_id = {first}",
        f"DELETE FROM accounts_historicaluser WHERE history_id = {last}",
    )

    problems = problems_of(verify)
    assert f"academics_historicalcourse {first} was deleted after" in problems
    assert "academics_historicalcourse -1 was added below the last sealed id after" in problems
    assert f"accounts_historicaluser {last} was deleted after" in problems


def test_next_seal_does_not_hide_a_deleted_row(sealed, verify):
    pk = sealed.prints.get().pk
    tamper(f"DELETE FROM finance_receiptprint WHERE id = {pk}")
    call_command("seal")

    assert f"finance_receiptprint {pk} was deleted after" in problems_of(verify)


def test_what_may_change_breaks_no_seal(sealed, student, admin, verify):
    charge = Charge.objects.get(kind=ChargeKind.MATERIAL)
    token = concession(student, admin)
    call_command("seal")

    cancel_charge(charge=charge, reason="Returned", by=admin)
    cancel_concession(token=token, reason="Mistake", by=admin)
    cancel_receipt(payment=paid(student=student, amount="3.00", by=admin), reason="Again", by=admin)
    person = UserFactory(role=INSTRUCTOR)
    update_person(person, by=admin, full_name="Another Name")
    change_role(person, User.objects.get(pk=admin.pk).membership.group, by=admin)
    call_command("seal")

    assert not verify()[1]


def test_column_added_after_a_seal_breaks_nothing(books, seal_file, settings, verify):
    """A seal names its columns, here those of an earlier version, as another program writes it."""
    call_command("seal", new=True)
    columns = ["amount", "id", "received_by_id"]
    last = Payment.objects.latest("pk").pk
    table = {"columns": columns, "after": None, "to": last}
    table |= digest_of(sealed_table("finance_payment", columns).rows(None, last))
    seal = {"at": "2026-01-01T00:00:00+00:00", "previous": "", "tables": {"finance_payment": table}}
    seal_file.write_text(f"{signed(seal, settings)}\n")

    assert not verify()[1]
    tamper(f"UPDATE finance_payment SET amount = amount + 1 WHERE id = {books.pk}")
    assert f"finance_payment {books.pk} was changed after 01 Jan 2026" in problems_of(verify)


def test_removed_column_is_named(books, seal_file, settings, verify):
    call_command("seal", new=True)
    table = {"columns": ["id", "gone"], "after": None, "to": 1, "rows": 0, "digest": "", "tags": ""}
    seal = {"at": "2026-01-01T00:00:00+00:00", "previous": "", "tables": {"finance_payment": table}}
    seal_file.write_text(f"{signed(seal, settings)}\n")

    assert "finance_payment: 'gone' was sealed on 01 Jan 2026" in problems_of(verify)


def signed(seal, settings):
    key = Path(settings.SEAL_KEY_FILE).read_bytes().strip()
    content = json.dumps(seal, sort_keys=True, separators=(",", ":")).encode()
    signature = hmac.new(key, content, hashlib.sha256).hexdigest()
    return json.dumps({**seal, "hmac": signature})


@pytest.mark.django_db(transaction=True)
def test_payment_without_its_student_is_found(books, verify):
    pk = books.student_id
    if connection.vendor == "sqlite":
        off, on = "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"
    else:
        off, on = "SET session_replication_role = replica", "RESET session_replication_role"
    with connection.cursor() as cursor:
        cursor.execute(off)
        try:
            cursor.execute("DELETE FROM accounts_studentprofile WHERE user_id = %s", [pk])
            output = problems_of(verify)
        finally:
            # The tables are cleared after the test.
            cursor.execute(on)

    assert (
        f"finance_payment {books.pk} refers to accounts_studentprofile {pk}, which does not exist."
        in output
    )


# The file -----------------------------------------------------------------------------------------


@pytest.fixture
def three_seals(sealed, seal_file):
    for _ in range(2):
        CourseFactory()
        call_command("seal")
    return lines_of(seal_file)


def test_changed_seal_is_found(three_seals, seal_file, verify):
    three_seals[1] = three_seals[1].replace('"rows":', '"rows": ')  # still the same content
    seal_file.write_text("".join(three_seals))
    assert not verify()[1]

    three_seals[1] = three_seals[1].replace('"to":', '"to":1', 1)
    seal_file.write_text("".join(three_seals))

    assert f"{seal_file}, line 2 was changed, cut off or made with another key." in problems_of(
        verify
    )
    assert f"{seal_file}, line 2 was changed" in error_of("seal")
    assert lines_of(seal_file) == three_seals


@pytest.mark.parametrize("order", [(0, 2), (1, 2), (0, 2, 1), (0, 1, 1, 2)])
def test_removed_repeated_or_moved_seals_are_found(three_seals, seal_file, verify, order):
    seal_file.write_text("".join(three_seals[place] for place in order))

    assert "does not follow the line before: seals were removed or moved." in problems_of(verify)
    assert "does not follow the line before" in error_of("seal")


def test_seals_removed_at_the_end_are_found_by_a_noted_signature(three_seals, seal_file, verify):
    signature = json.loads(three_seals[-1])["hmac"]
    assert not verify(last_seal=signature)[1]
    seal_file.write_text("".join(three_seals[:2]))

    assert not verify()[1]
    assert f"{seal_file} has no seal {signature}" in problems_of(verify, last_seal=signature)


def test_interrupted_line_is_named(three_seals, seal_file, verify):
    seal_file.write_text("".join(three_seals)[:-1])

    assert "line 3 was changed, cut off" in problems_of(verify)
    assert "line 3 was changed, cut off" in error_of("seal")


def test_seals_of_another_key_are_not_genuine(sealed, settings, verify):
    Path(settings.SEAL_KEY_FILE).write_text(secrets.token_urlsafe(48))

    assert "line 1 was changed, cut off or made with another key." in problems_of(verify)


def test_missing_file_or_key_is_a_problem(sealed, seal_file, settings, verify):
    key = Path(settings.SEAL_KEY_FILE)
    content = key.read_text()
    key.unlink()
    assert f"The seals cannot be checked: {key} does not exist." in problems_of(verify)
    assert f"{key} does not exist." in error_of("seal")

    key.write_text(content)
    key.chmod(0o644)
    assert f"Others can read {key}" in problems_of(verify)
    assert f"chmod 600 {key}" in error_of("seal")

    key.chmod(0o600)
    key.write_text("short\n")
    assert f"{key} must have at least 32 characters." in error_of("seal")

    key.write_text(content)
    seal_file.unlink()
    assert f"The seals cannot be checked: {seal_file} does not exist." in problems_of(verify)


def test_file_is_started_only_on_request(books, seal_file, settings):
    assert f"{seal_file} has no seals. If it never had any, start it with --new." in error_of(
        "seal"
    )

    call_command("seal", new=True)

    assert f"{seal_file} has seals already." in error_of("seal", new=True)
    for path in (seal_file, Path(settings.SEAL_KEY_FILE)):
        assert path.stat().st_mode & 0o777 == 0o600
    seal_file.unlink()
    assert f"{seal_file} has no seals." in error_of("seal")


def test_seals_are_optional(sealed, settings, verify):
    settings.SEAL_FILE = ""

    assert error_of("seal").startswith("Set SEAL_KEY_FILE and SEAL_FILE")
    output, has_problems = verify()
    assert not has_problems
    assert "Seals are not checked: SEAL_FILE is not set." in output


def test_two_runs_at_once_are_refused(sealed, seal_file):
    with seal_file.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert f"Another command is writing to {seal_file}." in error_of("seal")


# People -------------------------------------------------------------------------------------------


def test_verify_lists_superusers_and_people_who_may_grant(admin, instructor, verify):
    User.objects.create_superuser(email="root@example.com", full_name="Rohan Rao")
    UserFactory(full_name="Gone Admin", role=ADMIN, is_active=False)
    desk = Group.objects.create(name="Front desk")
    desk.permissions.add(Permission.objects.get(codename="change_group"))
    UserFactory(full_name="Devi Nair", email="devi@example.com", role="Front desk")

    output, _ = verify()

    assert "Superusers: Rohan Rao (root@example.com)." in output
    assert (
        "May give roles or permissions: Anita Rao (anita@example.com), "
        "Rohan Rao (root@example.com), Devi Nair (devi@example.com)." in output
    )


# Two connections, two databases -------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.django_db(transaction=True)
def test_row_committed_after_one_with_a_higher_id_is_sealed(seal_file, verify):
    CourseFactory()
    call_command("seal", new=True)
    is_written, may_commit = threading.Event(), threading.Event()

    def write_slowly():
        with transaction.atomic():
            CourseFactory(name="Slow")
            is_written.set()
            may_commit.wait(30)
        connections.close_all()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    assert is_written.wait(30)
    CourseFactory(name="Fast")
    assert "A transaction that writes to academics_historicalcourse did not end" in error_of(
        "seal", wait=0.2
    )
    assert len(lines_of(seal_file)) == 1
    threading.Timer(0.5, may_commit.set).start()

    call_command("seal", wait=30)

    slow.join()
    courses = list(Course.history.order_by("pk").values_list("name", flat=True))
    assert courses[-2:] == ["Slow", "Fast"]
    output, has_problems = verify()
    assert not has_problems
    assert "0 newer rows are not sealed yet." in output
    assert json.loads(lines_of(seal_file)[1])["tables"]["academics_historicalcourse"]["rows"] == 2


@pytest.mark.size
@pytest.mark.django_db(transaction=True)
def test_seals_stay_valid_when_the_institute_moves(sealed, tmp_path, verify):
    call_command("export", str(tmp_path / "out"))
    if connection.vendor == "postgresql":
        there = f"sqlite:///{tmp_path}/there.sqlite3"
        for command in (["migrate"], ["import", str(tmp_path / "out")], ["verify"]):
            succeeded, output = other_databases.run_command(there, *command)
            assert succeeded, output
        assert "ok      Histories and money rows are as they were sealed." in output
    empty_the_database()
    assert "was deleted after" in problems_of(verify)

    call_command("import", str(tmp_path / "out"))

    output, has_problems = verify()
    assert not has_problems
    assert "0 newer rows are not sealed yet." in output
    paid(
        student=StudentProfile.objects.get(),
        amount="1.00",
        by=User.objects.get(email="anita@example.com"),
    )
    call_command("seal")
    assert not verify()[1]


@pytest.mark.size
@pytest.mark.django_db(transaction=True)
def test_older_backup_is_restored_and_verify_names_what_is_lost(sealed, tmp_path, verify):
    call_command("backup", str(tmp_path / "a.backup"))
    lost = paid(student=sealed.student, amount="1.00")
    call_command("seal")

    call_command("restore", str(tmp_path / "a.backup"), force=True)

    assert f"finance_payment {lost.pk} was deleted after" in problems_of(verify)
