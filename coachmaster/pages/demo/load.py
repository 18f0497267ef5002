"""Eight people at work at once: forms sent to a gunicorn of our own, for `manage.py bench` and for tests of load.

What is sent here is written: use it on a database that may be thrown away.
"""

import contextlib
import http.client
import itertools
import os
import re
import socket
import subprocess  # nosec B404
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from finance.forms import PaymentForm
from finance.models import Account

CLIENTS = 8
HEADERS = {
    "Host": urlsplit(settings.SITE_URL).netloc,
    "Content-Type": "application/x-www-form-urlencoded",
    "Connection": "close",  # as nginx asks
}


@contextlib.contextmanager
def gunicorn(*, workers=2, threads=4):
    """Serve the site on a free port of this machine; yields the port. The server works on the same database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "coachmaster.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--log-level", "warning"]
    environment = {**os.environ, "SITE_URL": "http://localhost:8000"}
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)  # noqa: S603 # nosec B603
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(20)


class Desk:
    """One signed-in person."""

    def __init__(self, port, user):
        client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
        client.force_login(user)
        self.cookies = {"sessionid": client.cookies[settings.SESSION_COOKIE_NAME].value}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.csrf = ""

    def get(self, address):
        """The text of a page, whose form's token is kept for what is sent next."""
        status, text = self._ask("GET", address)
        if status != 200:
            raise RuntimeError(f"GET {address} answered {status}.")
        self.csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
        return text

    def post(self, address, fields):
        """Send a form; raises RuntimeError unless it is taken."""
        status, text = self._ask("POST", address, urlencode({**fields, "csrfmiddlewaretoken": self.csrf}))
        if status != 302:
            raise RuntimeError(f"POST {address} answered {status}: {text[:2000]}")

    def _ask(self, method, address, body=None):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.connection.request(method, address, body, {**HEADERS, "Cookie": cookies})
        answer = self.connection.getresponse()
        for header in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.read().decode()


def payment(student):
    """The address of the form of a payment and what is typed into it: ten rupees of the student with that id."""
    fields = {"token": PaymentForm.new_token(), "amount": "10.00", "mode": "cash", "paid_on": f"{timezone.localdate()}"}
    address = f"{reverse('finance:payment-create')}?student={student}"
    return address, {**fields, "as_advance": "on", "confirmed_double": "on"}


def payers():
    """The ids of students who owe something, each as often as it takes."""
    return itertools.cycle(list(Account.objects.owing().order_by("pk").values_list("pk", flat=True)[:500]))


def payments_per_second(port, *, seconds=10, clients=CLIENTS):
    """How many payments so many desks record in a second, each sending the form again and again for other students.

    Raises RuntimeError when one is refused.
    """
    students = payers()
    return per_second(port, lambda: payment(next(students)), seconds=seconds, clients=clients)


def per_second(port, form, *, seconds, clients=CLIENTS):
    """How many forms are taken in a second from so many clients at once; ``form()`` gives an address and its fields."""
    admins = User.objects.filter(membership__group__name="Admin").order_by("pk")
    desks = [Desk(port, admins[number % len(admins)]) for number in range(clients)]
    forms = threading.Lock()

    def next_form():
        with forms:
            return form()

    for desk in desks:  # each worker of the server is warm when the clock starts
        for _ in range(5):
            address, fields = next_form()
            desk.get(address)
            desk.post(address, fields)
    until = time.perf_counter() + seconds

    def send(desk):
        count = 0
        while time.perf_counter() < until:
            desk.post(*next_form())
            count += 1
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        count = sum(pool.map(send, desks))
    return count / (time.perf_counter() - began)
