import csv
import datetime
import io
import re
import threading

import openpyxl
import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Course
from academics.tests.factories import BatchFactory
from accounts.models import StudentProfile, User
from accounts.roles import ADMIN, INSTRUCTOR
from accounts.tests.factories import StudentFactory, UserFactory
from coachmaster.core.tests.workbooks import ods, xlsx
from coachmaster.imports import services, upload_limits
from coachmaster.imports.kinds import KINDS
from coachmaster.imports.models import Import
from coachmaster.imports.progress import Progress
from finance.models import Payment
from finance.tests.factories import enrolled

pytestmark = pytest.mark.django_db

STUDENTS = (
    "Name,E-mail,Mobile\nAsha Verma,asha@example.com,9876543210\nRavi Iyer,"
    "ravi@example.com,9876543211\n"
)


@pytest.fixture
def desk(admin, client_of):
    return Desk(client_of(admin))


class Desk:
    """A signed-in browser on the import pages."""

    def __init__(self, client):
        self.client = client

    def upload(self, content, kind="students", name="students.csv", **data):
        """Upload a file, and remember the stored one as `self.file`."""
        content = content.encode() if isinstance(content, str) else content
        answer = self.client.post(
            reverse("imports:import-list"),
            {"kind": kind, "file": SimpleUploadedFile(name, content), **data},
        )
        self.file = Import.objects.order_by("-pk").first()
        return answer

    def open(self, page="detail", **query):
        return self.client.get(reverse(f"imports:import-{page}", args=[self.file.pk]), query)

    def send(self, act, **data):
        answer = self.client.post(reverse(f"imports:import-{act}", args=[self.file.pk]), data)
        self.file = Import.objects.filter(pk=self.file.pk).first()
        return answer

    @property
    def problems(self):
        self.file.refresh_from_db()
        return [
            (problem["line"], problem["field"], problem["value"])
            for problem in self.file.report["problems"]
        ]


# Preview and import ---------------------------------------------------------------------------


def test_upload_writes_nothing_and_shows_the_changes(desk):
    StudentFactory(
        user__full_name="Ravi Iyer", user__email="ravi@example.com", user__phone="9876500000"
    )

    answer = desk.upload(STUDENTS)

    assert answer["Location"] == reverse("imports:import-detail", args=[desk.file.pk])
    page = desk.open().content.decode()
    assert "Asha Verma · asha@example.com" in page
    assert "<del>9876500000</del> → <ins>9876543211</ins>" in page
    assert StudentProfile.objects.count() == 1


def test_import_creates_records_and_links_to_them(desk, admin):
    desk.upload(STUDENTS)

    desk.send("apply")

    asha = User.objects.get(email="asha@example.com")
    assert (desk.file.created, desk.file.changed, desk.file.by) == (2, 0, admin)
    assert reverse("accounts:person-detail", args=[asha.pk]) in desk.open().content.decode()
    assert asha.history.get().history_user == admin


def test_content_is_removed_after_import_and_history_remains(admin, client_of):
    with time_machine.travel("2026-11-24 10:00+05:30", tick=False):
        desk = Desk(client_of(admin))
        desk.upload(STUDENTS)
        desk.send("apply")

        page = desk.client.get(reverse("imports:import-list")).content.decode()

    assert desk.file.content is None
    for words in ("students.csv", admin.full_name, "24 Nov 2026 10:00"):
        assert words in page


def test_same_file_again_changes_nothing(desk):
    desk.upload(STUDENTS)
    desk.send("apply")

    desk.upload(STUDENTS)
    desk.send("apply")

    assert (desk.file.created, desk.file.unchanged) == (0, 2)
    assert StudentProfile.objects.count() == 2


def test_imported_changes_are_shown(desk):
    desk.upload(STUDENTS)
    desk.send("apply")
    desk.upload(STUDENTS.replace("9876543210", "9876543299"))
    desk.send("apply")

    page = desk.open().content.decode()

    assert "Changed records" in page
    assert "<del>9876543210</del> → <ins>9876543299</ins>" in page


