import re
import unicodedata

from django.core.exceptions import ValidationError

# Direction overrides can disguise a name. Zero-width joiners stay, since Indic scripts need them.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def clean_text(value, *, lines=False):
    """Return text in NFC with single spaces and no control characters.

    ``lines`` keeps line breaks. Raise ValidationError for a NUL character.
    """
    value = str(value)
    if value.isascii() and value.isprintable():
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
    """Return text for comparison regardless of letter case."""
    return unicodedata.normalize("NFC", str(value).casefold())


def format_percent(number):
    """Format a Decimal: `40 %`, `12.5 %`."""
    return f"{number.normalize():f} %"
