"""What the columns of a table are called, and how a cell becomes a value."""

import functools
import re

from django import forms
from django.core.exceptions import ValidationError

from ..text import LineFormField, folded

# 9.87654E+09: what a spreadsheet makes of a long number; its last digits are lost.
_MANGLED = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_SEPARATORS = re.compile(r"\(.*?\)|[\s_\-:/.,*#₹'’]+")


def normalised(name):
    """A column's name as it is compared: `Full Name`, `full_name`, `FULL-NAME *` and `FullName` are one."""
    return _SEPARATORS.sub("", folded(name))


class Column:
    """One column: ``name`` (in --map and --default), the form field that cleans its cells, and its other names.

    ``is_code`` marks numbers that are names (phones, references): there a spreadsheet's rounding is noticed.
    """

    def __init__(self, name, field, *synonyms, is_code=False):
        self.name = name
        self.field = field
        self.synonyms = synonyms
        self.is_code = is_code
        self.names = [normalised(known) for known in (name, *synonyms)]
        self.clean = functools.lru_cache(maxsize=4096)(self._clean)

    @classmethod
    def of(cls, model, name, *synonyms, is_code=False, **field_options):
        """The column of a model's field, cleaned as the model's own form would."""
        return cls(name, model._meta.get_field(name).formfield(**field_options), *synonyms, is_code=is_code)

    @property
    def is_required(self):
        """Whether every row needs it."""
        return self.field.required

    @property
    def is_date(self):
        """Whether its values are dates."""
        return isinstance(self.field, forms.DateField)

    def _clean(self, text):
        """The value of a cell that is not empty. Raises ValidationError."""
        if "\0" in text:
            raise ValidationError("This cell holds a NUL character. Type it again.")
        # Our own exports, like spreadsheets, put an apostrophe before text that would be run as a formula.
        if text[0] == "'" and text[1:2] in ("=", "+", "-", "@", "\t"):
            text = text[1:]
        if self.is_code:
            if _MANGLED.fullmatch(text):
                raise ValidationError(
                    "A spreadsheet has rounded this number. Set the column's format to “Text” and type it again."
                )
            text = re.sub(r"(?<=^[0-9]{10})\.0$", "", text)
        return self.field.clean(text)


class ReferenceColumn(Column):
    """A column that names a row of another table; which one it is, the importer finds out."""

    def __init__(self, name, *synonyms, required=True):
        super().__init__(name, LineFormField(max_length=254, required=required), *synonyms, is_code=True)
