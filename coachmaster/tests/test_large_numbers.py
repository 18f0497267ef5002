import re

import pytest

from .test_permissions import ROUTES

TOO_LARGE = "9" * 20
OTHERS = {
    "date": "2026-11-30",
    "day": "2026-11-30",
    "time": "17:00",
    "slug": "word",
    "str": "word",
    "uuid": "word",
}
ADDRESSES = [
    "/"
    + re.sub(r"<(\w+):\w+>", lambda kind: TOO_LARGE if kind[1] == "int" else OTHERS[kind[1]], path)
    for path, _ in ROUTES.values()
    if "<int:" in path
]


@pytest.mark.parametrize("role", ["admin", "instructor"])
def test_too_large_id_is_not_found(db, client_of, request, role):
    client = client_of(request.getfixturevalue(role))
    client.raise_request_exception = False

    answers = {
        (method.__name__, address): method(address).status_code
        for address in ADDRESSES
        for method in (client.get, client.post)
    }
    assert {asked: code for asked, code in answers.items() if code not in (403, 404, 405)} == {}
