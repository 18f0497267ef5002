import datetime
import re

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory, EnrollmentFactory
from accounts.models import Membership, User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from accounts.services import people
from accounts.services.people import deactivate, update_person
from finance.tests.factories import enrolled

from .factories import PASSWORD, StudentFactory, UserFactory, user_with

pytestmark = pytest.mark.django_db


def names(response):
    return [row.person.full_name for row in response.context["page"]]


def page(name, person):
    return reverse(f"accounts:person-{name}", args=[person.pk])


@pytest.fixture
def front_desk(db):
    """A custom role that sees everybody and adds and changes people."""
    role = Group.objects.create(name="Front desk")
    codenames = ["see_whole_institute", "view_user", "add_user", "change_user", "change_membership"]
    role.permissions.set(
        Permission.objects.filter(content_type__app_label="accounts", codename__in=codenames)
    )
    return UserFactory(full_name="Farah Desk", email="farah@example.com", role="Front desk")


# The list --------------------------------------------------------------------------------------


def test_list_is_filtered_by_role_status_and_text(client_of, admin, instructor, student):
    UserFactory(full_name="Gone Away", is_active=False)
    UserFactory(full_name="New Here", password=None)
    client = client_of(admin)

    def found(**query):
        return names(client.get(reverse("dashboards:person-list"), query))

    assert found() == ["Anita Rao", "Asha Verma", "Gone Away", "Imran Khan", "New Here"]
    assert found(role="Student") == ["Asha Verma"]
    assert found(role="Instructor") == ["Gone Away", "Imran Khan", "New Here"]
    assert found(show="inactive") == ["Gone Away"]
    assert found(show="invited") == ["New Here"]
    assert found(q="VERMA") == ["Asha Verma"]
    assert found(q=student.admission_number) == ["Asha Verma"]
    assert found(q="example.com asha") == ["Asha Verma"]
    assert found(role="Student", q="imran") == []
    assert found(role="Nonsense", show="what", sort="password", page="x") == found()


def test_list_is_sorted_by_name_role_and_newest(client_of, admin, instructor, student):
    client = client_of(admin)

    def found(sort):
        return names(client.get(reverse("dashboards:person-list"), {"sort": sort}))

    assert found("-name") == ["Imran Khan", "Asha Verma", "Anita Rao"]
    assert found("role") == ["Anita Rao", "Imran Khan", "Asha Verma"]
    assert found("newest") == ["Asha Verma", "Imran Khan", "Anita Rao"]


def test_list_has_thirty_people_a_page_and_keeps_filters(client_of, admin):
    UserFactory.create_batch(31)

    response = client_of(admin).get(
        reverse("dashboards:person-list"), {"role": "Instructor", "page": "2"}
    )

    assert len(response.context["page"]) == 1
    assert response.context["page"].total == 31
    assert "role=Instructor&amp;page=1" in response.content.decode()


def test_query_count_of_list_is_constant(client_of, admin, queries_of):
    client = client_of(admin)

    def page():
        return client.get(reverse("dashboards:person-list"), {"role": "Student", "q": "student"})

    StudentFactory()
    assert len(page().context["page"]) == 1
    few = queries_of(page)
    StudentFactory.create_batch(11)

    assert queries_of(page) == few
    assert len(page().context["page"]) == 12


def test_list_requires_permission(client_of, instructor, student):
    assert client_of(instructor).get(reverse("dashboards:person-list")).status_code == 403
    assert client_of(student).get(reverse("dashboards:person-list")).status_code == 403


# One person ------------------------------------------------------------------------------------


def test_instructors_see_the_students_of_their_batches(client_of, admin, instructor, student):
    own = EnrollmentFactory(batch__instructor=instructor).student

    def statuses(user):
        client = client_of(user)
        return [
            client.get(page("detail", person)).status_code
            for person in (admin, instructor, student, own)
        ]

    assert statuses(admin) == [200, 200, 200, 200]
    assert statuses(instructor) == [404, 200, 404, 200]
    assert statuses(student) == [404, 404, 200, 404]


