import datetime

import pytest
import time_machine

from academics.tests.factories import DailyBatchFactory


@pytest.fixture
def monday_afternoon():
    """Monday, 15 June 2026, 18:40 in India."""
    with time_machine.travel(
        datetime.datetime(2026, 6, 15, 13, 10, tzinfo=datetime.UTC), tick=False
    ):
        yield


@pytest.fixture
def batch(instructor):
    """A batch of the instructor with a class every day since 1 June 2026."""
    return DailyBatchFactory(instructor=instructor, name="Morning")
