"""Clients that request pages in this process or through gunicorn."""

import http.client
import secrets
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from .urls import SESSION_USER

HOST = "localhost"


class UnexpectedResponse(Exception):
    pass


@dataclass
class Requester:
    """A person with a session, a program with a token, or an anonymous visitor."""

    user: object = None
    token: str = ""

    def in_process_client(self):
        return InProcessClient(self._client())

    def http_client(self, port):
        return HttpClient(port, self._client().cookies, self.token)

    def _client(self):
        headers = {"host": HOST}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        client = Client(headers=headers)
        if self.user:
            client.cookies[settings.SESSION_COOKIE_NAME] = self._session_key
        return client

    @cached_property
    def _session_key(self):
        """Sign in once: many sessions would sign out the oldest devices, also of tokens."""
        client = Client(headers={"host": HOST})
        client.force_login(self.user)
        session = client.session
        session[SESSION_USER] = self.user.pk
        session.save()
        return session.session_key


def _check(status, address, fields, content):
    if status != (302 if fields else 200):
        text = content[:2000].decode(errors="replace")
        raise UnexpectedResponse(f"{address} answered {status}: {text}")


class InProcessClient:
    def __init__(self, client):
        self.client = client

    def send(self, address, fields=None):
        response = self.client.post(address, fields) if fields else self.client.get(address)
        _check(response.status_code, address, fields, response.content)


class HttpClient:
    """A client that opens a connection for each request, as nginx does."""

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
        headers = {
            **self.headers,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(
            "POST" if fields else "GET", address, urlencode(fields) if fields else None, headers
        )
        response = self.connection.getresponse()
        for header in response.headers.get_all("Set-Cookie") or []:
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        _check(response.status, address, fields, response.read())
