import pytest

from coachmaster.core.money import grouped


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (99_999, "99,999"),
        (100_080, "1,00,080"),
        (12_345_678, "1,23,45,678"),
    ],
)
def test_numbers_are_grouped_as_in_india(number, words):
    assert grouped(number) == words
