import io
from dataclasses import dataclass

from django.core.management import CommandError, call_command


@dataclass
class Run:
    code: int
    out: str
    errors: str

    @property
    def summary(self):
        """The line with the counts."""
        return next(line for line in self.out.splitlines() if "created" in line)


def run_import(command, file, *arguments):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, str(file), *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return Run(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Run(0, out.getvalue(), err.getvalue())
