"""Text that people typed: what is kept of it, and how it is compared."""

import re
import unicodedata

from django.core.exceptions import ValidationError

# Zero width joiner and non-joiner shape Indic scripts and stay; overrides of writing direction can disguise a name.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def clean_text(value, *, lines=False):
    """NFC, trimmed, without control characters and bidi overrides; spaces in a row become one.

    ``lines`` keeps line breaks, for notes and addresses. Raises ValidationError on a NUL, which no text has.
    """
    value = str(value)
    if value.isascii() and value.isprintable():  # most text, and quick
        return " ".join(value.split())
    if "\0" in value:
        raise ValidationError("This text holds a NUL character. Type it again.")
    value = _BIDI.sub("", unicodedata.normalize("NFC", value))
    if lines:
        value = "\n".join(clean_text(line) for line in value.splitlines())
        return value.strip("\n")
    value = "".join(
        " " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c) != "Cc"
    )
    return " ".join(value.split())


def folded(value):
    """Text as it is searched: letter case and accents of form do not count, in any script."""
    return unicodedata.normalize("NFC", str(value).casefold())
