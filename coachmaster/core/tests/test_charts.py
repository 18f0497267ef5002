from django.template import Context, Template
from pytest_django.asserts import assertInHTML

from coachmaster.core import charts


def render(chart):
    return Template("{% figure chart %}").render(Context({"chart": chart}))


def test_chart_has_its_values_as_a_table():
    figure = render(
        charts.column_chart(
            "Received", "Month", [("Apr", 0, "₹0.00", None), ("<May>", 5, "₹5.00", "/payments/")]
        )
    )

    assertInHTML('<tr><td>Apr</td><td class="num">₹0.00</td></tr>', figure)
    assertInHTML(
        '<tr><td>&lt;May&gt;</td><td class="num"><a href="/payments/">₹5.00</a></td></tr>', figure
    )


def test_bars_show_their_values():
    figure = render(charts.bar_chart("Enrolled", "Course", [("JEE", 41, "41", None)]))

    assertInHTML('<td class="num">41</td>', figure)
    assertInHTML("<title>JEE: 41</title>", figure)
