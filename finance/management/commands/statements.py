"""`manage.py statements`: the fee statements of many students, as PDFs in one ZIP."""

import datetime
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from academics.importers.columns import RecordsByName
from academics.models import Batch, Course, Institute
from coachmaster.core.archives import zip_chunks
from coachmaster.core.dates import format_date, validate_date
from finance.documents.pdf import statement_pdfs
from finance.documents.statements import statements_of, students_with_fees


class Command(BaseCommand):
    """Writes a ZIP while it is being made; a run that is broken off leaves no file."""

    help = (
        "Writes the fee statements of all students, or of a batch or course, as PDFs into one ZIP."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            metavar="FILE.zip",
            nargs="?",
            type=Path,
            help="statements-DATE.zip here when left out",
        )
        parser.add_argument(
            "--batch", metavar="CODE", help="only who is or was in this batch; its code or its name"
        )
        parser.add_argument(
            "--course",
            metavar="CODE",
            help="only who is or was in this course; its code or its name",
        )
        parser.add_argument(
            "--on", metavar="DATE", help="as on that day, like 2026-11-24; today when left out"
        )

    def handle(self, **options):
        on = self._day(options["on"])
        students = students_with_fees(
            batch=self._named("batch", Batch, options["batch"]),
            course=self._named("course", Course, options["course"]),
        )
        number = students.count()
        if not number:
            raise CommandError(
                "None of these students was ever charged anything. Nothing was written."
            )
        path = options["file"] or Path(f"statements-{on}.zip")
        unfinished = path.with_name(f"{path.name}.part")
        statements = statements_of(
            students.iterator(chunk_size=500), Institute.objects.current(), on
        )
        try:
            with unfinished.open("wb") as file:
                for part in zip_chunks(
                    tqdm(statement_pdfs(statements), total=number, unit=" statements", disable=None)
                ):
                    file.write(part)
            unfinished.replace(path)
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written ({error.strerror}). Nothing was kept."
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
        self.stdout.write(
            self.style.SUCCESS(
                f"{number} statement{'s' if number != 1 else ''} as on {format_date(on)} in {path}, "
                f"{path.stat().st_size / 1e6:.1f} MB."
            )
        )

    def _day(self, text):
        """The day that was asked for. Raises CommandError."""
        if text is None:
            return timezone.localdate()
        try:
            day = datetime.date.fromisoformat(text)
            validate_date(day)
        except Exception as error:
            raise CommandError(
                f"{text} is no date. Write it like {timezone.localdate()}.", returncode=2
            ) from error
        return day

    def _named(self, what, model, word):
        """The batch or course of that code or name; None when none was asked for. Raises CommandError."""
        if word is None:
            return None
        try:
            return RecordsByName(model.objects.all()).find(word)
        except ValidationError as error:
            raise CommandError(f"--{what} {word}: {error.messages[0]}", returncode=2) from error
