from coachmaster.settings import *  # noqa: F403
from coachmaster.settings import BASE_DIR, STORAGES

ROOT_URLCONF = "coachmaster.demo.bench.urls"
# Static files are served from the source, so that collectstatic is not needed.
STATIC_ROOT, STATICFILES_DIRS = BASE_DIR / "static", []
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
