"""Pieces of pages that Jinja draws."""

import datetime

import pytest
from django.template import Context, Template, engines


def drawn(source, **given):
    return engines["quick"].from_string(source).template.render(given)


def test_text_from_people_is_escaped():
    assert drawn("{{ name }}", name="<b>Asha & Co</b>") == "&lt;b&gt;Asha &amp; Co&lt;/b&gt;"
    assert drawn('{{ status("good", name) }}', name="<b>") == '<span class="status status-good">&lt;b&gt;</span>'


def test_what_is_missing_or_none_is_empty():
    assert drawn("({{ missing }}{{ payment.enrollment.batch.name }}{{ given }})", given=None) == "()"


def test_a_moment_is_told_in_local_time():
    late = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=datetime.UTC)

    assert drawn('{{ at|date("j M Y, H:i") }}', at=late) == "24 Nov 2026, 01:30"


@pytest.mark.django_db
def test_a_page_draws_a_piece_with_what_it_gives_and_the_rights_of_who_looks(student, admin):
    user = student.user
    user.full_name = "Asha <Verma>"
    page = Template('{% quick "people.html" people=people %}')

    html = page.render(Context({"people": [user, admin], "perms": {}}))

    assert "Asha &lt;Verma&gt;" in html
    assert student.admission_number in html
    assert f'href="/students/{student.pk}/"' in html
    assert f'href="/people/{admin.pk}/"' in html