def test_instructor_sees_phone_but_not_address_of_a_student(client_of, instructor):
    student = StudentFactory(
        user__email="asha@example.com",
        user__phone="9876543210",
        guardian_phone="9123456780",
        guardian_email="father@example.com",
        address="12 MG Road",
    )
    EnrollmentFactory(student=student, batch__instructor=instructor)

    text = client_of(instructor).get(page("detail", student)).content.decode()

    assert "98765 43210" in text
    assert "91234 56780" in text
    assert "asha@example.com" not in text
    assert "father@example.com" not in text
    assert "12 MG Road" not in text
    assert page("deactivate", student) not in text


def test_page_shows_changes_and_who_made_them(client_of, admin, student):
    client = client_of(admin)
    data = {"full_name": "Asha Rao", "email": "asha@example.com", "admission_number": "26-00777"}
    client.post(page("update", student), data)

    response = client.get(page("detail", student))

    told = [(change.by, change.fields) for change in response.context["changes"] if change.fields]
    assert (admin, [("Full name", "Asha Verma", "Asha Rao")]) in told
    assert (admin, [("Admission number", student.admission_number, "26-00777")]) in told


def test_changes_are_shown_to_those_who_see_all_fields_only(client_of, admin, student):
    update_person(student.user, by=admin, email="other@example.com")
    clerk = user_with("accounts.see_whole_institute", "accounts.change_user")
    url = page("detail", admin)
    update_person(admin, by=admin, email="new@example.com")

    for person in (admin, student.user):
        response = client_of(clerk).get(page("detail", person))
        assert response.context["changes"] == []
    assert "anita@example.com" not in client_of(clerk).get(url).content.decode()
    assert "anita@example.com" in client_of(admin).get(url).content.decode()


def test_imported_person_has_a_page_without_history(client_of, admin, instructor):
    instructor.history.all().delete()
    instructor.membership.history.all().delete()

    assert client_of(admin).get(page("detail", instructor)).context["changes"] == []


def test_query_count_of_page_is_constant(client_of, admin, student, queries_of):
    def change(n):
        update_person(
            student.user, profile={"address": f"{n} MG Road"}, phone=f"987654321{n}", by=admin
        )

    client = client_of(admin)
    change(0)
    client.get(page("detail", student))
    few = queries_of(lambda: client.get(page("detail", student)))
    for n in range(1, 5):
        change(n)

    assert queries_of(lambda: client.get(page("detail", student))) == few


# Adding ----------------------------------------------------------------------------------------


def add(client, **data):
    return client.post(reverse("accounts:person-create"), data)


def test_student_is_added_with_the_next_admission_number(client_of, admin):
    response = add(
        client_of(admin),
        role="Student",
        full_name="Asha Verma",
        birth_on="2010-02-03",
        guardian_name="Sunita Verma",
        state="07",
        guardian_phone="+91 91234 56780",
        address="12 MG Road\nPune",
    )

    person = User.objects.get(full_name="Asha Verma")
    record = person.student_profile
    assert response.url == page("invite", person)
    assert (person.role, person.email, person.has_usable_password()) == ("Student", "", False)
    assert record.admission_number == f"{timezone.localdate():%y}-00001"
    assert (record.birth_on, record.guardian_phone) == (datetime.date(2010, 2, 3), "9123456780")
    assert (record.guardian_name, record.address) == ("Sunita Verma", "12 MG Road\nPune")
    assert record.get_state_display() == "Delhi"
    assert User.objects.search(record.admission_number).get() == person


def test_save_and_enroll_opens_the_enrollment_form(client_of, admin):
    response = add(client_of(admin), role="Student", full_name="Asha Verma", enroll="yes")

    person = User.objects.get(full_name="Asha Verma")
    assert response.url == f"{reverse('finance:enrollment-create')}?student={person.pk}"


def test_role_is_chosen_by_the_query_string(client_of, admin):
    client = client_of(admin)

    assert (
        "admission_number" in client.get(reverse("accounts:person-create")).context["form"].fields
    )
    form = client.get(reverse("accounts:person-create"), {"role": "Instructor"}).context["form"]
    assert list(form.fields) == ["full_name", "email", "phone"]


