"""Drawings of figures."""

from django.template import Context, Template
from pytest_django.asserts import assertInHTML

from coachmaster.core import charts


def figure(chart):
    return Template("{% figure chart %}").render(Context({"chart": chart}))


def test_a_chart_is_drawn_with_its_figures_as_a_table():
    drawn = figure(
        charts.column_chart(
            "Received", "Month", [("Apr", 0, "₹0.00", None), ("<May>", 5, "₹5.00", "/payments/")]
        )
    )

    assertInHTML('<tr><td>Apr</td><td class="num">₹0.00</td></tr>', drawn)
    assertInHTML(
        '<tr><td>&lt;May&gt;</td><td class="num"><a href="/payments/">₹5.00</a></td></tr>', drawn
    )


def test_other_figures_are_another_drawing():
    first, second = (
        figure(charts.bar_chart("Enrolled", "Course", [("JEE", number, str(number), None)]))
        for number in (41, 42)
    )

    assert ">41</td>" in first and ">42</td>" not in first
    assert ">42</td>" in second
