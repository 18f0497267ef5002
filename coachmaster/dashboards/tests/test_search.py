import re

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory, user_with
from finance.models import Mode, Payment, ReceiptSeries
from finance.services.cancellations import cancel_receipt
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db
SEARCH = reverse("dashboards:search")
SUGGESTIONS = reverse("dashboards:search-suggestions")


@pytest.fixture
def asha():
    student = StudentFactory(
        user__full_name="Asha Verma",
        user__phone="9876543210",
        user__email="asha@example.com",
        admission_number="26-00042",
        guardian_name="Suresh Kulkarni",
        guardian_phone="9123456789",
    )
    enrolled(student=student)
    return student


def reasons(client, text):
    """Return ``{name: reason}`` of the listed students, in their order."""
    return {
        hit.person.full_name: hit.reason for hit in client.get(SEARCH, {"q": text}).context["hits"]
    }


def number_of(receipt):
    return receipt.receipt_number.rpartition("/")[2]


def test_each_hit_says_why_it_was_found(client_of, admin, asha):
    client = client_of(admin)
    StudentFactory(
        user__full_name="Ravi Iyer", user__email="ravi@example.com", admission_number="25-99999"
    )
    receipt = paid(student=asha, amount="1.00")
    paid(student=asha, amount="2.00", mode=Mode.UPI, reference="4123 5678 9012")
    paid(
        student=asha,
        amount="3.00",
        mode=Mode.CHEQUE,
        reference="771342",
        cheque_on=receipt.paid_on,
    )

    for text, reason in {
        "verm": "name",
        "asha v": "name",
        "ASHA 98765": "name, phone 98765 43210",
        "98765": "phone 98765 43210",
        "asha@": "email asha@example.com",
        "26-0004": "admission number",
        "912345": "guardian’s phone 91234 56789",
        "kulkarni": "guardian Suresh Kulkarni",
        "verma suresh": "name, guardian Suresh Kulkarni",
        number_of(receipt): f"receipt {receipt}",
        number_of(receipt).lstrip("0"): f"receipt {receipt}",
        "41235678": "reference 4123 5678 9012",
        "4123 56": "reference 4123 5678 9012",
        "7713": "reference 771342",
    }.items():
        assert reasons(client, text) == {"Asha Verma": reason}, text


def test_only_an_exact_match_opens_by_itself(client_of, admin, asha):
    client = client_of(admin)
    page = reverse("dashboards:student-page", args=[asha.pk])
    receipt = paid(student=asha, amount="1.00")
    paid(student=asha, amount="2.00", mode=Mode.UPI, reference="412356789012")
    cheque = {"mode": Mode.CHEQUE, "reference": "771342", "cheque_on": receipt.paid_on}
    paid(student=asha, amount="3.00", **cheque)
    StudentFactory(admission_number="26-000421")

    for text in (
        "26-00042",
        receipt.receipt_number,
        receipt.receipt_number.lower(),
        "9876543210",
        "+91 98765 43210",
        "91234 56789",
        "4123 5678 9012",
        "771342",
        "asha VERMA",
    ):
        assert client.get(SEARCH, {"q": text}).url == page, text
    for text in ("asha", "26-000421x", "verma asha", "41235678901", number_of(receipt), "98765"):
        assert client.get(SEARCH, {"q": text}).status_code == 200, text


def test_phone_or_name_of_two_students_opens_neither(client_of, admin, asha):
    client = client_of(admin)
    StudentFactory(user__full_name="Asha Verma", guardian_phone="9123456789")

    for text in ("9123456789", "Asha Verma"):
        assert len(client.get(SEARCH, {"q": text}).context["hits"]) == 2


def test_receipt_comes_before_a_phone_number_that_contains_its_digits(client_of, admin, asha):
    ReceiptSeries.objects.filter(kind=ReceiptSeries.Kind.RECEIPT).delete()
    receipt = paid(student=asha, amount="1.00")
    series = ReceiptSeries.objects.get(pk=receipt.series_id)
    series.last_number = 614
    series.save()
    receipt = paid(student=asha, amount="2.00")
    assert receipt.receipt_number.endswith("/00615")
    StudentFactory(user__full_name="Aarav Phone", user__phone="9800615000")
    StudentFactory(user__full_name="Bina Number", admission_number="25-00615")

    client = client_of(admin)

    assert list(reasons(client, "00615").items()) == [
        ("Asha Verma", f"receipt {receipt}"),
        ("Bina Number", "admission number"),
        ("Aarav Phone", "phone 98006 15000"),
    ]
    suggested = client.get(SUGGESTIONS, {"q": "00615"}).content.decode()
    words = re.sub(r"\s+", " ", strip_tags(suggested))
    assert words.index(f"receipt {receipt}") < words.index("phone 98006 15000")
    assert (
        f'href="{receipt.get_absolute_url()}"'
        in client.get(SEARCH, {"q": "00615"}).content.decode()
    )


def test_name_comes_before_a_guardian(client_of, admin, asha):
    StudentFactory(user__full_name="Zoya Suresh")

    assert list(reasons(client_of(admin), "suresh")) == ["Zoya Suresh", "Asha Verma"]


