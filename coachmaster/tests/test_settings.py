import os
import subprocess
import sys

import pytest
from django.conf import settings

GOOD_KEY = "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLM"
ADVICE = 'Make a good one: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'


@pytest.fixture
def run(tmp_path):
    """`run("manage.py", "check", DEBUG="on")`: the finished process, with only these settings."""

    def start(*command, **environment):
        return subprocess.run(
            [sys.executable, *command],
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": f"sqlite:///{tmp_path}/new.sqlite3",
                **environment,
            },
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return start


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SECRET_KEY": "x1"}, "SECRET_KEY has 2 characters; at least 50 are required."),
        ({"SECRET_KEY": GOOD_KEY[:49]}, "SECRET_KEY has 49 characters; at least 50 are required."),
        (
            {"SECRET_KEY": "abcd" * 20},
            "SECRET_KEY has 4 different characters; at least 5 are required.",
        ),
        (
            {"SECRET_KEY": f"django-insecure-{GOOD_KEY}"},
            "SECRET_KEY is an example of Django's, known to everybody.",
        ),
        ({"SECRET_KEY_FILE": "/dev/null"}, "The key in /dev/null is empty."),
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "Set SECRET_KEY, or SECRET_KEY_FILE to a file"),
        (
            {"SECRET_KEY": GOOD_KEY, "SECRET_KEY_FALLBACKS": f"{GOOD_KEY},weak"},
            "A key of SECRET_KEY_FALLBACKS has 4 characters; at least 50 are required.",
        ),
    ],
)
def test_weak_key_does_not_start(run, environment, message):
    done = run("manage.py", "check", **environment)

    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.endswith(f"{ADVICE}\n")
    assert "Traceback" not in done.stderr


def test_key_file_that_cannot_be_read_does_not_start(run, tmp_path):
    done = run("manage.py", "check", SECRET_KEY_FILE=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.startswith(f"The key in {tmp_path} cannot be read:")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("weak", ["", "\n", "django-insecure-" + GOOD_KEY, "abcd" * 20, "x1"])
def test_weak_key_in_a_file_does_not_start(run, tmp_path, weak):
    path = tmp_path / "key"
    path.write_text(weak)

    done = run("manage.py", "check", SECRET_KEY_FILE=str(path), DEBUG="on")

    assert done.returncode == 1
    assert done.stderr.startswith(f"The key in {path} ")


@pytest.mark.parametrize("command", ["runserver", "migrate", "backup", "create_owner"])
def test_no_command_runs_with_a_weak_key(run, tmp_path, command):
    done = run("manage.py", command, SECRET_KEY="weak")

    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert done.stderr.startswith("SECRET_KEY has 4 characters")


@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_gunicorn_does_not_start_with_a_weak_key(run, preload):
    done = run(
        "-m", "gunicorn", "coachmaster.wsgi", "--bind", "127.0.0.1:0", *preload, SECRET_KEY="weak"
    )

    assert done.returncode != 0
    assert ADVICE in done.stderr


def test_debug_does_not_start_with_an_https_address(run):
    done = run(
        "manage.py", "check", SECRET_KEY=GOOD_KEY, DEBUG="on", SITE_URL="https://coach.example.in"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("DEBUG is on, but SITE_URL is https://coach.example.in: ")
    assert "Set DEBUG=off" in done.stderr


@pytest.mark.parametrize(
    "site",
    [
        "coach.example.in",
        "https:coach.example.in",
        "ftp://coach.example.in",
        "https://",
        "http://:80",
        "https://coach.example.in/app",
        "https://coach.example.in?x=1",
    ],
)
def test_site_does_not_start_with_an_address_of_another_kind(run, site):
    done = run("manage.py", "check", SECRET_KEY=GOOD_KEY, SITE_URL=site)

    assert done.returncode == 1
    assert "write it like https://coach.example.in, without a path." in done.stderr


def test_good_key_starts(run, tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{GOOD_KEY}\n")
    read = "from coachmaster import settings; print(settings.SECRET_KEY)"

    assert run("-c", read, SECRET_KEY=GOOD_KEY).stdout == f"{GOOD_KEY}\n"
    assert run("-c", read, SECRET_KEY_FILE=str(path)).stdout == f"{GOOD_KEY}\n"


def test_debug_creates_a_good_key_once(run, tmp_path):
    path = tmp_path / "key"
    read = "from coachmaster import settings; print(settings.SECRET_KEY)"

    keys = [run("-c", read, SECRET_KEY_FILE=str(path), DEBUG="on").stdout for _ in range(2)]

    assert keys[0] == keys[1] == f"{path.read_text()}\n"
    assert len(path.read_text()) == 50
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("first", ["", "import pytest; "])
def test_loaded_modules_do_not_change_the_settings(run, first):
    shown = run(
        "-c",
        f"{first}from django.conf import settings as s; "
        "print(s.PASSWORD_HASHERS[0], s.STORAGES['staticfiles']['BACKEND'], s.REGISTRATION_OPEN)",
        SECRET_KEY=GOOD_KEY,
        DJANGO_SETTINGS_MODULE="coachmaster.settings",
        **dict.fromkeys(("TESTING", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"), "on"),
    ).stdout

    assert shown.split() == [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "whitenoise.storage.CompressedManifestStaticFilesStorage",
        "False",
    ]


@pytest.mark.parametrize(("value", "shown"), [("on", "True"), ("off", "False")])
def test_registration_is_opened_by_its_setting(run, value, shown):
    read = "from coachmaster import settings; print(settings.REGISTRATION_OPEN)"

    assert run("-c", read, SECRET_KEY=GOOD_KEY, REGISTRATION_OPEN=value).stdout == f"{shown}\n"


@pytest.mark.parametrize(
    ("site", "names", "is_secure"),
    [
        ("http://localhost:8000", "sessionid csrftoken device", "False"),
        *(
            (site, "__Host-sessionid __Host-csrftoken __Host-device", "True")
            for site in ("https://coach.example.in", "HTTPS://Coach.Example.in/")
        ),
    ],
)
def test_cookies_are_bound_to_the_host_with_https(run, site, names, is_secure):
    read = (
        "from coachmaster import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.DEVICE_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    )

    shown = run("-c", read, SECRET_KEY=GOOD_KEY, SITE_URL=site).stdout

    assert shown == f"{names} {is_secure} {is_secure}\n"


@pytest.mark.parametrize(
    ("site", "answer"),
    [
        ("http://coach.example.in", "302 /accounts/login/?next=/people/"),
        ("https://coach.example.in", "301 https://coach.example.in/people/"),
    ],
)
def test_site_with_https_is_not_served_over_http(run, site, answer):
    ask = (
        "import django; django.setup(); from django.test import Client; "
        "r = Client().get('/people/', headers={'host': 'coach.example.in'}); "
        "print(r.status_code, r.get('Location'))"
    )

    shown = run(
        "-c", ask, SECRET_KEY=GOOD_KEY, SITE_URL=site, DJANGO_SETTINGS_MODULE="coachmaster.settings"
    )

    assert shown.stdout == f"{answer}\n"
