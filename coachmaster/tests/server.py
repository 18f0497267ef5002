"""gunicorn as in docs/deploy.md, and a proxy that stands for a database server."""

import contextlib
import http.client
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time

from django.conf import settings


def unused_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


class Site:
    def __init__(self, port, log):
        self.port, self.log = port, log

    def get(self, path, **headers):
        """Return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Host": "localhost", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def lines(self):
        return self.log.read_text().splitlines()


@contextlib.contextmanager
def running_site(folder, **environment):
    """Run the site with the command of docs/deploy.md; its log is in ``folder``."""
    guide = (settings.BASE_DIR / "docs" / "deploy.md").read_text()
    options = re.search(r"-m gunicorn (.*?)\n(?!    )", guide, re.DOTALL)[1].replace("\\\n", " ")
    port = unused_port()
    command = [sys.executable, "-m", "gunicorn", *shlex.split(options)]
    command += ["--bind", f"127.0.0.1:{port}"]
    log = folder / "gunicorn.log"
    environment = {
        **os.environ,
        # Static files from the source, without collectstatic.
        "DJANGO_SETTINGS_MODULE": "coachmaster.tests.site_settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": "http://localhost",
        **environment,
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output
        )
    site = Site(port, log)
    try:
        for _ in range(300):
            assert server.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                site.get("/healthz")
                break
            time.sleep(0.1)
        yield site
    finally:
        server.terminate()
        server.wait(20)


class Proxy:
    """Passes connections on to a server while it is started."""

    def __init__(self, host, port):
        self.server, self.port = (host, int(port)), unused_port()
        self.listener, self.sockets = None, []

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.sockets = []

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.server)
            self.sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=[source, target], daemon=True).start()


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
