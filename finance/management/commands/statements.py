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
    help = "Write fee statements of all students, or of a batch or course, as PDFs into a ZIP file."

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            metavar="FILE.zip",
            nargs="?",
            type=Path,
            help="default: statements-DATE.zip in the current directory",
        )
        parser.add_argument(
            "--batch",
            metavar="CODE",
            help="only students of this batch, now or before; code or name",
        )
        parser.add_argument(
            "--course",
            metavar="CODE",
            help="only students of this course, now or before; code or name",
        )
        parser.add_argument(
            "--on", metavar="DATE", help="as of this day, like 2026-11-24 (default: today)"
        )

    def handle(self, **options):
        on = self._day(options["on"])
        students = students_with_fees(
            batch=self._named("batch", Batch, options["batch"]),
            course=self._named("course", Course, options["course"]),
        )
        number = students.count()
        if not number:
            raise CommandError("None of these students has charges. No file was written.")
        path = options["file"] or Path(f"statements-{on}.zip")
        unfinished = path.with_name(f"{path.name}.part")
        statements = statements_of(
            students.iterator(chunk_size=500), Institute.objects.current(), on
        )
        try:
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600, exist_ok=False)
            with unfinished.open("wb") as file:
                for part in zip_chunks(
                    tqdm(statement_pdfs(statements), total=number, unit=" statements", disable=None)
                ):
                    file.write(part)
            unfinished.replace(path)
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written ({error.strerror}). No file was saved."
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
        self.stdout.write(
            self.style.SUCCESS(
                f"{number} statement{'s' if number != 1 else ''} as of {format_date(on)} "
                f"in {path}, {path.stat().st_size / 1e6:.1f} MB."
            )
        )

    def _day(self, text):
        if text is None:
            return timezone.localdate()
        try:
            day = datetime.date.fromisoformat(text)
            validate_date(day)
        except Exception as error:
            raise CommandError(
                f"{text} is not a date. Write it like {timezone.localdate()}.", returncode=2
            ) from error
        return day

    def _named(self, what, model, word):
        if word is None:
            return None
        try:
            return RecordsByName(model.objects.all()).find(word)
        except ValidationError as error:
            raise CommandError(f"--{what} {word}: {error.messages[0]}", returncode=2) from error
