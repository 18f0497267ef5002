from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator

from coachmaster.core.importers.reader import ZIP_START
from coachmaster.core.money import grouped

from . import services, upload_limits
from .reports import SHOWN

_WORKBOOKS, _TEXTS = ("xlsx", "ods"), ("csv", "txt", "tsv")
_MEGABYTES = upload_limits.MOST_BYTES // 1024 // 1024


class UploadForm(forms.Form):
    kind = forms.ChoiceField(label="What is in the file?", widget=forms.RadioSelect)
    file = forms.FileField(
        label="File",
        help_text=f"XLSX, ODS or CSV, at most {_MEGABYTES} MB and "
        f"{grouped(upload_limits.MOST_ROWS)} rows. The first row contains the column names.",
        widget=forms.FileInput(attrs={"accept": ".xlsx,.ods,.csv,.txt,.tsv"}),
        validators=[
            FileExtensionValidator(
                [*_WORKBOOKS, *_TEXTS], "Choose a file that ends in .xlsx, .ods or .csv."
            )
        ],
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )
    encoding = forms.ChoiceField(
        label="CSV encoding",
        choices=[
            ("", "UTF-8 (usual)"),
            ("cp1252", "Windows, from an older Excel (cp1252)"),
            ("utf-16", "UTF-16"),
        ],
        required=False,
    )

    def __init__(self, *args, kinds, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind.slug, kind.title) for kind in kinds]

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > upload_limits.MOST_BYTES:
            raise ValidationError(
                f"More than {_MEGABYTES} MB. Split the file, or ask the person who runs the "
                "server to import it with the import command."
            )
        is_workbook = file.read(4) == ZIP_START
        file.seek(0)
        if is_workbook != file.name.lower().endswith(_WORKBOOKS):
            raise ValidationError(
                f"This {'is' if is_workbook else 'is not'} a workbook, but its name says "
                "otherwise. Save it again in the spreadsheet."
            )
        return file


class SheetChoiceForm(forms.Form):
    sheet = forms.ChoiceField(label="Which sheet should be imported?", widget=forms.RadioSelect)

    def __init__(self, *args, sheets, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["sheet"].choices = [(sheet, sheet) for sheet in sheets]


class ColumnsForm(forms.Form):
    def __init__(self, data=None, *, upload):
        super().__init__(data)
        columns = upload.report["columns"]
        importer = services.importer_for(upload, [column["name"] for column in columns])
        fixed = {column.name for column in importer.columns if column.is_fixed}
        self.columns = [column for column in columns if column["field"] not in fixed]
        self.known = [column for column in importer.columns if not column.is_fixed]
        choices = [("", "Not used"), *((column.name, column.title) for column in self.known)]
        for column in self.columns:
            self.fields[f"column_{column['place']}"] = forms.ChoiceField(
                label=f"“{column['name']}” contains",
                choices=choices,
                initial=column["field"],
                required=False,
                widget=forms.Select(attrs={"class": "form-select"}),
            )
        for column in self.known:
            self.fields[f"default_{column.name}"] = forms.CharField(
                label=column.title,
                initial=upload.defaults.get(column.name, ""),
                required=False,
                max_length=500,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def rows(self):
        return [(column, self[f"column_{column['place']}"]) for column in self.columns]

    def defaults(self):
        """Return ``(field, is in the file, is required)`` of each known column."""
        used = {self[f"column_{column['place']}"].value() for column in self.columns}
        return [
            (self[f"default_{column.name}"], column.name in used, column.is_required)
            for column in self.known
        ]

    def clean(self):
        chosen: dict[str, list[str]] = {column.name: [] for column in self.known}
        for column in self.columns:
            if name := self.cleaned_data.get(f"column_{column['place']}"):
                chosen[name].append(column["name"])
        defaults = {}
        for column in self.known:
            field = f"default_{column.name}"
            text = self.cleaned_data.get(field, "")
            if text:
                try:
                    defaults[column.name] = column.default(text)
                except ValidationError as error:
                    self.add_error(field, error.messages)
            elif column.is_required and not chosen[column.name]:
                self.add_error(
                    field, f"Choose the column for “{column.title}”, or enter a value for all rows."
                )
        return {**self.cleaned_data, "columns": chosen, "defaults": defaults}


class CorrectionForm(forms.Form):
    def __init__(self, data=None, *, upload):
        super().__init__(data)
        report = upload.report
        self.problems = report["problems"][:SHOWN]
        self.more = len(report["problems"]) - len(self.problems)
        for problem in self.problems:
            if problem["field"]:
                name = f"fix_{problem['line']}_{problem['field']}"
                self.fields[name] = forms.CharField(
                    label=f"{problem['column']} in row {problem['line']}",
                    initial=problem["value"],
                    required=False,
                    max_length=32_000,
                    widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
                )
        lines = {problem["line"]: None for problem in self.problems if problem["line"]}
        for line in lines:
            self.fields[f"skip_{line}"] = forms.BooleanField(
                label=f"Skip row {line}", required=False
            )
        for line in report["skipped"][:SHOWN]:
            self.fields[f"include_{line}"] = forms.BooleanField(
                label=f"Include row {line} again", required=False
            )

    def rows(self):
        """Yield ``(problem, field of its cell, checkbox to skip its row)``, once for each."""
        seen = set()
        for problem in self.problems:
            line, name = problem["line"], f"fix_{problem['line']}_{problem['field']}"
            is_first = (line, problem["field"]) not in seen
            skip = None
            if line and all(line != earlier for earlier, _ in seen):
                skip = self[f"skip_{line}"]
            seen.add((line, problem["field"]))
            yield problem, self[name] if name in self.fields and is_first else None, skip

    def skipped(self):
        return [
            (name.removeprefix("include_"), self[name])
            for name in self.fields
            if name.startswith("include_")
        ]

    def apply_to(self, upload):
        for name in self.changed_data:
            action, _, rest = name.partition("_")
            line, _, field = rest.partition("_")
            if action == "fix":
                upload.corrections.setdefault(line, {})[field] = self.cleaned_data[name]
            elif action == "skip":
                upload.skipped_lines = sorted({*upload.skipped_lines, int(line)})
            else:
                upload.skipped_lines = [
                    skipped for skipped in upload.skipped_lines if skipped != int(line)
                ]
