"""Settings; `.env.example` explains the environment variables."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF
from django.contrib.messages import constants as messages
from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor

from coachmaster.secret_key import checked_key, read_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = read_secret_key(
    key=env("SECRET_KEY", default=""),
    path=env("SECRET_KEY_FILE", default="") or BASE_DIR / ".secret-key",
    create=DEBUG,
)
SECRET_KEY_FALLBACKS = [
    checked_key(key, "A key of SECRET_KEY_FALLBACKS")
    for key in env.list("SECRET_KEY_FALLBACKS", default=[])
]

# With https, cookies, redirects and HSTS follow.
_site = urlsplit(env("SITE_URL", default="http://localhost:8000").lower().rstrip("/"))
SITE_URL = _site.geturl()
_is_origin = _site.hostname and f"{_site.scheme}://{_site.netloc}" == SITE_URL
if _site.scheme not in ("http", "https") or not _is_origin:
    raise ImproperlyConfigured(
        f"SITE_URL is {SITE_URL}: write it like https://coach.example.in, without a path."
    )
HTTPS = _site.scheme == "https"
if DEBUG and HTTPS:
    raise ImproperlyConfigured(
        f"DEBUG is on, but SITE_URL is {SITE_URL}: error pages would show source code and settings "
        "to everybody. Set DEBUG=off, or for a trial on this computer SITE_URL=http://localhost:8000"
    )
ALLOWED_HOSTS = [_site.hostname, *env.list("EXTRA_HOSTS", default=[])]
if DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "coachmaster.core.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "corsheaders",
    "ninja",
    "simple_history",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp_webauthn",
    "coachmaster.core",
    "accounts",
    "academics",
    "finance",
    "attendance",
    "coachmaster.backups",
    "coachmaster.imports",
    "coachmaster.demo",
    "coachmaster.dashboards",
]

MIDDLEWARE = [
    "coachmaster.core.health.probes",
    "coachmaster.core.logs.access_log",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "coachmaster.core.middleware.browser_policies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "coachmaster.core.middleware.json_under_api",
    "coachmaster.core.middleware.api_needs_https",
    "coachmaster.core.middleware.refuse_methods",
    "coachmaster.core.middleware.refuse_nul",
    "accounts.middleware.EndedSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "accounts.middleware.remember_device",
    "accounts.middleware.second_factor_required",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "coachmaster.core.outages.repeat_after_lock",
    "simple_history.middleware.HistoryRequestMiddleware",
]

# An attendance sheet of a thousand students has a status and a note for each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4000

ROOT_URLCONF = "coachmaster.urls"
WSGI_APPLICATION = "coachmaster.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "academics.context_processors.institute",
                "coachmaster.core.context_processors.icons",
            ],
            "builtins": ["coachmaster.core.templatetags.core_tags"],
        },
    },
]
# Finds templates/django/forms/widgets/.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
# Messages name people and amounts, so they are not kept in a cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
MESSAGE_TAGS = {messages.ERROR: "danger"}

# Database -----------------------------------------------------------------------------------------
# MIGRATE_DATABASE_URL: the role that owns the tables, for commands that create or fill them.
_command = sys.argv[1] if len(sys.argv) > 1 and Path(sys.argv[0]).name == "manage.py" else ""
_is_owner = _command in ("migrate", "restore", "import")
_url = (_is_owner and env("MIGRATE_DATABASE_URL", default="")) or env("DATABASE_URL", default="")
_sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "coachmaster.sqlite3"}
DATABASES = {"default": env.db_url_config(_url) if _url else _sqlite}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = 60
_database["CONN_HEALTH_CHECKS"] = True
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a transaction takes the write lock at once; after a read, it could fail to get it.
    # The journal stays the rollback journal: SQLite below 3.51.3 can lose commits in WAL mode.
    # The driver keeps the statements of all pages prepared.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "cached_statements": 500,
    }
    # A file, as in production: threads of one test must wait for its locks.
    _database["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}
else:
    # Pages have time limits, imports and checks at a shell have none.
    # JIT compilation takes PostgreSQL half a second, longer than any query of a page.
    _limits = ["jit=off"] + (["lock_timeout=5s"] if _command != "migrate" else [])
    if _command in ("", "runserver"):
        _limits += ["statement_timeout=15s", "idle_in_transaction_session_timeout=30s"]
    _options = _database.setdefault("OPTIONS", {})
    _options.setdefault("connect_timeout", 5)
    _flags = [_options.get("options"), *(f"-c {limit}" for limit in _limits)]
    _options["options"] = " ".join(filter(None, _flags))
    # PostgreSQL prepares a statement that a connection has run five times.
    SERVER_SIDE_BINDING = env.bool("SERVER_SIDE_BINDING", True)
    _options["server_side_binding"] = SERVER_SIDE_BINDING
    _options["prepare_threshold"] = 5 if SERVER_SIDE_BINDING else None
    _database["DISABLE_SERVER_SIDE_CURSORS"] = not SERVER_SIDE_BINDING
# Reuse the SQL of the busiest queries (see `core/compiled.py`).
COMPILED_QUERIES = env.bool("COMPILED_QUERIES", True)
# The database role of the site, which gets its privileges on tables that another role owns.
APPLICATION_ROLE = env.db_url("DATABASE_URL")["USER"] if env("DATABASE_URL", default="") else ""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The key and the file of `manage.py seal`. The site does not read them.
SEAL_KEY_FILE = env("SEAL_KEY_FILE", default="")
SEAL_FILE = env("SEAL_FILE", default="")

# Signing in ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailOrAdmissionNumberBackend"]
# W004: a constraint makes emails unique in any letter case.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "dashboards:dashboard"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.validators.NotAboutThePersonValidator"},
    {"NAME": "academics.passwords.InstituteNameValidator"},
    {"NAME": "accounts.validators.LengthByRoleValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.CommonPasswordValidator",
        "OPTIONS": {"password_list_path": BASE_DIR / "accounts/data/common_passwords.txt.gz"},
    },
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.validators.EndsDevicesValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
INVITATION_DAYS = 7
REGISTRATION_OPEN = env.bool("REGISTRATION_OPEN", False)
# Second factors. The name is shown by authenticator apps, passkeys belong to the host of SITE_URL.
OTP_TOTP_ISSUER = OTP_WEBAUTHN_RP_NAME = "CoachMaster"
OTP_WEBAUTHN_RP_ID = _site.hostname
# Browsers have no passkeys at other addresses.
_has_passkeys = HTTPS or OTP_WEBAUTHN_RP_ID == "localhost"
OTP_WEBAUTHN_ALLOWED_ORIGINS = [SITE_URL if _has_passkeys else "http://localhost"]
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = False
OTP_WEBAUTHN_HELPER_CLASS = "accounts.services.passkeys.Helper"
# Codes are limited by accounts/throttling.py.
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0
# Number of proxies in front, whose report of the client's address and of https is trusted.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

# Of visitors. Those of people who are signed in: accounts/services/sessions.py.
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
# Says that a person signed in on this device before (see `accounts/known_devices.py`).
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS else "device"
DEVICE_COOKIE_AGE = 365 * 24 * 3600
# Explains what to do, and can open some pages again with the input.
CSRF_FAILURE_VIEW = "accounts.views.csrf_failure.csrf_failure"

SECURE_SSL_REDIRECT = HTTPS
# Programs are told, not redirected: else a token sent over http would go unnoticed.
SECURE_REDIRECT_EXEMPT = [r"^api/"]
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS and env.bool("HSTS_PRELOAD", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # The form of a reminder redirects to WhatsApp.
        "form-action": [SELF, "https://wa.me", "https://api.whatsapp.com"],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Browser apps on these hosts may call the API, by its tokens and without cookies.
CORS_ALLOWED_ORIGINS = env.list("API_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key"]
CORS_EXPOSE_HEADERS = ["retry-after", "x-request-id"]
# The history is for reading. Old values are restored with the form of the record.
SIMPLE_HISTORY_REVERT_DISABLED = True
ADMIN_PATH = env("ADMIN_PATH", default="admin/").strip("/") + "/"

# Mail ---------------------------------------------------------------------------------------------
# Without EMAIL_URL no email is sent, and pages show its link instead.
SENDS_MAIL = bool(env("EMAIL_URL", default=""))
vars().update(env.email_url_config(env("EMAIL_URL", default="") or "consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="CoachMaster <noreply@localhost>")

# Language and time --------------------------------------------------------------------------------
LANGUAGE_CODE = "en-in"
# One language. Without translations, URLs and dates take half the time.
USE_I18N = False
TIME_ZONE = env("TIME_ZONE", default="Asia/Kolkata")
USE_TZ = True
# Django has no formats for en-in and would read 05/04/2026 the American way.
FORMAT_MODULE_PATH = ["coachmaster.formats"]
# The country of phone numbers without a country code.
PHONE_REGION = env("PHONE_REGION", default="IN")

# Static files -------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Source maps are for developers; compressing Swagger UI's takes half of the time of collectstatic.
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Links that are valid for whoever has them: the log has `*` in place of what follows.
SECRET_PATHS = [
    r"/+accounts/+invitation/+",
    r"/+accounts/+reset/+",
    r"/+calendar/+feed/+",
    r"/+check-in/+",
    r"/+r/+",
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "coachmaster.core.logs.PlainFormatter"},
        "json": {"()": "coachmaster.core.logs.JsonFormatter"},
    },
    "filters": {"one_line": {"()": "coachmaster.core.logs.OneLineFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env("LOG_FORMAT", default="plain"),
            "filters": ["one_line"],
        }
    },
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Its lines of requests would show secret links; `coachmaster.access` has its own.
        "django.server": {"level": "WARNING"},
        "django.utils.autoreload": {"level": "WARNING"},
    },
}
