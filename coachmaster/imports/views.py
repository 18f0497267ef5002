from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.views.confirmation import asks_again
from attendance.models import EarlierAttendance, Sheet
from coachmaster.core.exports import (
    CellType,
    ExportColumn,
    export_response,
    requested_export,
)
from coachmaster.core.importers import Unreadable
from coachmaster.core.money import grouped
from coachmaster.core.pagination import all_rows
from coachmaster.core.views import list_page
from finance.models import BulkAction
from finance.services.bulk_actions import may_undo
from finance.views.bulk_actions import BulkRow, describes

from . import reports, services
from .forms import ColumnsForm, CorrectionForm, SheetChoiceForm, UploadForm
from .kinds import KINDS, kinds_for
from .models import Import
from .progress import Progress
from .undo import UNDO

HISTORY_COLUMNS = [
    ExportColumn("File", CellType.TEXT, lambda upload: upload.file_name),
    ExportColumn("Kind", CellType.TEXT, lambda upload: KINDS[upload.kind].title),
    ExportColumn("By", CellType.TEXT, lambda upload: upload.by),
    ExportColumn("When", CellType.DATETIME, lambda upload: upload.applied_at),
    ExportColumn("New", CellType.NUMBER, lambda upload: upload.created),
    ExportColumn("Changed", CellType.NUMBER, lambda upload: upload.changed),
    ExportColumn("Unchanged", CellType.NUMBER, lambda upload: upload.unchanged),
    ExportColumn("Skipped", CellType.NUMBER, lambda upload: len(upload.skipped_lines)),
]


def _field_title(name):
    return name.replace("_", " ").capitalize()


def _record_url(change):
    return f"{settings.SITE_URL}{change.record.get_absolute_url()}" if change.record else ""


CHANGE_COLUMNS = [
    ExportColumn("Action", CellType.TEXT, lambda change: change.action),
    ExportColumn("Row", CellType.NUMBER, lambda change: change.line),
    ExportColumn("Record", CellType.TEXT, lambda change: change.label),
    ExportColumn("Column", CellType.TEXT, lambda change: _field_title(change.field)),
    ExportColumn("Before", CellType.TEXT, lambda change: change.before),
    ExportColumn("After", CellType.TEXT, lambda change: change.after),
    ExportColumn("Page", CellType.TEXT, _record_url),
]
_BY_KEY = {"key": ["pk"]}


@describes(Sheet, "batch")
def describe_sheet(sheet):
    return BulkRow(label=str(sheet), url=sheet.get_absolute_url(), detail="Attendance sheet")


@describes(EarlierAttendance, "enrollment__student__user", "enrollment__batch")
def describe_totals(totals):
    return BulkRow(label=str(totals), url=totals.enrollment.get_absolute_url())


def _permitted_upload(request, pk, uploads):
    upload = get_object_or_404(uploads.visible_to(request.user), pk=pk)
    if not KINDS[upload.kind].is_allowed(request.user):
        raise PermissionDenied
    return upload


def _waiting_upload(request, pk):
    return _permitted_upload(request, pk, Import.objects.waiting())


def import_list(request):
    kinds = kinds_for(request.user)
    form = UploadForm(
        request.POST or None,
        request.FILES or None,
        kinds=kinds,
        initial={"kind": request.GET.get("kind", "students")},
    )
    if form.is_valid():
        try:
            upload = services.receive(
                kind=KINDS[form.cleaned_data["kind"]],
                file=form.cleaned_data["file"],
                encoding=form.cleaned_data["encoding"],
                by=request.user,
            )
        except Unreadable as error:
            where = f"Row {error.line}: " if error.line else ""
            form.add_error("file", f"{where}{error.sentence}")
        except ValidationError as error:
            form.add_error("file", error)
        else:
            return _next_step(upload)
    uploads = Import.objects.visible_to(request.user).for_list()
    uploads = uploads.filter(kind__in=[kind.slug for kind in kinds])
    waiting = uploads.waiting().order_by("-uploaded_at")
    return list_page(
        request,
        uploads.applied(),
        template="imports/list.html",
        sorts={"when": ["applied_at"], "file": ["file_name"]},
        default_sort="-when",
        export=HISTORY_COLUMNS,
        filename="imports",
        as_rows=_with_kind_titles,
        context=lambda: {
            "form": form,
            "kinds": kinds,
            "only_new": {kind.slug for kind in kinds if not kind.may_change(request.user)},
            "waiting": _with_kind_titles(waiting),
        },
    )


def _with_kind_titles(uploads):
    uploads = list(uploads)
    for upload in uploads:
        upload.kind_title = KINDS[upload.kind].title
    return uploads


def _next_step(upload):
    if "sheets" in upload.report:
        return redirect("imports:import-sheet", upload.pk)
    if upload.report["missing"]:
        return redirect("imports:import-columns", upload.pk)
    return redirect("imports:import-detail", upload.pk)


def _check(request, upload):
    try:
        services.check(upload)
    except services.AlreadyDone:
        return _already_done(request, upload)
    except Unreadable as error:
        messages.error(request, error.sentence)
    return _next_step(upload)


def _already_done(request, upload):
    messages.info(request, f"{upload} was already imported or removed.")
    return redirect("imports:import-list")


def import_sheet(request, pk):
    upload = _waiting_upload(request, pk)
    sheets = upload.report.get("sheets", [])
    if not sheets:
        return _next_step(upload)
    form = SheetChoiceForm(request.POST or None, sheets=sheets)
    if form.is_valid():
        upload.sheet = form.cleaned_data["sheet"]
        return _check(request, upload)
    return render(
        request, "imports/sheet.html", {"upload": upload, "form": form, "kind": KINDS[upload.kind]}
    )


