import re
import unicodedata

from django.core.exceptions import ValidationError

from .money import grouped

# Characters without a glyph (Unicode's “default ignorable” ones) and an empty Braille cell: they
# can disguise a name. Three kinds stay: joiners in scripts that need them, Arabic, Syriac and
# those of India and its neighbours, also after a virama at the end of a word; joiners between
# emoji; and the selector of a symbol's colour.
_JOINED = "\u0600-\u07ff\u0860-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\ua8e0-\ua8ff"
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
_EMOJI = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_INVISIBLE = re.compile(
    f"(?<![{_JOINED}{_EMOJI}])[\u200c\u200d]"
    f"|(?<=[{_JOINED}])(?<![{_VIRAMAS}])[\u200c\u200d](?![{_JOINED}])"
    f"|(?<=[{_EMOJI}])[\u200c\u200d](?![{_EMOJI}])"
    "|(?<![\u2190-\u2bff\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
    "|[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = str.maketrans("", "", "\u200c\u200d")


def clean_text(value, *, lines=False):
    """Return text in NFC with single spaces, without control and invisible characters.

    ``lines`` keeps line breaks. Raise ValidationError for a NUL character.
    """
    value = str(value)
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    if "\0" in value:
        raise ValidationError("This text holds a NUL character. Type it again.")
    # Without its neighbour, a joiner may be invisible too.
    while (visible := _INVISIBLE.sub("", value)) != value:
        value = visible
    value = unicodedata.normalize("NFC", value)
    if lines:
        value = "\n".join(clean_text(line) for line in value.splitlines())
        return value.strip("\n")
    value = "".join(
        " " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c) != "Cc"
    )
    return " ".join(value.split())


def folded(value):
    """Return text for comparison regardless of letter case and joiners."""
    return unicodedata.normalize("NFC", str(value).translate(_JOINERS).casefold())


def format_percent(number):
    """Format a Decimal: `40 %`, `12.5 %`."""
    return f"{number.normalize():f} %"


def plural(number, noun):
    """Return `1 student` or `1,04,000 students`."""
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def name_list(names, most=10):
    """Return `Asha Verma, Ravi Kumar and 5 more`, each name once."""
    names = [str(name) for name in dict.fromkeys(names)]
    shown, more = names[:most], len(names) - most
    return f"{', '.join(shown)} and {more} more" if more > 0 else ", ".join(shown)
