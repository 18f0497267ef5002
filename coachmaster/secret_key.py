"""The keys that sign sessions and links. A weak key is refused: its signatures can be guessed."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

MIN_LENGTH = 50
MIN_DIFFERENT = 5
ADVICE = (
    "The key signs sessions and links, so whoever guesses it is signed in as anybody. "
    'Make a good one: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
)


def read_secret_key(*, key, path, create):
    """Return ``key``, or the content of the file at ``path``; ``create`` the file if missing."""
    if key:
        return checked_key(key, "SECRET_KEY")
    path = Path(path)
    try:
        return checked_key(path.read_text().strip(), f"The key in {path}")
    except FileNotFoundError:
        if not create:
            raise ImproperlyConfigured(
                f"Set SECRET_KEY, or SECRET_KEY_FILE to a file that holds it. {ADVICE}"
            ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"The key in {path} cannot be read: {error}.") from error
    path.touch(mode=0o600)
    path.write_text(get_random_secret_key())
    return path.read_text()


def checked_key(key, name):
    """Return ``key``; raise ImproperlyConfigured if it is weak."""
    if problem := _weakness(key):
        raise ImproperlyConfigured(f"{name} {problem}. {ADVICE}")
    return key


def _weakness(key):
    if not key:
        return "is empty"
    if key.startswith("django-insecure-"):
        return "is an example of Django's, known to everybody"
    if len(key) < MIN_LENGTH:
        return f"has {len(key)} characters; at least {MIN_LENGTH} are required"
    if len(set(key)) < MIN_DIFFERENT:
        return f"has {len(set(key))} different characters; at least {MIN_DIFFERENT} are required"
    return ""
