import datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.phones import whatsapp_number, whatsapp_url
from finance.models import FeeReminder

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DUES = reverse("finance:dues")
MAIL = reverse("finance:remind-by-mail")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def debtor(student):
    """Asha has ₹750 due since yesterday and ₹250 due tomorrow; her father has phone and email."""
    today = timezone.localdate()
    student.guardian_phone, student.guardian_email = "9876500001", "father@example.com"
    student.save()
    enrolled(
        student=student,
        batch=None,
        fee="1000.00",
        installments=[(today - DAY, Decimal("750.00")), (today + DAY, Decimal("250.00"))],
    )
    return student


@pytest.fixture
def institute():
    institute = Institute.objects.current()
    institute.name, institute.upi_id, institute.phone = (
        "Sunrise & Co",
        "sunrise@okaxis",
        "9000000000",
    )
    institute.fee_reminder = (
        "{name} ({admission_number}) owes {amount} since {due_on}. {institute} {phone} {upi_link}"
    )
    institute.save()
    return institute


def remind(client, student, **sent):
    return client.post(reverse("finance:remind", args=[student.pk]), sent)


def test_reminder_opens_whatsapp_with_the_text_of_the_institute(
    client_of, admin, debtor, institute
):
    answer = remind(client_of(admin), debtor)

    link = urlsplit(answer["Location"])
    (text,) = parse_qs(link.query)["text"]
    words, upi = text.split("upi://pay?")
    yesterday = timezone.localdate() - DAY
    assert (link.scheme, link.netloc, link.path) == ("https", "wa.me", "/919876500001")
    assert words == (
        f"Asha Verma ({debtor.admission_number}) owes ₹750.00 "
        f"since {yesterday.day} {yesterday:%b %Y}. "
        "Sunrise & Co 9000000000 "
    )
    assert parse_qs(upi)["am"] == ["750.00"]
    assert (parse_qs(upi)["pa"], parse_qs(upi)["pn"]) == (["sunrise@okaxis"], ["Sunrise & Co"])
    reminder = FeeReminder.objects.get()
    assert (reminder.student, reminder.channel, reminder.amount, reminder.sent_by) == (
        debtor, "whatsapp", Decimal("750.00"), admin,
    )  # fmt: skip


def test_content_security_policy_allows_whatsapp(client_of, admin):
    policy = client_of(admin).get(DUES)["Content-Security-Policy"]

    assert "form-action 'self' https://wa.me https://api.whatsapp.com;" in policy + ";"


def test_braces_in_a_name_are_not_replaced(client_of, admin, debtor, institute):
    debtor.user.full_name = "{phone} {0}"
    debtor.user.save()

    assert parse_qs(urlsplit(remind(client_of(admin), debtor)["Location"]).query)["text"][
        0
    ].startswith("{phone} {0} (")


def test_second_reminder_within_the_period_asks_first(client_of, admin, debtor):
    client = client_of(admin)
    remind(client, debtor)

    again = remind(client, debtor)
    assert again.status_code == 200 and "Remind again?" in again.content.decode()
    assert FeeReminder.objects.count() == 1

    assert remind(client, debtor, again="on")["Location"].startswith("https://wa.me/")
    assert FeeReminder.objects.count() == 2


def test_reminder_after_the_period_is_sent_at_once(client_of, admin, debtor):
    with time_machine.travel(timezone.now() - 8 * DAY, tick=False):
        FeeReminder.objects.create(
            student=debtor, channel="email", amount=Decimal("1.00"), sent_by=admin
        )

    assert remind(client_of(admin), debtor).status_code == 302


def test_student_without_dues_is_not_reminded(client_of, admin, debtor):
    client = client_of(admin)
    offer = reverse("finance:remind", args=[debtor.pk])
    assert offer in client.get(DUES).content.decode()

    paid(student=debtor, amount="750.00")

    assert offer not in client.get(DUES).content.decode()
    answer = client.post(offer, follow=True)
    assert "has nothing to pay today" in answer.content.decode()
    assert not FeeReminder.objects.exists()


def test_past_dues_offer_no_reminders(client_of, admin, debtor):
    page = client_of(admin).get(DUES, {"as_of": timezone.localdate() - DAY}).content.decode()

    assert reverse("finance:remind", args=[debtor.pk]) not in page


def test_list_shows_the_last_reminder_and_payment(client_of, admin, debtor):
    client = client_of(admin)
    paid(student=debtor, amount="1.00", paid_on=timezone.localdate() - 3 * DAY)
    remind(client, debtor)

    (row,) = client.get(DUES).context["debtors"]
    assert row.account.last_paid_on == timezone.localdate() - 3 * DAY
    assert row.account.reminded_at == FeeReminder.objects.get().sent_at


