import datetime
import threading

import pytest
from django.db import connection

from accounts.models import AdmissionSeries, StudentProfile, User
from accounts.roles import INSTRUCTOR, STUDENT
from coachmaster.core.tests.imports import run_import

from .factories import StudentFactory, UserFactory

pytestmark = pytest.mark.django_db

STUDENTS = """Full Name;E-mail;Mobile;DOB;Father's Name;Parent Mobile;Address
Meera Joshi;Meera@Example.com;+91 98765-43210;24/11/2008;Anil Joshi;098765 43211;"4 MG Road
Pune"
José Núñez;;9876543212;2008-01-02;;;
अनिता शर्मा;;;;;;
"""


# Students -------------------------------------------------------------------------------------


def test_students_get_admission_numbers_and_no_password(file):
    run = run_import("import_students", file(STUDENTS))

    assert (run.code, run.summary) == (0, "3 students created, 0 changed, 0 unchanged, 0 skipped.")
    meera = StudentProfile.objects.get(user__full_name="Meera Joshi")
    year = datetime.date.today().year % 100
    assert meera.admission_number == f"{year}-00001"
    assert (meera.user.email, meera.user.phone, meera.user.role) == (
        "meera@example.com",
        "9876543210",
        STUDENT,
    )
    assert (meera.birth_on, meera.address) == (datetime.date(2008, 11, 24), "4 MG Road\nPune")
    assert (meera.guardian_name, meera.guardian_phone) == ("Anil Joshi", "9876543211")
    assert not meera.user.has_usable_password()
    assert AdmissionSeries.objects.get().last_number == 3


def test_imported_students_are_searchable_and_have_history(file):
    run_import("import_students", file(STUDENTS))

    for words in ("meera", "9876543211", "-00001", "अनिता"):
        assert User.objects.search(words).count() == 1, words
    student = StudentProfile.objects.get(user__full_name="Meera Joshi")
    assert [
        student.history.count(),
        student.user.history.count(),
        student.user.membership.history.count(),
    ] == [1, 1, 1]


def test_a_second_run_changes_nothing(file):
    path = file(STUDENTS)
    run_import("import_students", path)
    before = list(
        StudentProfile.objects.order_by("pk").values_list(
            "pk", "admission_number", "user__search_text"
        )
    )

    run = run_import("import_students", path)

    assert run.summary == "0 students created, 0 changed, 3 unchanged, 0 skipped."
    assert (
        list(
            StudentProfile.objects.order_by("pk").values_list(
                "pk", "admission_number", "user__search_text"
            )
        )
        == before
    )
    assert StudentProfile.history.count() == 3


def test_changed_cells_update_student_and_empty_ones_do_not(file):
    run_import("import_students", file(STUDENTS))

    run = run_import(
        "import_students",
        file("name,email,phone,dob\nMeera J Joshi,meera@example.com,9000000001,\n"),
    )

    assert run.summary == "0 students created, 1 changed, 0 unchanged, 0 skipped."
    meera = StudentProfile.objects.get(user__email="meera@example.com")
    assert (meera.user.full_name, meera.user.phone) == ("Meera J Joshi", "9000000001")
    assert meera.birth_on == datetime.date(2008, 11, 24)
    assert User.objects.search("9000000001").get() == meera.user
    assert meera.user.history.count() == 2


def test_dry_run_reports_the_same_and_writes_nothing(file):
    path = file(STUDENTS)

    run = run_import("import_students", path, "--dry-run")

    assert run.summary == "Would have: 3 students created, 0 changed, 0 unchanged, 0 skipped."
    assert "This was a dry run: nothing was written." in run.out
    assert not StudentProfile.objects.exists()
    assert not AdmissionSeries.objects.filter(last_number__gt=0).exists()


def test_one_invalid_row_refuses_all_students(file):
    path = file('name,email\nMeera Joshi,meera@example.com\nRavi Iyer,"ravi@example,com"\n')

    for flags in ([], ["--dry-run"]):
        run = run_import("import_students", path, *flags)
        assert run.code == 1
        assert "row 3, email: “ravi@example,com”: Enter a valid email address." in run.errors
        assert "rows.csv was not imported: 1 problem. Nothing was written." in run.errors
        assert not StudentProfile.objects.exists()

    run = run_import("import_students", path, "--skip-line", "3")
    assert (run.code, run.summary) == (0, "1 student created, 0 changed, 0 unchanged, 1 skipped.")


