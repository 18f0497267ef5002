import datetime

from coachmaster.core.dates import month_start


def month_filter(first):
    last = month_start(first + datetime.timedelta(days=32)) - datetime.timedelta(days=1)
    return f"from={first}&to={last}&state=standing"