def test_file_is_imported_only_once(desk):
    desk.upload(STUDENTS)
    pending = Import.objects.get()
    desk.send("apply")

    with pytest.raises(services.AlreadyDone):
        services.apply(pending)

    assert (desk.file.created, StudentProfile.objects.count()) == (2, 2)
    assert desk.send("apply").status_code == 404


def test_imported_file_is_neither_checked_again_nor_removed_by_a_late_request(desk):
    desk.upload(STUDENTS)
    late = Import.objects.get()
    desk.send("apply")

    for service in (services.check, services.discard):
        with pytest.raises(services.AlreadyDone):
            service(late)

    desk.file.refresh_from_db()
    assert (desk.file.created, desk.file.content) == (2, None)
    assert desk.file.applied_at
    assert "problems" not in desk.file.report


def test_late_request_to_import_is_told_that_the_file_is_imported(desk):
    """Though its rows are refused now, since the records exist."""
    desk.upload(STUDENTS)
    UserFactory(email="ravi@example.com", role=INSTRUCTOR, full_name="Ravi Teacher")
    late = Import.objects.get(pk=desk.file.pk)
    Import.objects.filter(pk=late.pk).update(applied_at=timezone.now(), report={"notes": []})

    with pytest.raises(services.AlreadyDone):
        services.apply(late)

    assert Import.objects.get(pk=late.pk).report == {"notes": []}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_only_one_of_several_simultaneous_requests_imports(desk):
    desk.upload(STUDENTS)
    waiting, done = [Import.objects.get() for _ in range(4)], []

    def apply(upload):
        try:
            done.append(services.apply(upload))
        except services.AlreadyDone:
            done.append("already")
        finally:
            connection.close()

    threads = [threading.Thread(target=apply, args=[upload]) for upload in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, done)) == ["True", "already", "already", "already"]
    upload = Import.objects.get()
    assert (upload.created, upload.unchanged, StudentProfile.objects.count()) == (2, 0, 2)


def test_conflict_after_the_check_writes_nothing(desk):
    desk.upload(STUDENTS)
    UserFactory(email="ravi@example.com", role=INSTRUCTOR, full_name="Ravi Teacher")

    answer = desk.client.post(reverse("imports:import-apply", args=[desk.file.pk]), follow=True)

    assert "Nothing was written" in answer.content.decode()
    assert StudentProfile.objects.count() == 0
    assert desk.problems == [(3, "email", "ravi@example.com")]


# Problems -------------------------------------------------------------------------------------

BROKEN = (
    'Name,E-mail\nAsha Verma,asha@example.com\nMeera Das,"meera@example,com"\nRavi Iyer,'
    "ravi@example.com\n"
)


def test_problem_is_shown_with_row_column_value_and_advice(desk):
    desk.upload(BROKEN)

    page = desk.open().content.decode()

    assert desk.problems == [(3, "email", "meera@example,com")]
    for words in ("E-mail in row 3", "meera@example,com", "Enter a valid email address."):
        assert words in page
    assert reverse("imports:import-apply", args=[desk.file.pk]) not in page


def test_file_with_problems_cannot_be_imported(desk):
    desk.upload(BROKEN)

    desk.send("apply")

    assert desk.file.applied_at is None
    assert StudentProfile.objects.count() == 0


def test_cell_can_be_corrected(desk):
    desk.upload(BROKEN)

    desk.send("correct", fix_3_email="meera@example.com")
    assert desk.problems == []
    desk.send("apply")

    assert User.objects.get(full_name="Meera Das").email == "meera@example.com"
    assert desk.file.created == 3


def test_invalid_correction_is_shown_again(desk):
    desk.upload(BROKEN)

    desk.send("correct", fix_3_email="meera")

    assert desk.problems == [(3, "email", "meera")]


