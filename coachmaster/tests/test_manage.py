import subprocess
import sys

from django.conf import settings


def test_missing_package_is_named_without_traceback():
    without_packages = [sys.executable, "-S", "-E", "manage.py", "check"]

    done = subprocess.run(
        without_packages, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert (
        done.stderr
        == "No module named 'django'. Install what this version needs: make requirements\n"
    )
