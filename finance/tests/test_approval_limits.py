from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.models import User
from accounts.roles import STUDENT, assignable_roles
from accounts.tests.factories import UserFactory, user_with
from coachmaster.imports.models import Import
from conftest import ADMIN
from finance.ledger import fee_status
from finance.models import ApprovalLimit, Charge, Concession
from finance.services import concessions

from .factories import enrolled
from .test_concessions import ask, messages_after, today

pytestmark = pytest.mark.django_db
PAGE = reverse("finance:approval-limits")
LIST = reverse("finance:concession-list")
DEFAULT = {"default": "5,000"}
CLERK = ("accounts.see_whole_institute", "finance.view_payment", "finance.view_concession")


@pytest.fixture
def clerk():
    """The only person of a role that gives concessions."""
    return user_with(*CLERK, "finance.add_concession", full_name="Chitra Clerk")


@pytest.fixture
def accountant():
    """The only person of a role that also approves them."""
    permissions = "finance.add_concession", "finance.approve_concession"
    return user_with(*CLERK, *permissions, full_name="Arun Accountant")


def set_limits(person, gives=None, approves=None):
    gives, approves = gives and Decimal(gives), approves and Decimal(approves)
    role = person.membership.group
    return ApprovalLimit.objects.create(group=role, gives_up_to=gives, approves_up_to=approves)


def balance(student):
    return fee_status(student, today()).balance


def requested(student, by, amount):
    charges = list(Charge.objects.active().filter(student=student))
    about = {"student": student, "charges": charges, "kind": "merit", "reason": "Topper"}
    row, *_ = concessions.request_concession(**about, by=by, amount=Decimal(amount))
    return row


def approve(client, row):
    return client.post(reverse("finance:concession-approve", args=[row.pk]))


# Giving ---


def test_role_without_limits_follows_the_settings(clerk):
    student = enrolled(fee="12000.00").student

    assert not requested(student, clerk, "5000.00").is_waiting
    assert requested(student, clerk, "0.01").is_waiting


def test_each_role_gives_concessions_up_to_its_own_limit(client_of, clerk, admin):
    set_limits(clerk, gives="1000.00")
    student = enrolled(fee="12000.00").student

    ask(client_of(clerk), student, amount="1000", token="one")
    ask(client_of(clerk), student, amount="0.01", token="two")
    ask(client_of(admin), student, amount="4000", token="three")

    assert balance(student) == Decimal("7000.00")
    assert Concession.objects.waiting().get().asked_by == clerk


def test_limit_of_zero_lets_every_concession_wait(clerk):
    set_limits(clerk, gives="0.00")

    assert requested(enrolled(fee="12000.00").student, clerk, "0.01").is_waiting


def test_form_says_above_which_amount_whose_approval_is_needed(client_of, clerk, accountant, admin):
    set_limits(clerk, gives="1000.00")
    set_limits(accountant, approves="20000.00")
    student = enrolled(fee="12000.00").student
    address = reverse("finance:concession-ask", args=[student.pk])

    def notice(user):
        return client_of(user).get(address).context["approval_notice"]

    start = "Above ₹{}, with earlier concessions of the enrollment, it waits for approval by "
    others = f"Admin or {accountant.role} (up to ₹20,000.00)."
    assert notice(clerk) == start.format("1,000.00") + others
    assert notice(admin) == start.format("5,000.00") + others


def test_form_names_no_role_that_approves_less_or_has_no_people(client_of, clerk, accountant):
    set_limits(accountant, approves="5000.00")
    student = enrolled(fee="12000.00").student
    address = reverse("finance:concession-ask", args=[student.pk])

    notice = client_of(clerk).get(address).context["approval_notice"]

    assert notice.endswith("it waits for approval by somebody with the permission.")


# Approving ---


def test_role_approves_up_to_its_limit(client_of, clerk, accountant, admin):
    set_limits(accountant, approves="7000.00")
    student, other = enrolled(fee="12000.00").student, enrolled(fee="12000.00").student
    small, large = requested(student, clerk, "7000.00"), requested(other, clerk, "7000.01")
    client = client_of(accountant)

    approve(client, small)
    response = approve(client, large)

    assert balance(student) == Decimal("5000.00")
    assert balance(other) == Decimal("12000.00")
    assert messages_after(client, response)[-1] == (
        "Your role approves concessions up to ₹7,000.00 on an enrollment, and this makes "
        "₹7,000.01. Ask Admin to approve it."
    )
    approve(client_of(admin), large)
    assert balance(other) == Decimal("4999.99")


def test_earlier_concessions_on_the_enrollment_count_for_approving(clerk, accountant):
    set_limits(accountant, approves="7000.00")
    student = enrolled(fee="12000.00").student
    requested(student, clerk, "5000.00")
    row = requested(student, clerk, "2000.01")

    with pytest.raises(ValidationError, match=r"and this makes ₹7,000\.01"):
        concessions.approve_concession(token=row.token, by=accountant)


