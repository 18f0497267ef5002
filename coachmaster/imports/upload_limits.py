"""Limits on uploaded files. The import commands have none.

The limit of the web server (`client_max_body_size` in docs/deploy.md) must be higher.
"""

import datetime

from coachmaster.core.importers.limits import WorkbookLimits

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
#: A workbook with a million cells has about five million tags, which take two seconds to read.
WORKBOOK_LIMITS = WorkbookLimits(
    unpacked=100 * 1024 * 1024, tags=6_000_000, rows=MOST_ROWS, characters=100_000_000
)
#: Files of a person that are uploaded and not imported yet.
MOST_WAITING = 20
#: An uploaded file that is not imported is deleted after this time.
EXPIRES_AFTER = datetime.timedelta(days=1)
