import contextlib
import gc
import sys
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError
from tqdm import tqdm

from coachmaster.core.money import grouped

from .columns import normalised
from .importer import Importer, import_table
from .limits import SeveralSheets, Unreadable
from .reader import check_encoding, open_table
from .results import error_sentences
from .signals import imported_at_shell

MOST_SHOWN = 100
REFUSED, USAGE, INTERRUPTED = 1, 2, 130


class ImportCommand(BaseCommand):
    """A subclass names its `Importer`. Exit codes: 0 done, 1 refused, 2 usage, 130 stopped."""

    importer_class: type[Importer]
    requires_system_checks = []  # they load every view and form, and so much memory

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        columns = ", ".join(column.name for column in self.importer_class.columns)
        self.help = (
            f"Import {self.importer_class.noun[1]} from a CSV, XLSX or ODS file: all rows, or none "
            f"and a report. Columns: {columns}."
        )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="Report what would happen, write nothing."
        )
        parser.add_argument(
            "--map",
            metavar="FIELD=COLUMN",
            nargs="+",
            action="extend",
            default=[],
            help='The column of the file; "full_name=first_name last_name" joins two.',
        )
        parser.add_argument(
            "--default",
            metavar="FIELD=VALUE",
            nargs="+",
            action="extend",
            default=[],
            help="The value for empty cells or a missing column.",
        )
        parser.add_argument(
            "--skip-line",
            metavar="N",
            nargs="+",
            type=int,
            action="extend",
            default=[],
            help="Leave out row N, as the spreadsheet counts.",
        )
        parser.add_argument(
            "--sheet", metavar="NAME", help="The sheet of a workbook with several filled sheets."
        )
        parser.add_argument(
            "--encoding", help="The encoding of a CSV file that is not UTF-8: cp1252, utf-16, …"
        )

    def importer(self, **options):
        return self.importer_class()

    def handle(self, *, file, dry_run, encoding, sheet, **options):
        importer = self.importer(**options)
        mapping = self._pairs("--map", options["map"], importer)
        defaults = self._defaults(options["default"], importer)
        self._check_usage(options["skip_line"], encoding)
        name = Path(file).name
        bar = _ProgressBar() if sys.stderr.isatty() else None
        try:
            with _refusals(file), _less_garbage_collection():
                result = import_table(
                    importer,
                    open_table(file, encoding, sheet),
                    mapping=mapping,
                    defaults=defaults,
                    skip=options["skip_line"],
                    dry_run=dry_run,
                    progress=bar,
                    before_commit=lambda result: imported_at_shell.send(
                        type(importer), importer=importer, result=result, file_name=name
                    ),
                )
        finally:
            if bar:
                bar.close()
        self._write_report(result, name, dry_run)

    def _pairs(self, option, texts, importer):
        names = {normalised(column.name): column.name for column in importer.columns}
        pairs = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not value.strip():
                example = f"{option} {importer.columns[0].name}=…"
                raise CommandError(
                    f"{option} {text}: write it as FIELD=…, like {example}.", returncode=USAGE
                )
            if normalised(name) not in names:
                raise CommandError(
                    f"{option} {text}: there is no field “{name}”. "
                    f"Fields: {', '.join(names.values())}.",
                    returncode=USAGE,
                )
            pairs[names[normalised(name)]] = value.strip()
        return pairs

    def _defaults(self, texts, importer):
        defaults = self._pairs("--default", texts, importer)
        for column in importer.columns:
            if column.name in defaults:
                try:
                    defaults[column.name] = column.default(defaults[column.name])
                except ValidationError as error:
                    value = defaults[column.name]
                    raise CommandError(
                        f"--default {column.name}={value}: {' '.join(error_sentences(error))}",
                        returncode=USAGE,
                    ) from error
        return defaults

    def _check_usage(self, skip, encoding):
        if any(line < 2 for line in skip):
            raise CommandError(
                "--skip-line: row 1 is the header; the first row to skip is 2.",
                returncode=USAGE,
            )
        if encoding:
            try:
                check_encoding(encoding)
            except ValueError as error:
                raise CommandError(f"--encoding: {error}", returncode=USAGE) from error

    def _write_report(self, result, name, dry_run):
        if result.unused_columns:
            self.stdout.write(f"Columns not used: {', '.join(map(str, result.unused_columns))}.")
        if result.skipped:
            self.stdout.write(f"Rows skipped: {', '.join(map(str, result.skipped))}.")
        for note in result.notes[:MOST_SHOWN]:
            self.stdout.write(note)
        if (more := len(result.notes) - MOST_SHOWN) > 0:
            self.stdout.write(f"… and {grouped(more)} more of these.")
        if result.problems:
            self._refuse(result.problems, name)
        for imported in result.changed_rows[:MOST_SHOWN]:
            self.stdout.write(f"  {imported}")
        if (more := result.changed - MOST_SHOWN) > 0:
            self.stdout.write(f"  … and {grouped(more)} more are changed.")
        self._write_comparison(result.comparison)
        one, many = self.importer_class.noun
        self.stdout.write(
            self.style.SUCCESS(
                f"{'Would have: ' if dry_run else ''}{grouped(result.created)} "
                f"{one if result.created == 1 else many} created, "
                f"{grouped(result.changed)} changed, {grouped(result.unchanged)} unchanged, "
                f"{grouped(len(result.skipped))} skipped."
            )
        )
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written.")

    def _refuse(self, problems, name):
        for problem in problems[:MOST_SHOWN]:
            self.stderr.write(f"  {problem}")
        if (more := len(problems) - MOST_SHOWN) > 0:
            self.stderr.write(f"  … and {grouped(more)} more.")
        count = f"{grouped(len(problems))} problem{'s' if len(problems) > 1 else ''}"
        raise CommandError(
            f"{name} was not imported: {count}. Nothing was written.", returncode=REFUSED
        )

    def _write_comparison(self, comparison):
        for batch in comparison:
            self.stdout.write(f"\n{batch.batch}{'' if batch.agrees else ' (differs)'}")
            self.stdout.write(f"  {'':<10}{'in the file':>20}{'in CoachMaster':>20}")
            for label, in_file, stored in batch.pairs:
                mark = "" if in_file == stored else "  ←"
                self.stdout.write(f"  {label:<10}{in_file:>20}{stored:>20}{mark}")
        if comparison:
            self.stdout.write("")


