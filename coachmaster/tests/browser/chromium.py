"""Find Chromium; `python -m coachmaster.tests.browser.chromium` prints its path."""

import os
import shutil
import sys
from pathlib import Path

_NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
_PLACES = [
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
MISSING = (
    "Chromium not found. Install it (apt-get install chromium) or set CHROMIUM=/path/to/chromium."
)


def find():
    """Return the path from $CHROMIUM, PATH or the folder of Playwright, or None."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if on_path := next(filter(None, map(shutil.which, _NAMES)), None):
        return on_path
    own = sorted(
        Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"), reverse=True
    )
    return next((str(place) for place in [*own, *map(Path, _PLACES)] if Path(place).exists()), None)


if __name__ == "__main__":
    print(find() or sys.exit(MISSING))
