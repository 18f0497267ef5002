"""Settings of the tests. The settings of the site do not know that there are tests."""

from coachmaster.settings import *  # noqa: F403
from coachmaster.settings import STORAGES

# Fast, since tests sign in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REGISTRATION_OPEN = True
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