def test_person_added_without_the_whole_institute_is_not_opened(client_of, front_desk):
    whole = Permission.objects.get(codename="see_whole_institute")
    front_desk.membership.group.permissions.remove(whole)
    client = client_of(front_desk)

    response = add(client, role="Student", full_name="Asha Verma")

    assert response["Location"] == reverse("accounts:person-create")
    page = client.get(response["Location"]).content.decode()
    assert "Asha Verma added with admission number 26-00001." in page


@pytest.mark.parametrize("role", [INSTRUCTOR, ADMIN])
def test_staff_require_an_email(client_of, admin, role):
    response = add(client_of(admin), role=role, full_name="Imran Khan")

    assert response.context["form"].errors["email"]
    assert User.objects.count() == 1


def test_unknown_fields_change_nothing(client_of, admin):
    add(
        client_of(admin),
        role="Instructor",
        full_name="Imran Khan",
        email="imran@example.com",
        is_superuser="on",
        is_staff="on",
        password="x",
        id="7",
        groups="1",
        is_active="",
    )

    person = User.objects.get(email="imran@example.com")
    assert (person.role, person.is_superuser, person.is_active) == ("Instructor", False, True)
    assert not person.has_usable_password()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("full_name", "", "This field is required."),
        ("full_name", "x" * 300, "Ensure this value has at most 150 characters (it has 300)."),
        ("full_name", "a\0b", "This text holds a NUL character. Type it again."),
        ("email", "IMRAN@example.com", "Somebody has this email address already."),
        ("admission_number", "jee/99", "Another student has this admission number."),
        ("birth_on", "2010-02-31", "Enter a date that exists, like 24/11/2026."),
        ("birth_on", "0001-01-01", "Enter a date between 1900 and 2100."),
        (
            "guardian_phone",
            "call me",
            "Enter a phone number with its digits, like 98765 43210 or +971 50 123 4567.",
        ),
    ],
)
def test_invalid_input_gets_a_message_and_is_kept(
    client_of, admin, instructor, field, value, sentence
):
    StudentFactory(admission_number="JEE/99")
    before = User.objects.count()

    response = add(
        client_of(admin),
        **{"role": "Student", "full_name": "Asha", "address": "Pune", field: value},
    )

    form = response.context["form"]
    assert form.errors[field] == [sentence]
    assert form["address"].value() == "Pune"
    assert User.objects.count() == before


@pytest.mark.parametrize(
    "name", ["क्‍ष शर्मा", "José 😀 O'Brien", '<b>"Null"</b>', "தமிழ் மொழி", "x" * 150]
)
def test_name_is_stored_exactly_and_escaped(client_of, admin, name):
    client = client_of(admin)
    add(client, role="Instructor", full_name=name, email="imran@example.com")

    person = User.objects.get(email="imran@example.com")
    assert person.full_name == name
    assert "<b>" not in client.get(page("detail", person)).content.decode()


def test_link_is_shown_once_without_a_mail_server(client_of, admin, client):
    client = client_of(admin)
    response = add(client, role="Instructor", full_name="Imran Khan", email="imran@example.com")

    shown = client.get(response.url).context["link"]
    again = client.get(response.url)

    assert re.fullmatch(r"http://localhost:8000/accounts/invitation/\S+/", shown)
    assert again.context["link"] == ""
    assert shown not in again.content.decode()
    assert client.post(response.url, {"show": "yes"}).url == response.url
    assert client.get(response.url).context["link"]


def test_link_is_sent_by_email(client_of, admin, settings):
    settings.SENDS_MAIL = True

    response = add(
        client_of(admin), role="Instructor", full_name="Imran Khan", email="imran@example.com"
    )

    person = User.objects.get(email="imran@example.com")
    assert response.url == page("detail", person)
    assert [message.to for message in mail.outbox] == [["imran@example.com"]]
    assert "http://localhost:8000/accounts/invitation/" in mail.outbox[0].body