def test_reference_of_a_cancelled_receipt_is_found(client_of, admin, asha):
    payment = paid(student=asha, amount="2.00", mode=Mode.UPI, reference="412356789012")
    cancel_receipt(payment=payment, reason="entered twice", by=admin)

    assert reasons(client_of(admin), "41235678") == {"Asha Verma": "reference 412356789012"}


def test_suggestions_tell_namesakes_apart(client_of, admin, asha):
    StudentFactory(user__full_name="Asha Rao", user__phone="9800000001")
    client = client_of(admin)

    for address in (SUGGESTIONS, reverse("finance:payment-suggestions")):
        words = re.sub(r"\s+", " ", strip_tags(client.get(address, {"q": "asha"}).content.decode()))
        assert "26-00042 · name · 98765 43210" in words
        assert "· name · 98000 00001" in words


def test_search_says_when_nothing_is_found(client_of, admin):
    assert "No students found" in client_of(admin).get(SEARCH, {"q": "zzz"}).content.decode()


def test_search_ignores_letter_case_in_every_script(client_of, admin):
    student = StudentFactory(user__full_name="ÉLODIE Ünal", guardian_name="आशा वर्मा")
    client = client_of(admin)

    response = client.get(SEARCH, {"q": "élodie ÜNAL"})

    assert response.url == reverse("dashboards:student-page", args=[student.pk])
    assert reasons(client, "वर्मा") == {"ÉLODIE Ünal": "guardian आशा वर्मा"}


def test_changed_guardian_is_found(client_of, admin, asha):
    client = client_of(admin)
    page = reverse("accounts:person-update", args=[asha.pk])
    form = client.get(page).context["form"]
    typed = {name: form[name].value() or "" for name in form.fields}
    client.post(page, typed | {"guardian_name": "Meena Joshi"})

    assert reasons(client, "meena") == {"Asha Verma": "guardian Meena Joshi"}
    assert reasons(client, "suresh") == {}


def test_instructor_finds_only_own_students(client_of, instructor):
    enrolled(student=StudentFactory(user__full_name="Other One"))
    enrolled(
        batch=BatchFactory(instructor=instructor), student=StudentFactory(user__full_name="Own One")
    )

    assert reasons(client_of(instructor), "one") == {"Own One": "name"}


def test_nobody_finds_by_what_they_may_not_see(client_of, instructor, asha):
    """Instructors see neither money nor email addresses, also not by guessing their letters."""
    batch = asha.enrollments.get().batch
    batch.instructor = instructor
    batch.save()
    receipt = paid(student=asha, amount="1.00", mode=Mode.UPI, reference="412356789012")
    client = client_of(instructor)

    assert reasons(client, "98765") == {"Asha Verma": "phone 98765 43210"}
    for text in (
        "asha@example.com",
        "example",
        receipt.receipt_number,
        number_of(receipt),
        "CM/",
        "412356789012",
        "41235678",
    ):
        assert reasons(client, text) == {}, text


def test_guardians_are_named_to_those_who_see_enrollments(client_of, admin, asha):
    clerk = user_with("accounts.see_whole_institute", "finance.add_payment")
    suggestions = reverse("finance:payment-suggestions")

    for person, is_named in ((admin, True), (clerk, False)):
        for text in ("suresh", "91234"):
            found = client_of(person).get(suggestions, {"q": text}).content.decode()
            assert "Asha Verma" in found
            assert ("Kulkarni" in found or "91234 56789" in found) == is_named


def test_role_without_people_does_not_search_by_email_anywhere(client_of, asha):
    clerk = user_with(
        "accounts.see_whole_institute", "academics.view_enrollment", "academics.view_batch",
        "finance.view_account", "finance.view_payment", "finance.view_refund",
    )  # fmt: skip
    batch = asha.enrollments.get().batch
    client = client_of(clerk)

    assert reasons(client, "example") == {}
    for address in (
        reverse("finance:dues"),
        reverse("finance:payment-list"),
        reverse("academics:batch-students", args=[batch.pk]),
    ):
        assert "Asha Verma" not in client.get(address, {"q": "asha@"}).content.decode()


def test_search_suggests_first_eight_students(client_of, admin):
    StudentFactory.create_batch(9)

    response = client_of(admin).get(SUGGESTIONS, {"q": "student"})

    assert len(response.context["hits"]) == 8


def test_query_count_of_search_is_constant(client_of, admin, asha, queries_of):
    client = client_of(admin)
    paid(student=asha, amount="1.00", mode=Mode.UPI, reference="4123AA1")
    paid(student=asha, amount="1.00", mode=Mode.UPI, reference="4123AA2")
    asked = ["a", "4123", "1", "CM/"]

    def counts():
        return [
            queries_of(lambda text=text: client.get(SEARCH, {"q": text, "sort": "name"}))
            for text in asked
        ]

    StudentFactory(user__full_name="Aa 4123")
    counts()
    few = counts()
    for number in range(6):
        student = enrolled(student=StudentFactory(user__full_name=f"Aa {number}")).student
        paid(student=student, amount="1.00", mode=Mode.UPI, reference=f"4123BB{number}")

    assert Payment.objects.count() == 8
    assert counts() == few
