import functools
import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from coachmaster.core.form_fields import SingleLineFormField
from coachmaster.core.text import folded

from .special_cells import UNCALCULATED

# 9.87654E+09: a long number as spreadsheets write it, without its last digits.
_ROUNDED = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_FORMULA_ERROR = re.compile(
    r"#(REF|N/A|VALUE|DIV/0|NAME|NUM|NULL|SPILL|CALC|GETTING_DATA)[!?]?|Err:[0-9]{3}", re.IGNORECASE
)
_TIME_OF_DAY = re.compile(
    r"(?<=^[0-9]{4}-[0-9]{2}-[0-9]{2})[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$"
)
# 5-Apr-26, 24 November 2026: as spreadsheets write dates into a CSV file.
_DAY_WITH_MONTH_NAME = re.compile(
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
    """Return a date without time of day, and `5-Apr-26` as `5/4/2026`; other texts unchanged.

    Years of two digits are 1969 to 2068.
    """
    text = _TIME_OF_DAY.sub("", text)
    found = _DAY_WITH_MONTH_NAME.fullmatch(text)
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
    """Return a name for comparison: `Full Name`, `full_name` and `FULL-NAME *` are the same."""
    return _SEPARATORS.sub("", folded(name))


class ImportColumn:
    """A column with a form field.

    ``is_code`` marks numbers such as phones, which a spreadsheet must not round. ``is_fixed``
    columns cannot be chosen. ``parts`` are joined if the file has the last of them.
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
        return cls(
            name,
            model._meta.get_field(name).formfield(**field_options),
            *synonyms,
            is_code=is_code,
            parts=parts,
        )

    def found_in(self, places):
        """Return the places of its cells; ``places`` are given by normalised name."""
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
        return self.name.replace("_", " ").capitalize()

    @property
    def is_required(self):
        return self.field.required

    @property
    def is_date(self):
        return isinstance(self.field, forms.DateField)

    def default(self, text):
        """Return ``text`` if it is valid; `today` becomes a date."""
        if self.is_date and text.lower() == "today":
            text = timezone.localdate().isoformat()
        self.clean(text)
        return text

    def _clean(self, text):
        if "\0" in text:
            raise ValidationError("This cell holds a NUL character. Type it again.")
        if text[0] in "#Ee":
            _refuse_formula_error(text)
        # Exports and spreadsheets put an apostrophe before text that looks like a formula.
        if text[0] == "'" and text[1:2] in ("=", "+", "-", "@", "\t"):
            text = text[1:]
        if self.is_code:
            if _ROUNDED.fullmatch(text):
                raise ValidationError(
                    "A spreadsheet has rounded this number. Set the column's format to “Text” "
                    "and type it again."
                )
            text = _POINT_ZERO.sub(r"\1", text) if _POINT_ZERO.fullmatch(text) else text
        elif self.is_date:
            text = plain_day(text)
            if _SHORT_YEAR.fullmatch(text):
                raise ValidationError("Enter a date with its year in full, like 24/11/2026.")
        return self.field.clean(text)


def _refuse_formula_error(text):
    if text == UNCALCULATED:
        raise ValidationError(
            "The file holds a formula here without its result. Open it in the spreadsheet and "
            "save it, or type the value."
        )
    if _FORMULA_ERROR.fullmatch(text):
        raise ValidationError(
            "The spreadsheet shows an error here. Correct its formula, or type the value."
        )


class ReferenceColumn(ImportColumn):
    """A column that names a record of another table."""

    def __init__(self, name, *synonyms, required=True):
        super().__init__(
            name, SingleLineFormField(max_length=254, required=required), *synonyms, is_code=True
        )
