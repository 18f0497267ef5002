"""A cancelled, a moved and an added class in the next two weeks."""

import datetime

from academics.models import Batch
from academics.services import class_changes
from academics.timetable import Timetable


def change_classes(academy):
    first = academy.today + datetime.timedelta(days=1)
    batches = Batch.objects.taught_by(academy.instructors[0].pk).running(first).order_by("pk")
    timetable = Timetable(batches, first, first + datetime.timedelta(days=13))
    by = academy.owner
    for place, batch in enumerate(timetable.batches):
        coming = next(timetable.held(batch), None)
        if coming is None:
            continue
        planned = {"batch": batch, "day": coming.day, "starts_at": coming.slot.starts_at, "by": by}
        to = class_changes.NewTime(coming.day, datetime.time(6), datetime.time(7), "Hall 2")
        new = {"to": to, "despite_clash": True}
        if place % 3 == 0:
            class_changes.move_class(**planned, **new, reason="The room is being painted")
        elif place % 3 == 1:
            class_changes.cancel_class(**planned, reason="The instructor is at a wedding")
        else:
            class_changes.add_class(batch=batch, by=by, **new, reason="Revision before the test")