def test_row_can_be_skipped_and_included_again(desk):
    desk.upload(BROKEN)

    desk.send("correct", skip_3="on", fix_3_email="meera@example,com")
    assert (desk.problems, desk.file.skipped_lines) == ([], [3])
    desk.send("correct", include_3="on")
    assert (len(desk.problems), desk.file.skipped_lines) == (1, [])
    desk.send("correct", skip_3="on")
    desk.send("apply")

    assert (desk.file.created, desk.file.skipped_lines) == (2, [3])
    assert not User.objects.filter(full_name="Meera Das").exists()


def test_corrections_can_be_undone(desk):
    desk.upload(BROKEN)
    desk.send("correct", fix_3_email="meera@example.com")

    desk.send("correct", undo="on")

    assert len(desk.problems) == 1


def test_only_cells_with_a_problem_can_be_corrected(desk):
    desk.upload(BROKEN)

    desk.send(
        "correct", fix_2_email="other@example.com", fix_3_email="meera@example.com", skip_4="on"
    )

    assert desk.file.corrections == {"3": {"email": "meera@example.com"}}
    assert desk.file.skipped_lines == []


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_rows_with_problems_are_downloaded_with_reasons(desk, form):
    desk.upload(BROKEN + "=1+1,x\n")

    answer = desk.open("problems", **{"as": form})

    content = b"".join(answer.streaming_content)
    if form == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = [
            [str(cell) for cell in row]
            for row in openpyxl.load_workbook(io.BytesIO(content)).active.values
        ]
    reason = "E-mail: Enter a valid email address."
    assert rows == [
        ["Name", "E-mail", "Row", "Problem"],
        ["Meera Das", "meera@example,com", "3", reason],
        ["'=1+1" if form == "csv" else "=1+1", "x", "5", reason],
    ]


def test_long_value_with_a_problem_is_cut_in_the_report(desk):
    desk.upload(f"Name,E-mail\nAsha Verma,{'x' * 9_000}\n")

    assert set(desk.problems) == {(2, "email", "x" * 500)}


def test_first_hundred_problems_are_shown(desk):
    desk.upload("Name,E-mail\n" + "".join(f"S {n},x{n}\n" for n in range(120)))

    page = desk.open().content.decode()

    assert "And 20 more" in page
    assert page.count("form-check-input") == 100


# Columns --------------------------------------------------------------------------------------

ODD = "Pupil,Tel 1,Given,Family\nx,9876543210,Asha,Verma\n"


def test_columns_page_opens_for_unknown_columns(desk):
    answer = desk.upload(ODD)

    assert answer["Location"] == reverse("imports:import-columns", args=[desk.file.pk])
    page = desk.open("columns").content.decode()
    assert "Tel 1" in page and "9876543210" in page


def test_unused_columns_are_shown_before_the_import(desk):
    desk.upload("Name,Blood group,House\nAsha,A+,Red\n")

    assert "Not used: Blood group, House." in desk.open().content.decode()

    desk.upload("Name\nAsha\n")
    assert "Not used" not in desk.open().content.decode()


def test_columns_can_be_chosen_joined_and_filled(desk):
    desk.upload(ODD)

    desk.send(
        "columns",
        column_1="phone",
        column_2="full_name",
        column_3="full_name",
        default_address=" Pune ",
    )
    desk.send("apply")

    student = StudentProfile.objects.get()
    assert (student.user.full_name, student.user.phone, student.address) == (
        "Asha Verma",
        "9876543210",
        "Pune",
    )


def test_chosen_columns_are_remembered(desk):
    desk.upload(ODD)
    desk.send(
        "columns",
        column_1="phone",
        column_2="full_name",
        column_3="full_name",
        default_address="Pune",
    )

    answer = desk.upload("pupil,TEL 1,given,family\ny,9876543219,Ravi,Iyer\n", name="other.csv")

    assert answer["Location"] == reverse("imports:import-detail", args=[desk.file.pk])
    desk.send("apply")
    assert StudentProfile.objects.get().user.full_name == "Ravi Iyer"
    assert StudentProfile.objects.get().address == "Pune"