def test_each_ticked_student_gets_an_email(
    client_of, admin, debtor, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    other = enrolled(fee="500.00").student
    other.user.email = "own@example.com"
    other.user.save()
    clear = enrolled(fee="5.00").student
    paid(student=clear, amount="5.00")
    client = client_of(admin)

    with django_capture_on_commit_callbacks(execute=True):
        ticked = {"students": [debtor.pk, other.pk, clear.pk]}
        asked = client.post(MAIL + "?age=overdue", ticked)
        assert mail.outbox == [] and not FeeReminder.objects.exists()
        answer = client.post(MAIL + "?age=overdue", ticked | {"recent": "again"})

    page = asked.content.decode()
    assert "Send 2 emails" in page and "₹750 overdue since" in page
    assert [notice.student for notice in asked.context["notices"]] == [debtor, other]
    assert answer["Location"] == f"{DUES}?age=overdue"
    assert sorted(message.to[0] for message in mail.outbox) == [
        "father@example.com",
        "own@example.com",
    ]
    assert (
        f"fees of Asha Verma ({debtor.admission_number}): ₹750 overdue since"
        in next(m for m in mail.outbox if m.to == ["father@example.com"]).body
    )
    assert set(FeeReminder.objects.values_list("student", "channel")) == {
        (debtor.pk, "email"),
        (other.pk, "email"),
    }


def test_refused_email_is_not_recorded(client_of, admin, debtor, settings, monkeypatch):
    settings.SENDS_MAIL = True
    other = enrolled(fee="500.00").student
    other.guardian_email = "m@example.com"
    other.save()
    monkeypatch.setattr(
        "accounts.services.emails.send_all",
        lambda messages: [message.to == ["m@example.com"] for message in messages],
    )

    answer = (
        client_of(admin)
        .post(MAIL, {"students": [debtor.pk, other.pk], "recent": "again"}, follow=True)
        .content.decode()
    )

    assert FeeReminder.objects.get().student == other
    assert "Reminders by email: 1 sent." in answer
    assert "Not sent to the family of Asha Verma: the mail server refused the email." in answer
    assert "father@example.com" not in answer


@pytest.mark.parametrize(("answered", "mails"), [("leave_out", 1), ("again", 2)])
def test_recent_reminders_are_confirmed_first(
    client_of, admin, debtor, settings, django_capture_on_commit_callbacks, answered, mails
):
    settings.SENDS_MAIL = True
    other = enrolled(fee="500.00").student
    other.guardian_email = "m@example.com"
    other.save()
    client = client_of(admin)
    remind(client, debtor)
    ticked = {"students": [debtor.pk, other.pk]}

    with django_capture_on_commit_callbacks(execute=True):
        asked = client.post(MAIL, ticked)
    recent = [notice.student for notice in asked.context["notices"] if notice.is_recent]
    assert recent == [debtor]
    assert "Send 1 email, leave out those reminded" in asked.content.decode()
    assert mail.outbox == [] and FeeReminder.objects.count() == 1

    with django_capture_on_commit_callbacks(execute=True):
        client.post(MAIL, ticked | {"recent": answered})
    assert len(mail.outbox) == mails


@pytest.mark.parametrize(
    "sent", [{}, {"students": ["x"]}, {"students": ["9" * 30]}, {"students": ["-1"]}]
)
def test_invalid_selection_reminds_nobody(client_of, admin, debtor, settings, sent):
    settings.SENDS_MAIL = True

    assert "Nobody was reminded" in client_of(admin).post(MAIL, sent, follow=True).content.decode()
    assert not FeeReminder.objects.exists()


def test_no_email_is_offered_without_a_mail_server(client_of, admin, debtor, settings):
    settings.SENDS_MAIL = False
    client = client_of(admin)

    assert MAIL not in client.get(DUES).content.decode()
    client.post(MAIL, {"students": [debtor.pk]})
    assert not FeeReminder.objects.exists() and mail.outbox == []


def test_phone_number_is_formatted_for_whatsapp():
    assert whatsapp_number("9876543210") == "919876543210"
    assert whatsapp_number("+971501234567") == "971501234567"
    assert whatsapp_number("4423456789") == whatsapp_number("") == whatsapp_number("123456") == ""
    assert (
        whatsapp_url("9876543210", "a & b\n₹")
        == "https://wa.me/919876543210?text=a%20%26%20b%0A%E2%82%B9"
    )
    assert whatsapp_url("", "a") == ""


@pytest.mark.parametrize("confirmed", [{}, {"recent": "again"}])
def test_reminders_need_the_same_queries_for_any_number(
    client_of, admin, settings, queries_of, confirmed
):
    settings.SENDS_MAIL = True
    first, *few = [enrolled(fee="10.00").student.pk for _ in range(3)]
    many = [enrolled(fee="10.00").student.pk for _ in range(8)]
    client = client_of(admin)
    client.post(MAIL, {"students": [first]})

    assert queries_of(lambda: client.post(MAIL, {"students": many, **confirmed})) == queries_of(
        lambda: client.post(MAIL, {"students": few, **confirmed})
    )
