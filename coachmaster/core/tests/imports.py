"""Running the import commands in tests."""

import io
from dataclasses import dataclass

from django.core.management import CommandError, call_command


@dataclass
class Run:
    """How a command ended and what it said."""

    code: int
    out: str
    said: str

    @property
    def summary(self):
        """The line that counts."""
        return next(line for line in self.out.splitlines() if "created" in line)


def run_import(command, file, *arguments):
    """`manage.py import_… FILE …`, with what it would exit with. ``file`` is a path."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, str(file), *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return Run(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Run(0, out.getvalue(), err.getvalue())
