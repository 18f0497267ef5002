"""Who asks for pages: within this process, or through gunicorn. Both have ``send(address, fields=None)``."""

import http.client
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from .urls import PERSON

HOST = "localhost"


@dataclass
class Visitor:
    """A person with a session, a program with a token, or nobody."""

    user: object = None
    token: str = ""

    def inside(self):
        """A client within this process."""
        return InProcess(self._client())

    def through(self, port):
        """A client of the gunicorn on that port."""
        return OverHttp(port, self._client().cookies, self.token)

    def _client(self):
        client = Client(
            headers={
                "host": HOST,
                **({"authorization": f"Bearer {self.token}"} if self.token else {}),
            }
        )
        if self.user:
            client.force_login(self.user)
            session = client.session
            session[PERSON] = self.user.pk
            session.save()
        return client


class Refused(Exception):
    """A page answered something else than 200, or a form something else than a redirect."""


def _check(status, address, fields, content):
    if status != (302 if fields else 200):
        raise Refused(f"{address} answered {status}: {content[:2000].decode(errors='replace')}")


class InProcess:
    """Django's test client."""

    def __init__(self, client):
        self.client = client

    def send(self, address, fields=None):
        """Ask for a page, or send a form; raises Refused."""
        response = self.client.post(address, fields) if fields else self.client.get(address)
        _check(response.status_code, address, fields, response.content)


class OverHttp:
    """A browser that opens a connection for each request, as nginx does."""

    def __init__(self, port, cookies, token=""):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        csrf = secrets.token_hex(16)
        self.cookies = {"csrftoken": csrf}
        if session := cookies.get(settings.SESSION_COOKIE_NAME):
            self.cookies["sessionid"] = session.value
        self.headers = {"Host": HOST, "Connection": "close", "X-CSRFToken": csrf}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def send(self, address, fields=None):
        """Ask for a page, or send a form; raises Refused."""
        headers = {
            **self.headers,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(
            "POST" if fields else "GET", address, urlencode(fields) if fields else None, headers
        )
        answer = self.connection.getresponse()
        for header in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        _check(answer.status, address, fields, answer.read())