def test_adding_requires_permission(client_of, instructor, student):
    for user in (instructor, student):
        assert add(client_of(user), role="Student", full_name="X").status_code == 403


# Editing ---------------------------------------------------------------------------------------


def test_admin_edits_everything_and_search_finds_it(client_of, admin, student):
    client_of(admin).post(
        page("update", student),
        {
            "full_name": "Asha Rao",
            "email": "rao@example.com",
            "phone": "98765 43210",
            "admission_number": "CM-7",
        },
    )

    found = User.objects.search("cm-7").get()
    assert (found.full_name, found.email, found.phone) == (
        "Asha Rao",
        "rao@example.com",
        "9876543210",
    )


def test_email_is_unique(client_of, admin, instructor, student):
    data = {"full_name": "Asha", "email": "Imran@example.com", "admission_number": "26-1"}

    response = client_of(admin).post(page("update", student), data)

    assert response.context["form"].errors == {
        "email": ["Somebody has this email address already."]
    }


def test_others_can_edit_only_their_own_name_and_phone(client_of, instructor):
    client_of(instructor).post(
        page("update", instructor),
        {"full_name": "Imran K", "phone": "9876543210", "email": "new@example.com"},
    )

    instructor.refresh_from_db()
    assert (instructor.full_name, instructor.phone) == ("Imran K", "9876543210")
    assert instructor.email == "imran@example.com"


def test_visible_person_is_403_to_edit_and_others_are_404(client_of, instructor, student):
    own = EnrollmentFactory(batch__instructor=instructor).student
    client = client_of(instructor)

    for method in (client.get, client.post):
        assert method(page("update", own)).status_code == 403
        assert method(page("update", student)).status_code == 404


def test_changed_email_is_notified_to_the_old_address(
    student, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    with django_capture_on_commit_callbacks(execute=True):
        update_person(student.user, email="new@example.com", by=student.user)

    assert [message.to for message in mail.outbox] == [["asha@example.com"]]
    assert "changed to new@example.com" in mail.outbox[0].body


# Roles -----------------------------------------------------------------------------------------


def change_role(client, person, role, **more):
    return client.post(page("role", person), {"role": Group.objects.get(name=role).pk, **more})


def test_changed_role_is_in_the_history(client_of, admin, instructor):
    change_role(client_of(admin), instructor, ADMIN)

    assert Membership.objects.get(user=instructor).group.name == ADMIN
    assert [row.group.name for row in instructor.membership.history.all()] == [ADMIN, INSTRUCTOR]


def test_new_role_is_notified_by_email(
    admin, instructor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    with django_capture_on_commit_callbacks(execute=True):
        people.change_role(instructor, Group.objects.get(name=ADMIN), by=admin)

    assert "Your role is now Admin." in mail.outbox[0].body


def test_role_change_requires_the_password_after_ten_minutes(client_of, admin, instructor):
    client = client_of(admin)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=11)):
        refused = change_role(client, instructor, ADMIN)
        assert refused.context["form"].errors["own_password"]
        assert Membership.objects.get(user=instructor).group.name == INSTRUCTOR
        change_role(client, instructor, ADMIN, own_password=PASSWORD)
    assert Membership.objects.get(user=instructor).group.name == ADMIN


def test_role_page_shows_since_when_the_email_is_in_use_and_who_entered_it(
    client_of, admin, instructor
):
    other_admin = UserFactory(full_name="Farah Rao", role=ADMIN)
    with time_machine.travel("2027-03-03 11:30+05:30", tick=False):
        response = client_of(other_admin).post(
            page("update", instructor),
            {"full_name": "Imran Khan", "email": "other@example.com"},
        )
    assert response.status_code == 302
    with time_machine.travel("2027-03-04 11:30+05:30", tick=False):
        update_person(instructor, by=admin, full_name="Imran A. Khan")

    text = " ".join(client_of(admin).get(page("role", instructor)).content.decode().split())

    assert "entered on 3 Mar 2027, 11:30 by Farah Rao" in text
    assert "other<wbr>@example.com" in text


