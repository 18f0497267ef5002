"""The pages that bring files in: upload, match the columns, look at what would happen, correct, apply."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from coachmaster.core.exports import Column, list_file, table_answer
from coachmaster.core.exports import Kind as Cell
from coachmaster.core.pagination import all_rows, paginate

from . import services
from .forms import ColumnsForm, CorrectionForm, SheetForm, UploadForm
from .models import Import
from .progress import Progress
from .services import KINDS, AlreadyDone, Unreadable

#: What was brought in, as a file.
HISTORY = [
    Column("File", Cell.TEXT, lambda upload: upload.file_name),
    Column("Kind", Cell.TEXT, lambda upload: KINDS[upload.kind].title),
    Column("By", Cell.TEXT, lambda upload: upload.by),
    Column("When", Cell.MOMENT, lambda upload: upload.applied_at),
    Column("New", Cell.NUMBER, lambda upload: upload.created),
    Column("Changed", Cell.NUMBER, lambda upload: upload.changed),
    Column("Unchanged", Cell.NUMBER, lambda upload: upload.unchanged),
    Column("Left out", Cell.NUMBER, lambda upload: len(upload.left_out)),
]


#: What an import did, as a file.
EFFECTS = [
    Column("What", Cell.TEXT, lambda effect: effect.what),
    Column("Line", Cell.NUMBER, lambda effect: effect.line),
    Column("Which", Cell.TEXT, lambda effect: effect.label),
    Column("Column", Cell.TEXT, lambda effect: effect.field.replace("_", " ").capitalize()),
    Column("Before", Cell.TEXT, lambda effect: effect.before),
    Column("After", Cell.TEXT, lambda effect: effect.after),
    Column(
        "Page",
        Cell.TEXT,
        lambda effect: (
            f"{settings.SITE_URL}{effect.record.get_absolute_url()}" if effect.record else ""
        ),
    ),
]


def _waiting(request, pk):
    """An uploaded file that waits to be brought in by the person who asks."""
    upload = get_object_or_404(Import.objects.waiting().visible_to(request.user), pk=pk)
    if not request.user.has_perm(KINDS[upload.kind].permission):
        raise PermissionDenied
    return upload


def import_list(request):
    """What was brought in, and the form that takes the next file."""
    kinds = services.kinds_for(request.user)
    form = UploadForm(
        request.POST or None,
        request.FILES or None,
        kinds=kinds,
        initial={"kind": request.GET.get("kind", "students")},
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            upload = services.receive(
                kind=KINDS[data["kind"]],
                file=data["file"],
                encoding=data["encoding"],
                by=request.user,
            )
        except Unreadable as unreadable:
            where = f"Line {unreadable.line}: " if unreadable.line else ""
            form.add_error("file", f"{where}{unreadable.sentence}")
        else:
            return _next_step(upload)
    visible = (
        Import.objects.visible_to(request.user)
        .select_related("by")
        .defer("content", "report", "made")
    )
    listed = (request, visible.applied(), {"when": ["applied_at"], "file": ["file_name"]})
    if file := list_file(request, "imports", HISTORY, all_rows(*listed, default="-when")):
        return file
    imports = paginate(*listed, default="-when")
    for upload in imports:
        upload.title = KINDS[upload.kind].title
    return render(
        request,
        "imports/list.html",
        {
            "form": form,
            "kinds": kinds,
            "waiting": [
                (upload, KINDS[upload.kind])
                for upload in visible.waiting().order_by("-uploaded_at")[:10]
            ],
            "imports": imports,
        },
    )


def _next_step(upload):
    """To the page on which the file's next question is answered."""
    if "sheets" in upload.report:
        return redirect("imports:import-sheet", upload.pk)
    if upload.report["missing"]:
        return redirect("imports:import-columns", upload.pk)
    return redirect("imports:import-detail", upload.pk)


def _checked(request, upload):
    """Check the file anew and go to its next question; what cannot be read is said."""
    try:
        services.check(upload)
    except Unreadable as unreadable:
        messages.error(request, unreadable.sentence)
    return _next_step(upload)


def import_sheet(request, pk):
    """Pick the sheet of a workbook."""
    upload = _waiting(request, pk)
    sheets = upload.report.get("sheets", [])
    if not sheets:
        return _next_step(upload)
    form = SheetForm(request.POST or None, sheets=sheets)
    if form.is_valid():
        upload.sheet = form.cleaned_data["sheet"]
        return _checked(request, upload)
    return render(
        request, "imports/sheet.html", {"upload": upload, "form": form, "kind": KINDS[upload.kind]}
    )


