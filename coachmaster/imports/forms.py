"""The forms of the import pages."""

from django import forms
from django.core.exceptions import ValidationError

from . import services

NOT_USED = "Not used"


class UploadForm(forms.Form):
    """Which kind of file, and the file."""

    kind = forms.ChoiceField(label="What is in the file?", widget=forms.RadioSelect)
    file = forms.FileField(
        label="File",
        help_text=f"XLSX, ODS or CSV, at most {services.MOST_BYTES // 1024 // 1024} MB and "
        f"{services.MOST_ROWS:,} rows. The first row contains the column names.",
        widget=forms.FileInput(attrs={"accept": ".xlsx,.ods,.csv,.txt,.tsv"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )
    encoding = forms.ChoiceField(
        label="Letters of a CSV file",
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
        if file.size > services.MOST_BYTES:
            raise ValidationError(
                f"More than {services.MOST_BYTES // 1024 // 1024} MB. Split the file, or ask "
                "whoever runs the server to import it with the import command."
            )
        return file


class SheetForm(forms.Form):
    """Which sheet of the workbook."""

    sheet = forms.ChoiceField(label="Which sheet is it?", widget=forms.RadioSelect)

    def __init__(self, *args, sheets, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["sheet"].choices = [(sheet, sheet) for sheet in sheets]


class ColumnsForm(forms.Form):
    """What each column of the file is, and what is taken where the file has nothing."""

    def __init__(self, data=None, *, upload):
        super().__init__(data)
        self.importer = services.importer_for(
            upload, [column["name"] for column in upload.report["columns"]]
        )
        fixed = {column.name for column in self.importer.columns if column.is_fixed}
        self.columns = [
            column for column in upload.report["columns"] if column["field"] not in fixed
        ]
        self.importer.columns = [column for column in self.importer.columns if not column.is_fixed]
        choices = [
            ("", NOT_USED),
            *((column.name, column.title) for column in self.importer.columns),
        ]
        for column in self.columns:
            self.fields[f"column_{column['place']}"] = forms.ChoiceField(
                label=f"“{column['name']}” is",
                choices=choices,
                initial=column["field"],
                required=False,
                widget=forms.Select(attrs={"class": "form-select"}),
            )
        for column in self.importer.columns:
            self.fields[f"default_{column.name}"] = forms.CharField(
                label=column.title,
                initial=upload.defaults.get(column.name, ""),
                required=False,
                max_length=500,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def rows(self):
        """``(column, its field)`` of each column of the file."""
        return [(column, self[f"column_{column['place']}"]) for column in self.columns]

    def defaults(self):
        """``(field, whether the file has such a column, whether every line needs it)``."""
        used = {self[f"column_{column['place']}"].value() for column in self.columns}
        return [(self[f"default_{column.name}"], column.name in used, column.is_required)
                for column in self.importer.columns]  # fmt: skip

    def clean(self):
        picked: dict[str, list[str]] = {column.name: [] for column in self.importer.columns}
        for column in self.columns:
            if name := self.cleaned_data.get(f"column_{column['place']}"):
                picked[name].append(column["name"])
        defaults = {}
        for column in self.importer.columns:
            field = f"default_{column.name}"
            text = self.cleaned_data.get(field, "")
            if text:
                try:
                    defaults[column.name] = column.default(text)
                except ValidationError as error:
                    self.add_error(field, error.messages)
            elif column.is_required and not picked[column.name]:
                self.add_error(
                    field, f"Say which column is “{column.title}”, or give one value for all lines."
                )
        self.cleaned_data["picked"] = picked
        self.cleaned_data["defaults"] = defaults
        return self.cleaned_data


class CorrectionForm(forms.Form):
    """Cells as they should be, lines to leave out, and lines to take in again."""

    def __init__(self, data=None, *, upload):
        super().__init__(data)
        report = upload.report
        self.problems = report["problems"][: services.SHOWN]
        self.more = len(report["problems"]) - len(self.problems)
        for problem in self.problems:
            if problem["field"]:
                name = f"fix_{problem['line']}_{problem['field']}"
                self.fields[name] = forms.CharField(
                    label=f"{problem['column']} in line {problem['line']}",
                    initial=problem["value"],
                    required=False,
                    max_length=32_000,
                    widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
                )
        lines = {problem["line"]: None for problem in self.problems if problem["line"]}
        for line in lines:
            self.fields[f"leave_{line}"] = forms.BooleanField(
                label=f"Leave line {line} out", required=False
            )
        for line in report["skipped"][: services.SHOWN]:
            self.fields[f"back_{line}"] = forms.BooleanField(
                label=f"Take line {line} in again", required=False
            )

    def rows(self):
        """``(problem, the field of its cell or None, the tick that leaves its line out or None)``."""
        seen = set()
        for problem in self.problems:
            line, name = problem["line"], f"fix_{problem['line']}_{problem['field']}"
            first = (line, problem["field"]) not in seen
            tick = self[f"leave_{line}"] if line and line not in {at for at, _ in seen} else None
            seen.add((line, problem["field"]))
            yield problem, self[name] if name in self.fields and first else None, tick

    def left_out(self):
        """``(line, the tick that takes it in again)`` of the lines that are left out."""
        return [
            (name.removeprefix("back_"), self[name])
            for name in self.fields
            if name.startswith("back_")
        ]

    def apply_to(self, upload):
        """Note on ``upload`` what was corrected and left out."""
        for name in self.changed_data:
            act, _, rest = name.partition("_")
            line, _, field = rest.partition("_")
            if act == "fix":
                upload.corrections.setdefault(line, {})[field] = self.cleaned_data[name]
            elif act == "leave":
                upload.left_out = sorted({*upload.left_out, int(line)})
            else:
                upload.left_out = [one for one in upload.left_out if one != int(line)]