@contextlib.contextmanager
def _refusals(file):
    try:
        yield
    except SeveralSheets as error:
        raise CommandError(
            f"{file}: {error.sentence} Add --sheet NAME.", returncode=USAGE
        ) from error
    except Unreadable as error:
        where = f"row {error.line}: " if error.line else ""
        option = f" ({error.option})" if error.option else ""
        raise CommandError(
            f"{file}: {where}{error.sentence}{option} Nothing was written."
        ) from error
    except OperationalError as error:
        raise CommandError(
            f"The database is busy or not ready ({error}). Nothing was written."
        ) from error
    except DatabaseError as error:
        raise CommandError(f"The database refused: {error} Nothing was written.") from error
    except UnicodeError as error:
        raise CommandError(
            "The file holds characters that cannot be stored. Nothing was written."
        ) from error
    except KeyboardInterrupt as error:
        raise CommandError(
            "Stopped. A file is imported in full or not at all; "
            "--dry-run shows what is still to do.",
            returncode=INTERRUPTED,
        ) from error


@contextlib.contextmanager
def _less_garbage_collection():
    """Collect less often: with many rows in memory, it took a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 10, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _ProgressBar:
    def __init__(self):
        self.stage, self.bar = None, None

    def __call__(self, stage, count, total):
        if stage != self.stage:
            self.close()
            self.stage, self.bar = stage, tqdm(desc=stage, total=total, unit=" rows", leave=False)
        self.bar.update(count)

    def close(self):
        if self.bar is not None:
            self.bar.close()