def import_columns(request, pk):
    """Say what each column is, and what is taken where the file has nothing."""
    upload = _waiting(request, pk)
    if "sheets" in upload.report:
        return _next_step(upload)
    form = ColumnsForm(request.POST or None, upload=upload)
    if form.is_valid():
        upload.columns, upload.defaults = form.cleaned_data["picked"], form.cleaned_data["defaults"]
        services.check(upload)
        return redirect("imports:import-detail", upload.pk)
    return render(
        request,
        "imports/columns.html",
        {"upload": upload, "form": form, "kind": KINDS[upload.kind]},
    )


def import_detail(request, pk):
    """What a file would do, with every problem at its cell; once it is brought in, what it made."""
    upload = get_object_or_404(
        Import.objects.visible_to(request.user).select_related("by").defer("content"), pk=pk
    )
    kind = KINDS[upload.kind]
    if upload.applied_at:
        listed = (request, services.made(upload), {"key": ["pk"]})
        effects = services.effects(upload, all_rows(*listed, default="key"))
        if file := list_file(request, f"import-{upload.pk}", EFFECTS, effects):
            return file
        return render(
            request,
            "imports/done.html",
            {
                "upload": upload,
                "kind": kind,
                "made": paginate(*listed, default="key"),
                "changed_ones": services.changed(upload, services.SHOWN),
            },
        )
    if not request.user.has_perm(kind.permission):
        raise PermissionDenied
    if "sheets" in upload.report:
        return _next_step(upload)
    report = upload.report
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
            "not_used": [
                column["name"][:40] for column in report["columns"] if not column["field"]
            ],
            "comes_in": kind.counted(report["created"] + report["changed"]),
            "makes_something": report["created"] + report["changed"] > 0,
            "corrected": [
                (line, field, text)
                for line, cells in sorted(upload.corrections.items(), key=lambda pair: int(pair[0]))
                for field, text in cells.items()
            ],
        },
    )


@require_POST
def import_correct(request, pk):
    """Take corrected cells and lines to leave out, and check again."""
    upload = _waiting(request, pk)
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
    return _checked(request, upload)


@require_POST
def import_apply(request, pk):
    """Bring the file in: all of it, or nothing."""
    upload = _waiting(request, pk)
    if "sheets" in upload.report:
        return _next_step(upload)
    try:
        is_done = services.apply(upload)
    except AlreadyDone:
        messages.info(request, f"{upload} was brought in already.")
        return redirect("imports:import-detail", upload.pk)
    except Unreadable as unreadable:
        messages.error(request, f"{unreadable.sentence} Nothing was written.")
        return redirect("imports:import-detail", upload.pk)
    if is_done:
        upload.refresh_from_db(fields=["created", "changed"])
        kind = KINDS[upload.kind]
        messages.success(
            request,
            f"{upload} is in: {kind.counted(upload.created)} created, {upload.changed:,} changed.",
        )
    else:
        messages.error(
            request,
            "Nothing was written: something has changed since the file was checked. See below.",
        )
    return redirect("imports:import-detail", upload.pk)


def import_progress(request, pk):
    """How far the file is that is being brought in, from 0 to 1; null when nobody is at it."""
    get_object_or_404(Import.objects.visible_to(request.user).only("pk"), pk=pk)
    return JsonResponse({"share": Progress(pk).share()})


@require_POST
def import_discard(request, pk):
    """Throw an uploaded file away."""
    upload = _waiting(request, pk)
    upload.delete()
    messages.success(request, f"{upload} was thrown away. Nothing was written.")
    return redirect("imports:import-list")


def import_problems(request, pk):
    """The lines that have problems, as they stand in the file, with the reasons in a column of their own."""
    upload = _waiting(request, pk)
    if "problems" not in upload.report:
        raise Http404
    header, rows = services.bad_rows(upload)

    def cell(place):
        return lambda row: row[1][place] if place < len(row[1]) else ""

    columns = [
        *(Column(name, Cell.TEXT, cell(place)) for place, name in enumerate(header)),
        Column("Line", Cell.NUMBER, lambda row: row[0]),
        Column("What is wrong", Cell.TEXT, lambda row: row[2]),
    ]
    return table_answer(
        f"{upload.kind}-to-correct-{timezone.localdate()}", columns, rows, form=_form(request)
    )


def import_example(request, kind):
    """A file to fill in: the usual columns, with an example or two."""
    if kind not in KINDS or not request.user.has_perm(KINDS[kind].permission):
        raise Http404
    columns, rows = KINDS[kind].example_table()
    return table_answer(f"{kind}-example", columns, rows, form=_form(request))


def _form(request):
    return "xlsx" if request.GET.get("as") == "xlsx" else "csv"