def test_choices_of_another_person_are_not_taken(desk, client_of):
    desk.upload(ODD)
    desk.send("columns", column_1="phone", column_2="full_name", default_address="Pune")
    desk.send("apply")
    other = Desk(client_of(UserFactory(role=ADMIN)))

    other.upload(ODD)

    assert (other.file.columns, other.file.defaults) == ({}, {})


def test_required_column_must_be_chosen_or_filled(desk):
    desk.upload("Name\nJEE\n", kind="courses")

    refused = desk.send("columns", column_0="name")
    bad = desk.send("columns", column_0="name", default_total_fee="lots")
    taken = desk.send("columns", column_0="name", default_total_fee="50,000")

    assert "or enter a value for all rows" in refused.content.decode()
    assert bad.status_code == 200 and "lots" in bad.content.decode()
    assert taken.status_code == 302
    desk.send("apply")
    assert Course.objects.get().total_fee == 50_000


def test_known_column_can_be_unused(desk):
    desk.upload(STUDENTS)

    desk.send("columns", column_0="full_name", column_1="email", column_2="")
    desk.send("apply")

    assert set(User.objects.filter(email__startswith="ravi").values_list("phone", flat=True)) == {
        ""
    }


def test_first_and_last_names_are_joined_by_default(desk):
    desk.upload("name,middle_name,last_name\nSumita,R,Singh\nXun,,Chua\n")
    desk.send("apply")

    names = set(
        User.objects.filter(student_profile__isnull=False).values_list("full_name", flat=True)
    )
    assert names == {"Sumita R Singh", "Xun Chua"}


def test_date_columns_of_a_register_need_no_choice(desk):
    enrolled(
        student=StudentFactory(user__full_name="Asha Verma"),
        batch=BatchFactory(name="Morning", starts_on=datetime.date(2026, 6, 1)),
    )
    desk.upload(
        "Pupil,Batch,15/06/2026,16/06/2026\nAsha Verma,Morning,P,X\n", kind="attendance-grid"
    )

    page = desk.open("columns").content.decode()
    assert "Pupil" in page and "15/06/2026" not in page
    desk.send("columns", column_0="student", column_1="batch")
    assert desk.problems == [(2, "2026-06-16", "X")]
    desk.send("correct", **{"fix_2_2026-06-16": "A"})
    desk.send("apply")

    assert desk.file.created == 2


# Workbooks ------------------------------------------------------------------------------------

ROWS = [["Name", "Mobile", "DOB"], ["Asha Verma", 9876543210, datetime.date(2009, 11, 24)]]


@pytest.mark.parametrize("make", [xlsx, ods])
def test_one_of_several_sheets_is_chosen(desk, make):
    answer = desk.upload(make(Fees=[["x"], ["y"]], Students=ROWS), name="book.xlsx")

    assert answer["Location"] == reverse("imports:import-sheet", args=[desk.file.pk])
    assert "Students" in desk.open("sheet").content.decode()
    assert desk.send("sheet", sheet="Nothing").status_code == 200
    desk.send("sheet", sheet="Students")
    desk.send("apply")

    student = StudentProfile.objects.get()
    assert (student.user.phone, student.birth_on) == ("9876543210", datetime.date(2009, 11, 24))


@pytest.mark.parametrize("page", ["detail", "columns"])
def test_sheet_must_be_chosen_first(desk, page):
    desk.upload(xlsx(Fees=[["x"], ["y"]], Students=ROWS), name="book.xlsx")

    assert desk.open(page)["Location"] == reverse("imports:import-sheet", args=[desk.file.pk])
    assert desk.send("apply")["Location"] == reverse("imports:import-sheet", args=[desk.file.pk])


# OpenEduCat -----------------------------------------------------------------------------------

