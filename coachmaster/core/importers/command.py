"""`manage.py import_…`: the pipeline in a shell."""

import contextlib
import gc
import sys
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError
from tqdm import tqdm

from .columns import normalised
from .importer import Importer, bring_in, sentences
from .limits import SeveralSheets, Unreadable
from .reader import check_encoding, open_table

MOST_PROBLEMS_SHOWN = 100
REFUSED, USAGE, INTERRUPTED = 1, 2, 130


class ImportCommand(BaseCommand):
    """Base of the import commands: a subclass names its `Importer` class. Exits 0 done, 1 refused with a report, 2 usage."""

    importer_class: type[Importer]
    requires_system_checks = []  # they load every page, for a seventh of the memory of a large import

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.help = (
            f"Bring {self.importer_class.noun[1]} in from a CSV, XLSX or ODS file: all lines, or none and a report. "
            + ("Columns: " + ", ".join(column.name for column in self.importer_class.columns) + ".")
        )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would happen and write nothing."
        )
        parser.add_argument(
            "--map",
            metavar="FIELD=COLUMN",
            nargs="+",
            action="extend",
            default=[],
            help='Which column of the file it is; "full_name=first_name last_name" joins two.',
        )
        parser.add_argument(
            "--default",
            metavar="FIELD=VALUE",
            nargs="+",
            action="extend",
            default=[],
            help="The value where the file has none.",
        )
        parser.add_argument(
            "--skip-line",
            metavar="N",
            nargs="+",
            type=int,
            action="extend",
            default=[],
            help="Leave a line out.",
        )
        parser.add_argument(
            "--sheet", metavar="NAME", help="Which sheet of a workbook, when several are filled."
        )
        parser.add_argument(
            "--encoding", help="When the CSV file is not in UTF-8: cp1252, utf-16, …"
        )

    def importer(self, **options):
        """The importer that the options ask for."""
        return self.importer_class()

    def handle(self, *, file, dry_run, encoding, sheet, **options):
        importer = self.importer(**options)
        mapping = self._pairs("--map", options["map"], importer)
        defaults = self._defaults(options["default"], importer)
        self._check_usage(options["skip_line"], encoding)
        bar = _Bar() if sys.stderr.isatty() else None
        try:
            with _fewer_collections():
                result = bring_in(
                    importer,
                    open_table(file, encoding, sheet),
                    mapping=mapping,
                    defaults=defaults,
                    skip=options["skip_line"],
                    dry_run=dry_run,
                    progress=bar,
                )
        except SeveralSheets as several:
            raise CommandError(
                f"{file}: {several.sentence} Add --sheet NAME.", returncode=USAGE
            ) from several
        except Unreadable as unreadable:
            where = f"line {unreadable.line}: " if unreadable.line else ""
            option = f" ({unreadable.option})" if unreadable.option else ""
            raise CommandError(
                f"{file}: {where}{unreadable.sentence}{option} Nothing was written."
            ) from unreadable
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
        except KeyboardInterrupt as interrupt:
            raise CommandError(
                "Stopped. A file comes in whole or not at all; --dry-run says what is still to do.",
                returncode=INTERRUPTED,
            ) from interrupt
        finally:
            if bar:
                bar.close()
        self._report(result, Path(file).name, dry_run)

    def _pairs(self, option, texts, importer):
        """``FIELD=TEXT`` pairs as a dict. Raises CommandError for what is no pair or no field."""
        names = {normalised(column.name): column.name for column in importer.columns}
        pairs = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not value.strip():
                raise CommandError(f"{option} {text}: write it as FIELD=…, like {option} {importer.columns[0].name}=….",
                                   returncode=USAGE)  # fmt: skip
            if normalised(name) not in names:
                raise CommandError(
                    f"{option} {text}: there is no field “{name}”. Fields: {', '.join(names.values())}.",
                    returncode=USAGE,
                )
            pairs[names[normalised(name)]] = value.strip()
        return pairs

    def _defaults(self, texts, importer):
        """The defaults, each one checked. `today` is a date too."""
        defaults = self._pairs("--default", texts, importer)
        for column in importer.columns:
            if column.name in defaults:
                try:
                    defaults[column.name] = column.default(defaults[column.name])
                except ValidationError as error:
                    value = defaults[column.name]
                    raise CommandError(
                        f"--default {column.name}={value}: {' '.join(sentences(error))}",
                        returncode=USAGE,
                    ) from error
        return defaults

    def _check_usage(self, skip, encoding):
        if any(line < 2 for line in skip):
            raise CommandError(
                "--skip-line: the first line is the header; rows begin with line 2.",
                returncode=USAGE,
            )
        if encoding:
            try:
                check_encoding(encoding)
            except ValueError as error:
                raise CommandError(f"--encoding: {error}", returncode=USAGE) from error

    def _report(self, result, name, dry_run):
        """Say what was done. Raises CommandError when the file was refused."""
        one, many = self.importer_class.noun
        if result.not_used:
            self.stdout.write(f"Columns not used: {', '.join(map(str, result.not_used))}.")
        if result.skipped:
            self.stdout.write(f"Lines skipped: {', '.join(map(str, result.skipped))}.")
        for note in result.notes[:MOST_PROBLEMS_SHOWN]:
            self.stdout.write(note)
        if (more := len(result.notes) - MOST_PROBLEMS_SHOWN) > 0:
            self.stdout.write(f"… and {more:,} more of these.")
        if result.problems:
            for problem in result.problems[:MOST_PROBLEMS_SHOWN]:
                self.stderr.write(f"  {problem}")
            if (more := len(result.problems) - MOST_PROBLEMS_SHOWN) > 0:
                self.stderr.write(f"  … and {more:,} more.")
            count = len(result.problems)
            raise CommandError(
                f"{name} was not imported: {count:,} problem{'s' if count > 1 else ''}. Nothing was written.",
                returncode=REFUSED,
            )
        for outcome in result.changed_ones[:MOST_PROBLEMS_SHOWN]:
            self.stdout.write(f"  {outcome}")
        if (more := result.changed - MOST_PROBLEMS_SHOWN) > 0:
            self.stdout.write(f"  … and {more:,} more are changed.")
        for batch in result.comparison:
            self.stdout.write(f"\n{batch.batch}{'' if batch.agrees else ' (differs)'}")
            self.stdout.write(f"  {'':<10}{'in the file':>20}{'in CoachMaster':>20}")
            for what, told, stands in batch.pairs:
                self.stdout.write(
                    f"  {what:<10}{told:>20}{stands:>20}{'' if told == stands else '  ←'}"
                )
        if result.comparison:
            self.stdout.write("")
        would = "Would have: " if dry_run else ""
        self.stdout.write(
            self.style.SUCCESS(
                f"{would}{result.created:,} {one if result.created == 1 else many} created, {result.changed:,} changed, "
                f"{result.unchanged:,} unchanged, {len(result.skipped):,} skipped."
            )
        )
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written.")


@contextlib.contextmanager
def _fewer_collections():
    """An import holds many rows for long; looking through them for garbage again and again took a third of its time."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 10, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Bar:
    """A progress bar a stage."""

    def __init__(self):
        self.stage, self.bar = None, None

    def __call__(self, stage, count, total):
        if stage != self.stage:
            self.close()
            self.stage, self.bar = stage, tqdm(desc=stage, total=total, unit=" rows", leave=False)
        self.bar.update(count)

    def close(self):
        """Clear the bar away."""
        if self.bar is not None:
            self.bar.close()
