import hashlib

from django.core.exceptions import ValidationError
from django.utils import timezone

from coachmaster.core.importers import SeveralSheets, Unreadable, import_table, normalised
from coachmaster.core.logs import log_event
from coachmaster.core.money import grouped

from .kinds import KINDS
from .models import Import, printable
from .progress import Progress
from .records import record_import
from .reports import applied_report, preview_report, storable
from .upload_limits import MOST_ROWS, MOST_WAITING

_CHECKED_FIELDS = (
    "sheet",
    "header_key",
    "columns",
    "defaults",
    "corrections",
    "skipped_lines",
    "report",
)


class AlreadyDone(Exception):
    """Another request imported or removed the file."""


def receive(*, kind, file, encoding, by):
    """Store and check an uploaded file. Raise `Unreadable`, or ValidationError for too many."""
    Import.objects.delete_expired()
    if Import.objects.waiting().filter(by=by).count() >= MOST_WAITING:
        raise ValidationError(
            f"{MOST_WAITING} of your files are not imported yet. Import or remove one first."
        )
    upload = Import(
        kind=kind.slug,
        file_name=printable(file.name)[-200:],
        content=file.read(),
        encoding=encoding,
        by=by,
    )
    try:
        check(upload)
    except SeveralSheets as error:
        upload.report = {"sheets": error.sheets}
        upload.save()
    return upload


def check(upload):
    """Save what the import would do as the report. Raise `AlreadyDone` and `Unreadable`."""
    with upload.table() as table:
        _check_size(table, upload)
        key = _header_key(upload.kind, table.header)
        if key != upload.header_key:
            upload.header_key = key
            _copy_earlier_columns(upload)
        result = _run(upload, table, dry_run=True)
        upload.report = preview_report(upload, importer_for(upload, table.header), table, result)
    if upload.pk is None:
        upload.save()
    else:
        _update_waiting(upload, *_CHECKED_FIELDS)


def _update_waiting(upload, *fields):
    """Save these fields, unless another request has imported or removed the file meanwhile."""
    waiting = Import.objects.filter(pk=upload.pk, applied_at=None)
    if not waiting.update(**{name: getattr(upload, name) for name in fields}):
        raise AlreadyDone


def discard(upload):
    """Delete the file. Raise `AlreadyDone`."""
    deleted, _ = Import.objects.filter(pk=upload.pk, applied_at=None).delete()
    if not deleted:
        raise AlreadyDone


def apply(upload, progress=None):
    """Import the file. Return False, with the problems as its report, if there are any.

    Raise `AlreadyDone` and `Unreadable`.
    """

    importer = KINDS[upload.kind].importer_class()

    def mark_applied(result):
        applied = Import.objects.filter(pk=upload.pk, applied_at=None).update(
            applied_at=timezone.now(),
            content=None,
            created=result.created,
            changed=result.changed,
            unchanged=result.unchanged,
            created_ids=result.created_ids,
            action=record_import(importer, result, upload.file_name),
            skipped_lines=sorted(upload.skipped_lines),
            report=storable(applied_report(result)),
        )
        if not applied:
            raise AlreadyDone
        counts = {"created": result.created, "changed": result.changed}
        log_event("file imported", upload=upload.pk, kind=upload.kind, **counts)

    with upload.table() as table, progress or Progress(upload.pk) as progress:
        result = _run(
            upload,
            table,
            importer=importer,
            dry_run=False,
            before_commit=mark_applied,
            progress=progress,
        )
        if not result.is_valid:
            importer = importer_for(upload, table.header)
            upload.report = preview_report(upload, importer, table, result)
            _update_waiting(upload, "report")
    return result.is_valid


def importer_for(upload, header):
    importer = KINDS[upload.kind].importer_class()
    importer.by = upload.by
    importer.prepare(header)
    return importer


def _run(upload, table, *, importer=None, **options):
    importer = importer or KINDS[upload.kind].importer_class()
    importer.by = upload.by
    return import_table(
        importer,
        table,
        mapping=upload.columns,
        defaults=upload.defaults,
        skip=upload.skipped_lines,
        corrections={int(line): cells for line, cells in upload.corrections.items()},
        **options,
    )


def _check_size(table, upload):
    if table.count() > MOST_ROWS:
        raise Unreadable(
            f"More than {grouped(MOST_ROWS)} rows. Split the file, or ask the person who runs "
            f"the server to import it with manage.py {KINDS[upload.kind].command}."
        )


def _header_key(kind, header):
    return hashlib.sha256("\n".join([kind, *map(normalised, header)]).encode()).hexdigest()


def _copy_earlier_columns(upload):
    """Take the choices of the same person: default values of others would come unseen."""
    last = (
        Import.objects.filter(by=upload.by, header_key=upload.header_key)
        .exclude(pk=upload.pk)
        .exclude(columns={})
        .order_by("-uploaded_at")
        .only("columns", "defaults")
        .first()
    )
    upload.columns, upload.defaults = (last.columns, last.defaults) if last else ({}, {})