#: Names in three columns, a batch with the id of its course, one invalid email.
OPENEDUCAT = {
    "instructors": (
        "id,active,birth_date,email,last_name,middle_name,name\nf_1,True,1983-02-01,"
        "al@demo.com,Church,D,Al\n"
    ),
    "courses": (
        "id,code,evaluation_type,name,parent_id:id\nc_1,LRTP,Normal,Land Restoration,\n"
        "c_2,BOA,GPA,Accountancy,c_1\n"
    ),
    "batches": (
        "id,code,course_id:id,end_date,name,start_date\nb_1,L57,c_1,2017-05-26,L-2015,2015-08-05\n"
    ),
    "students": "id,batch_id,birth_date,course_id,email,last_name,middle_name,name\n"
    "s_1,L-2015,1992-05-06,Land Restoration,su@demo.com,Singh,R,Sumita\ns_2,L-2015,1990-01-02,"
    'Land Restoration,"ma@demo,com",Lee,,Mason\n',
}


@pytest.mark.parametrize("way", ["corrected", "left out"])
def test_openeducat_files_are_imported_with_their_own_headers(desk, way):
    desk.upload(OPENEDUCAT["instructors"], kind="instructors")
    desk.send("apply")
    desk.upload(OPENEDUCAT["courses"], kind="courses")
    desk.send("columns", column_0="code", column_3="name", default_total_fee="50000")
    desk.send("apply")
    desk.upload(OPENEDUCAT["batches"], kind="batches")
    desk.send("apply")
    for kind in ("students", "enrollments"):
        desk.upload(OPENEDUCAT["students"], kind=kind)
        field = "email" if kind == "students" else "student"
        assert desk.problems == [(3, field, "ma@demo,com")]
        desk.send(
            "correct",
            **({f"fix_3_{field}": "ma@demo.com"} if way == "corrected" else {"skip_3": "on"}),
        )
        desk.send("apply")

    assert User.objects.get(email="al@demo.com").full_name == "Al D Church"
    students = {
        student.user.full_name
        for student in StudentProfile.objects.filter(enrollments__batch__code="L57")
    }
    assert students == {"Sumita R Singh"} | ({"Mason Lee"} if way == "corrected" else set())


# Refused uploads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7", "This is a PDF"),
        (b"PK\x03\x04 rubbish", "This workbook is damaged."),
        ("name\nRené\n".encode("cp1252"), "Row 2: This is not text in UTF-8."),
        (b'name\n"x\n', "A quote"),
        (
            b"name,dob\n" + b"x,never\n" * 50_001,
            "More than 50,000 rows. Split the file, or ask the person who runs the server",
        ),
    ],
)
def test_unreadable_upload_is_refused_with_a_sentence(desk, content, sentence):
    name = "students.xlsx" if content.startswith(b"PK") else "students.csv"
    answer = desk.upload(content, name=name)

    shown = answer.content.decode() if answer.status_code == 200 else desk.open().content.decode()
    assert sentence in shown.replace("&quot;", '"')
    assert "--" not in shown.split("<main")[1].replace("<!--", "")
    assert StudentProfile.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("students.exe", b"name\nAsha\n", "Choose a file that ends in .xlsx, .ods or .csv."),
        ("students", b"name\nAsha\n", "Choose a file that ends in .xlsx, .ods or .csv."),
        ("students.csv", xlsx([["name"], ["Asha"]]), "This is a workbook, but its name says"),
        ("students.xlsx", b"name\nAsha\n", "This is not a workbook, but its name says"),
        ("students.ods", b"%PDF-1.7", "This is not a workbook, but its name says"),
    ],
)
def test_name_and_content_of_an_upload_must_agree(desk, name, content, sentence):
    assert sentence in desk.upload(content, name=name).content.decode()
    assert not Import.objects.exists()


def test_file_of_too_many_bytes_needs_the_command(desk):
    page = desk.upload(f"name,address\nAsha,{'x' * upload_limits.MOST_BYTES}\n").content.decode()

    assert "More than 10 MB." in page
    assert "import command" in page
    assert not Import.objects.exists()


