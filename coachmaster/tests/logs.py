"""What the console gets."""

import io
import json
import logging

from django.conf import settings
from django.utils.module_loading import import_string


class Console:
    """Collects the lines of the console's handler in a format of the settings."""

    def __init__(self, name):
        self.name = name
        self.stream = io.StringIO()

    def __enter__(self):
        handlers = logging.getLogger().handlers
        self.handler = next(one for one in handlers if type(one) is logging.StreamHandler)
        self.formatter = self.handler.formatter
        self.handler.setFormatter(import_string(settings.LOGGING["formatters"][self.name]["()"])())
        self.old = self.handler.setStream(self.stream)
        return self

    def __exit__(self, *error):
        self.handler.setFormatter(self.formatter)
        self.handler.setStream(self.old)

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        return self.text.splitlines()

    def events(self, logger="coachmaster.events"):
        """Return the lines of a logger in the format json."""
        lines = map(json.loads, self.lines)
        return [line for line in lines if line["logger"] == logger]