def test_command_shows_a_hundred_problems_and_counts_the_rest(file):
    run = run_import("import_students", file("name,dob\n" + "A,x\n" * 130))

    assert run.errors.count("Enter a date that exists") == 100
    assert "… and 30 more." in run.errors
    assert "130 problems" in run.errors


def test_names_in_parts_are_joined(file):
    path = file("id,first name,middle_name,Last Name\n1,Sumana,R,Sen\n2,Li,,Wu\n")

    run = run_import("import_students", path, "--map", "full_name=first name middle_name last_name")

    assert set(User.objects.values_list("full_name", flat=True)) == {"Sumana R Sen", "Li Wu"}
    assert "Columns not used: id." in run.out


def test_series_passes_over_numbers_in_the_file(file):
    year = datetime.date.today().year % 100

    run_import(
        "import_students",
        file(f"name,admission no\nMeera,{year}-00001\nRavi,\nKiran,OLD/7\nAsha,{year}-00003\n"),
    )

    numbers = dict(StudentProfile.objects.values_list("user__full_name", "admission_number"))
    assert numbers == {
        "Meera": f"{year}-00001",
        "Ravi": f"{year}-00002",
        "Kiran": "OLD/7",
        "Asha": f"{year}-00003",
    }


def test_admission_number_identifies_student_first(file):
    student = StudentFactory(admission_number="OLD/7", user__email="")

    run = run_import(
        "import_students", file("name,admission no,email\nNew Name,OLD/7,new@example.com\n")
    )

    student.user.refresh_from_db()
    assert run.summary == "0 students created, 1 changed, 0 unchanged, 0 skipped."
    assert (student.user.full_name, student.user.email) == ("New Name", "new@example.com")


def test_admission_number_identifies_student_in_any_case(file):
    student = StudentFactory(user__full_name="Asha", admission_number="Old/7a")

    run = run_import("import_students", file("name,admission no\nAsha,OLD/7A\n"))
    twice = run_import("import_students", file("name,roll no\nA,new/8\nB,NEW/8\n"))

    student.refresh_from_db()
    assert run.summary == "0 students created, 1 changed, 0 unchanged, 0 skipped."
    assert student.admission_number == "OLD/7A"
    assert "row 3, roll no: “NEW/8”: Row 2 has this admission number too." in twice.errors
    assert StudentProfile.objects.count() == 1


def test_name_with_phone_or_birth_date_identifies_student(file):
    path = file(
        "name,phone,dob\nRavi Iyer,9876543210,\nRavi Iyer,9876543211,\nRavi Iyer,,01/01/2008\n"
        "Ravi Iyer,,\n"
    )
    assert run_import("import_students", path).summary.startswith("4 students created")

    run = run_import("import_students", path)

    assert run.summary == "0 students created, 0 changed, 4 unchanged, 0 skipped."


def test_ambiguous_student_is_refused(file):
    StudentFactory.create_batch(
        2, user__full_name="Ravi Iyer", user__phone="9876543210", user__email=""
    )

    run = run_import("import_students", file("name,phone\nravi iyer,98765 43210\n"))

    assert run.code == 1
    assert (
        "row 2, name: “ravi iyer”: Several students match this row. Add the admission number"
        in run.errors
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "name,email\nA,a@b.in\nB,A@B.in\n",
            "row 3, email: “A@B.in”: Row 2 has this email too.",
        ),
        ("name,roll no\nA,7\nB,7\n", "row 3, roll no: “7”: Row 2 has this admission number too."),
        (
            "name,phone\nA,9876543210\nA,98765 43210\n",
            "row 3, name: “A”: Row 2 has this student too.",
        ),
        (
            "name,email\nA,anita@example.com\n",
            "email: “anita@example.com”: Anita Rao (Admin) has this email.",
        ),
        (
            "name,roll no,email\nB,new,asha@example.com\n",
            "Asha Verma has the email of this row.",
        ),
    ],
)
def test_duplicate_number_or_email_is_refused(file, admin, text, sentence):
    StudentFactory(
        user__full_name="Asha Verma", user__email="asha@example.com", admission_number="26-99999"
    )
    before = User.objects.count()

    run = run_import("import_students", file(text))

    assert run.code == 1
    assert sentence in run.errors
    assert User.objects.count() == before