def test_approval_shows_all_concessions_on_the_enrollment(client_of, clerk, accountant):
    student = enrolled(fee="12000.00").student
    requested(student, clerk, "5000.00")
    row = requested(student, clerk, "2000.01")

    page = client_of(accountant).get(reverse("finance:concession-approve", args=[row.pk]))

    text = page.content.decode()
    assert "₹7,000.01" in text and "all concessions on the enrollment" in text
    assert reverse("finance:concession-cancel", args=[row.pk]) not in text


def test_own_request_is_approved_only_if_nobody_else_approves_that_much(
    client_of, accountant, admin
):
    set_limits(accountant, approves="7000.00")
    student, other = enrolled(fee="12000.00").student, enrolled(fee="12000.00").student
    small, large = requested(student, admin, "7000.00"), requested(other, admin, "7000.01")
    client = client_of(admin)

    refused = approve(client, small)
    approve(client, large)

    assert "You requested this concession yourself" in messages_after(client, refused)[0]
    assert balance(student) == Decimal("12000.00")
    assert balance(other) == Decimal("4999.99")


def test_pending_list_offers_approval_only_to_those_who_may(client_of, clerk, accountant, admin):
    set_limits(accountant, approves="7000.00")
    small = requested(enrolled(fee="12000.00").student, clerk, "6000.00")
    large = requested(enrolled(fee="12000.00").student, clerk, "8000.00")
    own = requested(enrolled(fee="12000.00").student, accountant, "6000.00")

    def offered(user):
        page = client_of(user).get(LIST).content.decode()
        return {
            row
            for row in (small, large, own)
            if reverse("finance:concession-approve", args=[row.pk]) in page
        }

    assert offered(clerk) == set()
    assert offered(accountant) == {small}
    assert offered(admin) == {small, large, own}
    fees = client_of(accountant).get(reverse("finance:student-fees", args=[large.student_id]))
    assert reverse("finance:concession-approve", args=[large.pk]) not in fees.content.decode()
    assert "by Admin" in fees.content.decode()


def test_pending_list_and_its_file_say_who_approves(client_of, clerk, accountant, admin):
    set_limits(accountant, approves="7000.00")
    student = enrolled(fee="12000.00").student
    requested(student, clerk, "5000.00")
    requested(student, clerk, "2000.01")

    page = client_of(admin).get(LIST)
    file = b"".join(client_of(admin).get(LIST, {"as": "csv"}).streaming_content).decode()

    (pending,) = page.context["page"]
    assert (pending.amount, pending.total) == (Decimal("2000.01"), Decimal("7000.01"))
    assert "₹7,000.01 with earlier ones" in page.content.decode()
    assert file.splitlines()[1].endswith("2000.01,7000.01,Admin")


# Setting ---


def test_owner_sets_limits_with_history(client_of, admin, clerk, accountant):
    client = client_of(admin)
    page = client.get(PAGE)
    assert [str(role) for role, _ in page.context["form"].groups] == sorted(
        [ADMIN, clerk.role, accountant.role]
    )

    typed = {
        **DEFAULT,
        f"gives_{clerk.membership.group_id}": "1,000",
        f"gives_{accountant.membership.group_id}": "",
        f"approves_{accountant.membership.group_id}": "20000",
        "shown": page.context["form"]["shown"].value(),
    }
    response = client.post(PAGE, typed)

    assert response.url == PAGE
    limits = ApprovalLimit.objects.values_list("group__name", "gives_up_to", "approves_up_to")
    assert set(limits) == {
        (clerk.role, Decimal("1000.00"), None),
        (accountant.role, None, Decimal("20000.00")),
    }
    text = " ".join(client.get(PAGE).content.decode().split())
    assert f"<strong>{clerk.role}</strong> Gives without approval up to (₹)" in text
    assert "<del>empty</del> → ₹1,000.00" in text and "Anita Rao" in text
    assert ApprovalLimit.history.count() == 2


def test_saving_without_a_change_adds_no_history(client_of, admin, clerk):
    limit = set_limits(clerk, gives="1000.00")

    client_of(admin).post(PAGE, {**DEFAULT, f"gives_{limit.pk}": "1000.00"})

    assert ApprovalLimit.history.count() == 1


@pytest.mark.parametrize(
    ("approves", "sentence"),
    [
        ("-1", "An amount cannot be negative."),
        ("1e3", "Enter an amount in rupees"),
        ("4999.99", "gives concessions up to ₹5,000.00 without approval."),
        ("20000", "Leave “Approves up to” of one role empty"),
    ],
)
def test_invalid_limit_is_refused_with_a_message(client_of, admin, approves, sentence):
    role = Group.objects.get(name=ADMIN)

    response = client_of(admin).post(PAGE, {**DEFAULT, f"approves_{role.pk}": approves})

    assert sentence in response.content.decode()
    assert not ApprovalLimit.objects.exists()


