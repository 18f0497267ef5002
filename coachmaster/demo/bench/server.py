import contextlib
import os
import socket
import subprocess
import sys
import time

from django.conf import settings


@contextlib.contextmanager
def gunicorn(*, workers=2, threads=4, compiled=True):
    """Run gunicorn with the site and the floors on a free port; yield the port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "coachmaster.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--log-level", "warning"]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "coachmaster.demo.bench.settings",
        "DEBUG": "off",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": "http://localhost:8000",
        "COMPILED_QUERIES": "on" if compiled else "off",
    }
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)  # noqa: S603
    try:
        for _ in range(200):
            if server.poll() is not None:
                raise RuntimeError(f"gunicorn exited with {server.returncode}.")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(20)
