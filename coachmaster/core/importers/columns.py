"""What the columns of a table are called, and how a cell becomes a value."""

import functools
import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from coachmaster.core.form_fields import SingleLineFormField
from coachmaster.core.text import folded

from .special_cells import UNCALCULATED

# 9.87654E+09: what a spreadsheet makes of a long number; its last digits are lost.
_MANGLED = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
# What spreadsheets show where a formula came to nothing.
_FAILED = re.compile(
    r"#(REF|N/A|VALUE|DIV/0|NAME|NUM|NULL|SPILL|CALC|GETTING_DATA)[!?]?|Err:[0-9]{3}", re.IGNORECASE
)
_TIME_OF_DAY = re.compile(
    r"(?<=^[0-9]{4}-[0-9]{2}-[0-9]{2})[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$"
)
# 5-Apr-26, 24 November 2026: how spreadsheets show dates, and so write them into a CSV file.
_DAY_BY_MONTHS_NAME = re.compile(
    r"([0-9]{1,2})[- /.]?([A-Za-z]{3,9})[- /.,]{0,2}([0-9]{4}|[0-9]{2})"
)
_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}")
_POINT_ZERO = re.compile(r"([0-9]+)\.0+")
_SEPARATORS = re.compile(r"\(.*?\)|[\s_\-:/.,*#₹'’]+")


def plain_day(text):
    """A date without the time of day that other programs put behind it, and `5-Apr-26` as `5/4/2026`.

    Years of two digits are those of 1969 to 2068. Any other text stays as it is.
    """
    text = _TIME_OF_DAY.sub("", text)
    found = _DAY_BY_MONTHS_NAME.fullmatch(text)
    if not found:
        return text
    month = next((name for name in _MONTHS if name.startswith(found[2].lower())), None)
    if not month:
        return text
    year = int(found[3])
    if len(found[3]) == 2:
        year += 1900 if year >= 69 else 2000
    return f"{found[1]}/{_MONTHS.index(month) + 1}/{year}"


def normalised(name):
    """A column's name as it is compared: `Full Name`, `full_name`, `FULL-NAME *` and `FullName` are one."""
    return _SEPARATORS.sub("", folded(name))


class Column:
    """One column: ``name`` (in --map and --default), the form field that cleans its cells, and its other names.

    ``is_code`` marks numbers that are names (phones, references): there a spreadsheet's rounding is noticed.
    ``is_fixed`` marks columns that follow from the file's own headings, so that there is nothing to pick.
    ``parts`` are other programs' names of the columns of which it is joined, in order; the last one tells that it is.
    """

    def __init__(self, name, field, *synonyms, is_code=False, parts=(), is_fixed=False):
        self.name = name
        self.field = field
        self.synonyms = synonyms
        self.is_code = is_code
        self.is_fixed = is_fixed
        self.parts = [[normalised(known) for known in part] for part in parts]
        self.names = [normalised(known) for known in (name, *synonyms)]
        self.clean = functools.lru_cache(maxsize=4096)(self._clean)

    @classmethod
    def of(cls, model, name, *synonyms, is_code=False, parts=(), **field_options):
        """The column of a model's field, cleaned as the model's own form would."""
        return cls(
            name,
            model._meta.get_field(name).formfield(**field_options),
            *synonyms,
            is_code=is_code,
            parts=parts,
        )

    def found_in(self, places):
        """The places of the file's columns that make it up; ``places`` by normalised names."""
        own = next(([places[name]] for name in self.names if name in places), [])
        if self.parts and any(name in places for name in self.parts[-1]):
            found = [
                next((places[name] for name in part if name in places), None) for part in self.parts
            ]
            if found[0] is not None and own in ([], [found[0]]):
                return [place for place in found if place is not None]
        return own

    @property
    def title(self):
        """Its name for people: `full_name` → `Full name`."""
        return self.name.replace("_", " ").capitalize()

    @property
    def is_required(self):
        """Whether every row needs it."""
        return self.field.required

    @property
    def is_date(self):
        """Whether its values are dates."""
        return isinstance(self.field, forms.DateField)

    def default(self, text):
        """``text`` as a value for every line, checked; `today` is a date too. Raises ValidationError."""
        if self.is_date and text.lower() == "today":
            text = timezone.localdate().isoformat()
        self.clean(text)
        return text

    def _clean(self, text):
        """The value of a cell that is not empty. Raises ValidationError."""
        if "\0" in text:
            raise ValidationError("This cell holds a NUL character. Type it again.")
        if text[0] in "#Ee":
            if text == UNCALCULATED:
                raise ValidationError(
                    "The file holds a formula here without its result. Open it in the spreadsheet and save it, "
                    "or type the value."
                )
            if _FAILED.fullmatch(text):
                raise ValidationError(
                    "The spreadsheet shows an error here. Correct its formula, or type the value."
                )
        # Our own exports, like spreadsheets, put an apostrophe before text that would be run as a formula.
        if text[0] == "'" and text[1:2] in ("=", "+", "-", "@", "\t"):
            text = text[1:]
        if self.is_code:
            if _MANGLED.fullmatch(text):
                raise ValidationError(
                    "A spreadsheet has rounded this number. Set the column's format to “Text” and type it again."
                )
            text = _POINT_ZERO.sub(r"\1", text) if _POINT_ZERO.fullmatch(text) else text
        elif self.is_date:
            text = plain_day(text)
            if _SHORT_YEAR.fullmatch(text):
                raise ValidationError("Enter a date with its year in full, like 24/11/2026.")
        return self.field.clean(text)


class ReferenceColumn(Column):
    """A column that names a row of another table; which one it is, the importer finds out."""

    def __init__(self, name, *synonyms, required=True):
        super().__init__(
            name, SingleLineFormField(max_length=254, required=required), *synonyms, is_code=True
        )