def test_second_owner_is_told_what_the_first_one_changed(client_of, admin, clerk):
    client = client_of(admin)
    shown = client.get(PAGE).context["form"]["shown"].value()
    limit = set_limits(clerk, gives="1000.00")

    response = client.post(PAGE, {**DEFAULT, f"gives_{limit.pk}": "2000", "shown": shown})

    assert "changed Gives without approval up to (₹) (now ₹1,000.00)" in response.content.decode()
    limit.refresh_from_db()
    assert limit.gives_up_to == Decimal("1000.00")


def test_approval_limits_need_their_permission(client_of, clerk):
    assert client_of(clerk).get(PAGE).status_code == 403
    assert client_of(clerk).post(PAGE, {}).status_code == 403


def test_limits_ask_for_the_password_again(client_of, admin, clerk, password_entered):
    client = client_of(admin)
    password_entered(client, minutes=11)

    response = client.post(PAGE, {**DEFAULT, f"gives_{clerk.membership.group_id}": "1000"})

    assert "Confirm that it is you" in response.content.decode()
    assert not ApprovalLimit.objects.exists()


def test_limit_of_the_settings_applies_to_roles_without_their_own(client_of, admin, clerk):
    Institute.objects.update(concession_limit=Decimal("100.00"))

    assert "Leave empty for ₹100.00, as other roles." in client_of(admin).get(PAGE).content.decode()
    assert requested(enrolled(fee="12000.00").student, clerk, "100.01").is_waiting


def test_default_of_all_roles_is_set_here_only(client_of, admin, clerk):
    client = client_of(admin)

    client.post(PAGE, {"default": "100"})

    assert requested(enrolled(fee="12000.00").student, clerk, "100.01").is_waiting
    assert (
        "concession_limit" not in client.get(reverse("academics:institute")).context["form"].fields
    )
    assert Institute.history.latest().history_user == admin


def test_default_above_what_a_role_approves_is_refused(client_of, admin, accountant):
    limit = set_limits(accountant, approves="6000.00")
    typed = {"default": "6000.01", f"approves_{limit.pk}": "6000"}

    response = client_of(admin).post(PAGE, typed)

    assert "gives concessions up to ₹6,000.01 without approval." in response.content.decode()
    assert Institute.objects.current().concession_limit == Decimal("5000.00")


# Granting roles ---

MANAGES = *CLERK, "accounts.view_user", "accounts.add_user", "accounts.change_user"


def assignable(person):
    return {role.name for role in assignable_roles(User.objects.get(pk=person.pk))}


def test_nobody_assigns_a_role_that_approves_more_than_their_own(client_of):
    concessions_of = "finance.add_concession", "finance.approve_concession"
    desk = user_with(*MANAGES, *concessions_of)
    head = user_with(*CLERK, *concessions_of, email="head@example.com")
    set_limits(desk, gives="500.00", approves="1000.00")

    assert assignable(desk) == {STUDENT, desk.role}
    client = client_of(desk)
    assert client.get(reverse("accounts:person-invite", args=[head.pk])).status_code in (403, 404)
    added = {"role": head.role, "full_name": "Nobody Real", "email": "nobody@example.com"}
    client.post(reverse("accounts:person-create"), added)
    assert not User.objects.filter(email="nobody@example.com", membership__group__name=head.role)
    limit = set_limits(head, gives="500.00", approves="1000.01")
    assert head.role not in assignable(desk)
    limit.approves_up_to = Decimal("1000.00")
    limit.save()
    assert head.role in assignable(desk)


def test_nobody_assigns_a_role_that_gives_more_than_they_may_decide():
    desk = user_with(*MANAGES, "finance.add_concession")
    giver = user_with(*CLERK, "finance.add_concession")
    assert giver.role in assignable(desk)

    limit = set_limits(giver, gives="5000.01")
    assert giver.role not in assignable(desk)
    set_limits(desk, gives="5000.01")
    assert giver.role in assignable(desk)
    limit.delete()
    assert giver.role in assignable(desk)


def test_who_approves_any_amount_assigns_every_role_within_their_permissions(admin, accountant):
    set_limits(accountant, gives="20000.00", approves="90000.00")

    assert accountant.role in assignable(admin)


# Files ---


def test_opening_balances_take_no_concession_above_the_limit_of_the_role(client_of, admin):
    BatchFactory(name="Morning", course__total_fee=Decimal("12000.00"))
    other = UserFactory(role=ADMIN)
    set_limits(other, approves="7000.00")
    text = "name,batch,fee,concession,concession reason\nKiran Rao,Morning,12000,7000.01,Merit\n"
    client = client_of(admin)
    file = SimpleUploadedFile("rows.csv", text.encode())

    client.post(reverse("imports:import-list"), {"kind": "workbook", "file": file})

    upload = Import.objects.get()
    page = client.get(reverse("imports:import-detail", args=[upload.pk])).content.decode()
    assert "Your role approves concessions up to ₹7,000.00." in page
