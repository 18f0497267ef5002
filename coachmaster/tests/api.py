import json

from django.test import Client

from accounts import tokens


class Caller:
    """Call the API with a token and without cookies; return ``(status, data)``."""

    def __init__(self, user=None, *, token=None, client=None):
        user = getattr(user, "user", user)
        self.token = token or (tokens.issue(user, by_factor=True) if user else None)
        self.client = client or Client()

    def send(self, method, path, body=None, headers=None):
        """Return the response."""
        headers = {
            **({"authorization": f"Bearer {self.token}"} if self.token else {}),
            **(headers or {}),
        }
        more = {}
        if body is not None:
            more = {
                "data": body if isinstance(body, str | bytes) else json.dumps(body),
                "content_type": "application/json",
            }
        return getattr(self.client, method.lower())(f"/api/v1{path}", headers=headers, **more)

    def __call__(self, method, path, body=None, **headers):
        answer = self.send(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        assert answer["Content-Type"] == "application/json"
        return answer.status_code, json.loads(answer.content)

    def get(self, path):
        """Return the data of a successful GET."""
        status, data = self("GET", path)
        assert status == 200, data
        return data