def test_formula_text_is_stored_unchanged(file):
    run_import("import_students", file('name\n"=HYPERLINK(""x"")"\n'))

    assert User.objects.get().full_name == '=HYPERLINK("x")'


# Instructors ----------------------------------------------------------------------------------

FACULTY = (
    "id,active,email,last_name,middle_name,name\n7,True,maya@example.com,Das,K,Maya\n8,"
    "True,om@example.com,Puri,,Om\n"
)


def test_instructors_are_imported_once_by_email(file):
    arguments = (
        "import_instructors",
        file(FACULTY),
        "--map",
        "full_name=name middle_name last_name",
    )

    first, second = run_import(*arguments), run_import(*arguments)

    assert first.summary == "2 instructors created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 instructors created, 0 changed, 2 unchanged, 0 skipped."
    maya = User.objects.get(email="maya@example.com")
    assert (maya.full_name, maya.role, maya.has_usable_password()) == (
        "Maya K Das",
        INSTRUCTOR,
        False,
    )
    assert User.objects.able_to_teach().count() == 2


def test_changed_cells_update_instructor(file, instructor):
    run = run_import(
        "import_instructors", file("name,email,mobile\nImran A Khan,imran@example.com,9000000002\n")
    )

    instructor.refresh_from_db()
    assert run.summary == "0 instructors created, 1 changed, 0 unchanged, 0 skipped."
    assert (instructor.full_name, instructor.phone) == ("Imran A Khan", "9000000002")
    assert User.objects.search("9000000002").get() == instructor


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,email\nA,\n", "row 2, email: Fill in this cell"),
        ("name\nA\n", "email: There is no such column. Found: name."),
        (
            "name,email\nA,a@b.in\nB,a@b.in\n",
            "row 3, email: “a@b.in”: Row 2 has this email too.",
        ),
        (
            "name,email\nA,asha@example.com\n",
            "Asha Verma (Student) has this email. Skip this row.",
        ),
    ],
)
def test_instructor_needs_own_email(file, student, text, sentence):
    run = run_import("import_instructors", file(text))

    assert run.code == 1
    assert sentence in run.errors
    assert not User.objects.able_to_teach().exists()


# Usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--map", "full_name"], "--map full_name: write it as FIELD=…"),
        (
            ["--map", "colour=red"],
            "--map colour=red: there is no field “colour”. Fields: full_name, email",
        ),
        (["--default", "birth_on=soon"], "--default birth_on=soon: Enter a date that exists"),
        (["--skip-line", "1"], "row 1 is the header"),
        (["--encoding", "klingon"], "There is no encoding “klingon”."),
        (["--encoding", "rot13"], "--encoding: "),
        (["--encoding", "base64"], "--encoding: "),
    ],
)
def test_wrong_usage_exits_with_2(file, flags, sentence):
    run = run_import("import_students", file(STUDENTS), *flags)

    assert run.code == 2
    assert sentence in run.errors
    assert not StudentProfile.objects.exists()


def test_interrupt_writes_nothing(file, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("accounts.importers.people.bulk_create_with_history", interrupt)

    run = run_import("import_students", file(STUDENTS))

    assert run.code == 130
    assert "A file is imported in full or not at all" in run.errors
    assert not User.objects.exists()


def test_simultaneous_change_writes_nothing(file, monkeypatch):
    UserFactory(email="om@example.com")
    monkeypatch.setattr(
        "accounts.importers.people.PeopleImporter._email_owners", lambda self, rows: {}
    )

    run = run_import("import_instructors", file(FACULTY))

    assert run.code == 1
    assert "Somebody else changed the same records just now. Run the import again." in run.errors
    assert User.objects.count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_simultaneous_imports_run_one_after_the_other(file):
    path, runs = (
        file("name,phone\n" + "".join(f"Person {n},98765{n:05d}\n" for n in range(300))),
        [],
    )

    def import_table():
        try:
            runs.append(run_import("import_students", path))
        finally:
            connection.close()

    threads = [threading.Thread(target=import_table) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(run.summary for run in runs) == [
        "0 students created, 0 changed, 300 unchanged, 0 skipped.",
        "0 students created, 0 changed, 300 unchanged, 0 skipped.",
        "300 students created, 0 changed, 0 unchanged, 0 skipped.",
    ]
    assert StudentProfile.objects.count() == 300