def test_role_page_shows_no_email_to_a_role_that_sees_none(client_of, instructor):
    clerk = user_with("accounts.see_whole_institute", "accounts.change_membership")
    clerk.groups.get().permissions.add(*instructor.groups.get().permissions.all())

    text = client_of(clerk).get(page("role", instructor)).content.decode()

    assert "Change the role of Imran Khan" in text
    assert "entered on" in text
    assert "imran" not in text


def test_nobody_can_change_their_own_role(client_of, admin):
    UserFactory(role=ADMIN)

    response = change_role(client_of(admin), admin, INSTRUCTOR)

    assert (
        response.context["reason_not_allowed"]
        == "You cannot change your own role. Ask another Admin."
    )
    assert Membership.objects.get(user=admin).group.name == ADMIN


def test_former_instructor_sees_no_students_of_a_batch_that_still_names_them(
    client_of, admin, instructor, student
):
    batch = BatchFactory(name="JEE morning", instructor=instructor)
    EnrollmentFactory(student=student, batch=batch)
    BatchFactory(
        name="JEE of last year",
        instructor=instructor,
        starts_on=timezone.localdate() - datetime.timedelta(days=400),
        ends_on=timezone.localdate() - datetime.timedelta(days=40),
    )
    pages = [
        page("detail", student.user),
        reverse("dashboards:student-page", args=[student.pk]),
        reverse("academics:student-enrollment", args=[student.pk]),
        batch.get_absolute_url(),
        reverse("dashboards:instructor-dashboard"),
    ]
    assert [client_of(instructor).get(url).status_code for url in pages] == [200] * 5

    role = user_with("academics.view_batch", "finance.view_payment").role
    response = change_role(client_of(admin), instructor, role)

    messages = [str(message) for message in get_messages(response.wsgi_request)]
    assert messages[1:] == [
        "Imran Khan is still the instructor of JEE morning, but the new role cannot teach. "
        "Choose another instructor."
    ]
    instructor = User.objects.get(pk=instructor.pk)
    assert [client_of(instructor).get(url).status_code for url in pages] == [404] * 4 + [403]
    assert client_of(instructor).get(page("detail", instructor)).status_code == 200


def test_new_role_that_can_teach_warns_of_nothing(client_of, admin, instructor):
    BatchFactory(instructor=instructor)

    response = change_role(client_of(admin), instructor, ADMIN)

    assert len(list(get_messages(response.wsgi_request))) == 1


def test_role_student_can_be_neither_given_nor_taken(client_of, admin, instructor, student):
    client = client_of(admin)

    assert (
        "must remain a student"
        in change_role(client, student.user, INSTRUCTOR).context["reason_not_allowed"]
    )
    assert change_role(client, instructor, STUDENT).context["form"].errors["role"]
    assert Membership.objects.get(user=student.user).group.name == STUDENT
    assert Membership.objects.get(user=instructor).group.name == INSTRUCTOR


def test_last_active_admin_remains_admin_and_active(admin):
    owner = UserFactory(full_name="Owner", is_superuser=True)
    UserFactory(role=ADMIN, is_active=False)

    with pytest.raises(ValidationError, match="Anita Rao is the last active Admin"):
        people.change_role(admin, Group.objects.get(name=INSTRUCTOR), by=owner)
    with pytest.raises(ValidationError, match="Anita Rao is the last active Admin"):
        deactivate(admin, by=owner)


def test_nobody_can_manage_people_with_permissions_they_lack(
    client_of, front_desk, admin, instructor, student
):
    client = client_of(front_desk)
    acts = ("role", "invite", "deactivate", "activate")

    assert [client.post(page(act, admin)).status_code for act in acts] == [403, 403, 403, 403]
    assert client.get(page("update", admin)).status_code == 403
    assert client.post(page("update", admin), {"full_name": "X", "phone": ""}).status_code == 403
    assert page("update", admin) not in client.get(page("detail", admin)).content.decode()
    assert client.get(page("update", front_desk)).status_code == 200
    assert list(client.get(reverse("accounts:person-create")).context["roles"]) == [
        "Student",
        "Front desk",
    ]
    add(client, role="Admin", full_name="Sly", email="sly@example.com")
    assert not Membership.objects.filter(user__full_name="Sly", group__name=ADMIN).exists()
    assert client.post(page("deactivate", student)).url == page("detail", student)