def test_file_of_too_many_rows_names_its_command(desk):
    page = desk.upload("name,batch\n" + "x,y\n" * 50_001, kind="workbook").content.decode()

    assert "More than 50,000 rows." in page
    assert "manage.py import_workbook" in page


def test_cp1252_file_is_imported_with_its_encoding(desk):
    desk.upload("name\nRené\n".encode("cp1252"), encoding="cp1252")
    desk.send("apply")

    assert StudentProfile.objects.get().user.full_name == "René"


@pytest.mark.parametrize("data", [{"kind": "aliens"}, {"encoding": "klingon"}])
def test_invalid_choice_is_refused(desk, data):
    assert desk.upload(STUDENTS, **data).status_code == 200
    assert not Import.objects.exists()


# Progress and results -------------------------------------------------------------------------


def test_progress_of_running_import_is_shown(desk):
    desk.upload(STUDENTS)
    address = reverse("imports:import-progress", args=[desk.file.pk])
    shown = []

    class WatchedProgress(Progress):
        def __call__(self, *rows):
            super().__call__(*rows)
            shown.append(desk.client.get(address).json()["share"])

    assert desk.client.get(address).json() == {"share": None}
    with Progress(desk.file.pk) as progress:
        progress("Checking", 2, 2)
        assert desk.client.get(address).json() == {"share": 0.5}

    services.apply(desk.file, progress=WatchedProgress(desk.file.pk))

    assert shown == [0.5]  # both rows written; checked rows are counted by the thousand
    assert desk.client.get(address).json() == {"share": None}


def test_preview_shows_how_columns_are_read(desk):
    desk.upload("Name,Mobile,Shoe size\nAsha Verma,9876543210,38\nRavi Iyer,,41\n")

    page = desk.open().content.decode().split("How the columns are read")[1].split("</table>")[0]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Name Full name Asha Verma · Ravi Iyer" in text
    assert "Mobile Phone 9876543210 " in text
    assert "Shoe size Not used 38 · 41" in text
    assert reverse("imports:import-columns", args=[desk.file.pk]) in page


def test_imported_records_are_linked_and_exported(desk, settings):
    ravi = StudentFactory(
        user__full_name="Ravi Iyer", user__email="ravi@example.com", user__phone="9876500000"
    )
    desk.upload(STUDENTS)
    desk.send("apply")
    asha = User.objects.get(email="asha@example.com")

    page = desk.open().content.decode()
    assert f'href="{asha.get_absolute_url()}"' in page
    assert (
        f'href="{ravi.user.get_absolute_url()}"'
        in page.split("Changed records")[1].split("</table>")[0]
    )

    rows = list(
        csv.reader(
            io.StringIO(b"".join(desk.open(**{"as": "csv"}).streaming_content).decode("utf-8-sig"))
        )
    )
    assert rows == [
        ["Action", "Row", "Record", "Column", "Before", "After", "Page"],
        ["New", "", "Asha Verma", "", "", "", f"{settings.SITE_URL}{asha.get_absolute_url()}"],
        [
            "Changed",
            "3",
            "Ravi Iyer · ravi@example.com",
            "Phone",
            "9876500000",
            "9876543211",
            f"{settings.SITE_URL}{ravi.user.get_absolute_url()}",
        ],
    ]


# Permissions ----------------------------------------------------------------------------------

PAGES = ["detail", "sheet", "columns", "problems"]
ACTS = ["sheet", "columns", "correct", "apply", "discard"]


def test_person_has_at_most_twenty_files_that_are_not_imported_yet(desk, client_of):
    for number in range(20):
        desk.upload(STUDENTS, name=f"students-{number}.csv")
    refused = desk.upload(STUDENTS)
    page = desk.client.get(reverse("imports:import-list"))
    other = Desk(client_of(UserFactory(email="other@example.com", role="Admin")))

    assert refused.context["form"].errors["file"] == [
        "20 of your files are not imported yet. Import or remove one first."
    ]
    assert (Import.objects.count(), len(page.context["waiting"])) == (20, 20)
    assert other.upload(STUDENTS).status_code == 302
    desk.send("discard")
    assert desk.upload(STUDENTS).status_code == 302