def import_columns(request, pk):
    upload = _waiting_upload(request, pk)
    if "sheets" in upload.report:
        return _next_step(upload)
    form = ColumnsForm(request.POST or None, upload=upload)
    if form.is_valid():
        upload.columns = form.cleaned_data["columns"]
        upload.defaults = form.cleaned_data["defaults"]
        return _check(request, upload)
    return render(
        request,
        "imports/columns.html",
        {"upload": upload, "form": form, "kind": KINDS[upload.kind]},
    )


def import_detail(request, pk):
    uploads = Import.objects.select_related("by", "action").defer("content")
    upload = _permitted_upload(request, pk, uploads)
    if upload.applied_at:
        return _applied_page(request, upload)
    if "sheets" in upload.report:
        return _next_step(upload)
    return _preview_page(request, upload)


def _applied_page(request, upload):
    created = reports.created_records(upload, request.user)
    changes = reports.import_changes(
        upload, request.user, all_rows(request, created, _BY_KEY, default="key")
    )
    if file := requested_export(request, f"import-{upload.pk}", CHANGE_COLUMNS, changes):
        return file
    return list_page(
        request,
        created,
        template="imports/done.html",
        sorts=_BY_KEY,
        default_sort="key",
        context=lambda: {
            "upload": upload,
            "kind": KINDS[upload.kind],
            "changed_rows": reports.changed_rows(upload, request.user, reports.SHOWN),
            "may_undo": _may_undo(upload, request.user),
        },
    )


def _may_undo(upload, user):
    actions = BulkAction.objects.visible_to(user).active().filter(pk=upload.action_id)
    return actions.exists() and may_undo(upload.action, user)


def _preview_page(request, upload):
    report, kind = upload.report, KINDS[upload.kind]
    rows = report["created"] + report["changed"]
    return render(
        request,
        "imports/preview.html",
        {
            "upload": upload,
            "kind": kind,
            "report": report,
            "form": CorrectionForm(upload=upload),
            "columns": [column for column in report["columns"] if not column.get("is_fixed")],
            "fixed": sum(column.get("is_fixed", False) for column in report["columns"]),
            "unused": [column["name"][:40] for column in report["columns"] if not column["field"]],
            "rows": rows,
            "counted": kind.counted(rows),
            "amounts": [(label, Decimal(amount)) for label, amount in report.get("amounts", [])],
            "promise": UNDO[kind.slug].promise,
            "corrected": [
                (line, field, text)
                for line, cells in sorted(upload.corrections.items(), key=lambda item: int(item[0]))
                for field, text in cells.items()
            ],
        },
    )


@require_POST
def import_correct(request, pk):
    upload = _waiting_upload(request, pk)
    if "problems" not in upload.report:
        return _next_step(upload)
    if "undo" in request.POST:
        upload.corrections = {}
    else:
        form = CorrectionForm(request.POST, upload=upload)
        if not form.is_valid():
            messages.error(
                request, " ".join(error for errors in form.errors.values() for error in errors)
            )
            return redirect("imports:import-detail", upload.pk)
        form.apply_to(upload)
    return _check(request, upload)


def _writes_people(request, pk):
    upload = Import.objects.visible_to(request.user).only("kind").filter(pk=pk).first()
    return upload is not None and KINDS[upload.kind].writes_people


@require_POST
@asks_again(when=_writes_people)
def import_apply(request, pk):
    upload = _waiting_upload(request, pk)
    if "sheets" in upload.report:
        return _next_step(upload)
    try:
        is_applied = services.apply(upload)
    except services.AlreadyDone:
        return _already_done(request, upload)
    except Unreadable as error:
        messages.error(request, f"{error.sentence} Nothing was written.")
        return redirect("imports:import-detail", upload.pk)
    if is_applied:
        upload.refresh_from_db(fields=["created", "changed"])
        counted = KINDS[upload.kind].counted(upload.created)
        messages.success(
            request, f"{upload} imported: {counted} created, {grouped(upload.changed)} changed."
        )
    else:
        messages.error(
            request,
            "Nothing was written: something has changed since the file was checked. See below.",
        )
    return redirect("imports:import-detail", upload.pk)


def import_progress(request, pk):
    """Return the share that is done, from 0 to 1; null if no import is running."""
    _permitted_upload(request, pk, Import.objects.only("kind"))
    return JsonResponse({"share": Progress(pk).share()})


@require_POST
def import_discard(request, pk):
    upload = _waiting_upload(request, pk)
    try:
        services.discard(upload)
    except services.AlreadyDone:
        return _already_done(request, upload)
    messages.success(request, f"{upload} was removed. Nothing was written.")
    return redirect("imports:import-list")


def import_problems(request, pk):
    upload = _waiting_upload(request, pk)
    if "problems" not in upload.report:
        raise Http404
    header, rows = reports.problem_rows(upload)

    def cell(place):
        return lambda row: row[1][place] if place < len(row[1]) else ""

    columns = [
        *(ExportColumn(name, CellType.TEXT, cell(place)) for place, name in enumerate(header)),
        ExportColumn("Row", CellType.NUMBER, lambda row: row[0]),
        ExportColumn("Problem", CellType.TEXT, lambda row: row[2]),
    ]
    name = f"{upload.kind}-to-correct-{timezone.localdate()}"
    return export_response(name, columns, rows, file_format=_file_format(request))


def import_example(request, kind):
    if kind not in KINDS or not KINDS[kind].is_allowed(request.user):
        raise Http404
    columns, rows = KINDS[kind].example_table()
    return export_response(f"{kind}-example", columns, rows, file_format=_file_format(request))


def _file_format(request):
    return "xlsx" if request.GET.get("as") == "xlsx" else "csv"