def test_admission_number_cannot_be_an_email_address(client_of, admin):
    response = add(client_of(admin), role="Student", full_name="Sly", admission_number="ik@x.in")

    assert response.context["form"].errors == {
        "admission_number": ["An admission number cannot contain @."]
    }
    assert not User.objects.filter(full_name="Sly").exists()


def test_promoted_person_is_not_changed_by_somebody_with_fewer_permissions(front_desk, instructor):
    with pytest.raises(PermissionDenied):
        update_person(instructor, by=front_desk, email="sly@example.com")

    instructor.refresh_from_db()
    assert instructor.email == "imran@example.com"


# Deactivation ----------------------------------------------------------------------------------


def test_deactivation_ends_sign_in_and_can_be_undone(client_of, admin, student):
    client = client_of(admin)

    assert client.get(page("deactivate", student)).status_code == 200
    student.user.refresh_from_db()
    assert student.user.is_active
    client.post(page("deactivate", student))
    student.user.refresh_from_db()
    assert not student.user.is_active
    client.post(page("activate", student))
    student.user.refresh_from_db()
    assert student.user.is_active


def test_deactivated_and_activated_people_are_told_by_email(
    client_of, admin, instructor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    client = client_of(admin)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(page("deactivate", instructor))
        client.post(page("activate", instructor))

    assert [message.to for message in mail.outbox] == [["imran@example.com"]] * 2
    first, second = (message.body for message in mail.outbox)
    assert "was deactivated" in first and "was activated" in second


def test_nobody_can_deactivate_themselves(client_of, admin):
    UserFactory(role=ADMIN)

    response = client_of(admin).post(page("deactivate", admin))

    assert (
        response.context["reason_not_allowed"]
        == "You cannot deactivate yourself. Ask another Admin."
    )
    admin.refresh_from_db()
    assert admin.is_active


def test_inactive_person_gets_no_link(client_of, admin):
    gone = UserFactory(is_active=False)

    assert client_of(admin).post(page("invite", gone), {"show": "yes"}).url == page("detail", gone)


@pytest.mark.parametrize("act", ["role", "invite", "deactivate", "activate"])
def test_account_actions_require_permission(client_of, instructor, student, act):
    for user in (instructor, student):
        assert client_of(user).post(page(act, user)).status_code == 403


@pytest.mark.parametrize("act", ["detail", "update", "role", "invite", "deactivate", "activate"])
def test_unknown_person_is_404(client_of, admin, act):
    assert client_of(admin).get(reverse(f"accounts:person-{act}", args=[10**9])).status_code == 404


@pytest.mark.parametrize("act", ["update", "role", "invite", "deactivate"])
def test_forms_of_a_person_open(client_of, admin, instructor, act):
    assert client_of(admin).get(page(act, instructor)).status_code == 200


def test_empty_role_offers_to_add_the_first_person(client_of, admin):
    client = client_of(admin)

    assert (
        "Add the first person"
        in client.get(reverse("dashboards:person-list"), {"role": "Student"}).content.decode()
    )
    searched = client.get(
        reverse("dashboards:person-list"), {"role": "Student", "q": "asha"}
    ).content.decode()
    assert "No people match" in searched and "Add the first person" not in searched


def test_question_for_the_password_does_not_reveal_an_email(client_of, instructor):
    student = StudentFactory(user__email="asha@example.com")
    enrolled(student=student, batch=BatchFactory(instructor=instructor))
    client, page = client_of(instructor), reverse("accounts:person-update", args=[student.pk])

    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=11)):
        answers = [
            client.post(page, {"email": email}).status_code
            for email in ("asha@example.com", "guessed@example.com")
        ]

    assert answers == [403, 403]