def test_waiting_file_is_visible_to_its_uploader_only(desk, client_of):
    desk.upload(STUDENTS)

    other = Desk(client_of(UserFactory(email="other@example.com", role="Admin")))
    other.file = desk.file

    assert {other.open(page).status_code for page in PAGES} == {404}
    assert {other.send(act).status_code for act in ACTS} == {404}
    assert "students.csv" not in other.client.get(reverse("imports:import-list")).content.decode()


def test_waiting_file_expires_after_a_day(desk):
    with time_machine.travel("2026-11-23 09:00+05:30", tick=False):
        desk.upload(STUDENTS)
    with time_machine.travel("2026-11-24 09:01+05:30", tick=False):
        desk.client.force_login(User.objects.get(email="anita@example.com"))
        assert desk.open().status_code == 404
        call_command("cleanup")

    assert not Import.objects.exists()


def test_next_upload_deletes_expired_files(desk):
    desk.upload(STUDENTS)
    Import.objects.update(uploaded_at=timezone.now() - datetime.timedelta(hours=25))

    desk.upload(STUDENTS)

    assert Import.objects.count() == 1


def test_file_can_be_removed(desk):
    desk.upload(STUDENTS)

    desk.send("discard")

    assert not Import.objects.exists()


def test_import_needs_the_permission_of_its_kind(desk, client_of, admin):
    desk.upload("student,amount,date,mode\nx,1,01/06/2026,cash\n", kind="payments")
    admin.membership.group.permissions.remove(
        *admin.membership.group.permissions.filter(codename="add_payment")
    )
    desk = Desk(client_of(User.objects.get(pk=admin.pk)))
    desk.file = Import.objects.get()

    assert {desk.open(page).status_code for page in PAGES} == {403}
    assert desk.upload("x", kind="payments").status_code == 200
    assert desk.client.get(reverse("imports:import-example", args=["payments"])).status_code == 404


# Examples and size ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_examples_can_be_imported_in_order(desk, form):
    with time_machine.travel("2026-11-24 10:00+05:30", tick=False):
        desk.client.force_login(User.objects.get(email="anita@example.com"))
        for kind in KINDS.values():
            answer = desk.client.get(
                reverse("imports:import-example", args=[kind.slug]), {"as": form}
            )
            desk.upload(b"".join(answer.streaming_content), kind=kind.slug, name=f"example.{form}")
            desk.send("apply")

            marks = 2 if kind.slug == "attendance-grid" else len(kind.example) - 1
            assert desk.file.created == marks, (kind.slug, desk.problems)
        page = desk.open().content.decode()

    assert Batch.objects.count() == 2
    amounts = Payment.objects.order_by("series__kind", "paid_on", "pk").values_list(
        "series__kind", "amount"
    )
    assert list(amounts) == [
        ("opening", 50_000),
        ("opening", 25_000),
        ("receipt", 40_000),
        ("receipt", 50_000),
        ("receipt", 20_000),
    ]
    assert "Batch by batch" in page


def test_pages_run_constant_queries(desk, queries_of):
    def queries(rows):
        names = [f"S {rows}-{n},s{rows}-{n}@example.com" for n in range(rows)]
        desk.upload("\n".join(["Name,E-mail", *names]))
        desk.open()
        found = [queries_of(desk.open), queries_of(lambda: desk.open("columns"))]
        desk.send("apply")
        return [*found, queries_of(desk.open)]

    assert queries(3) == queries(300)


def test_import_list_runs_constant_queries(desk, queries_of):
    def queries(files):
        for number in range(files):
            desk.upload("Name,E-mail\nOne,one@example.com\n", name=f"{files}-{number}.csv")
        return queries_of(lambda: desk.client.get(reverse("imports:import-list")))

    queries(1)
    assert queries(1) == queries(3)
