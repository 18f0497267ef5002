"""Limits on uploaded files. The import commands have none.

The limit of the web server (`client_max_body_size` in docs/deploy.md) must be higher.
"""

import datetime

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
#: Bytes of a workbook after unpacking.
MOST_UNPACKED = 100 * 1024 * 1024
#: An uploaded file that is not imported is deleted after this time.
EXPIRES_AFTER = datetime.timedelta(days=1)
