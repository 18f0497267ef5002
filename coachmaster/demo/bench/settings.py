"""Settings of the server that is measured: the site, with the floor pages beside it."""

from coachmaster.settings import *  # noqa: F403
from coachmaster.settings import BASE_DIR, STORAGES

ROOT_URLCONF = "coachmaster.demo.bench.urls"
# Static files as they are in the source, so that nothing has to be collected before.
STATIC_ROOT, STATICFILES_DIRS = BASE_DIR / "static", []
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
