import pytest
from django.conf import settings
from django.db import connection

from coachmaster.backups.other_databases import database_url

from .server import Proxy, running_site

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs a database server"),
]


def test_site_answers_503_while_the_server_is_down_and_recovers(client_of, admin, tmp_path):
    cookie = f"sessionid={client_of(admin).cookies[settings.SESSION_COOKIE_NAME].value}"
    database = connection.settings_dict
    proxy = Proxy(database["HOST"], database["PORT"])
    url = database_url({**database, "HOST": "127.0.0.1", "PORT": proxy.port})
    proxy.start()
    with running_site(tmp_path, DATABASE_URL=url) as site:

        def statuses():
            return {site.get("/dashboard/admin/", Cookie=cookie)[0] for _ in range(20)}

        assert statuses() == {200}
        before = len(site.lines())

        proxy.stop()
        assert statuses() == {503}
        assert site.get("/healthz") == (200, "ok")
        assert site.get("/readyz")[0] == 503
        errors = [line for line in site.lines()[before:] if " ERROR " in line]
        assert ["database unavailable: " in line for line in errors] == [True] * 20 + [False]
        assert "Traceback" not in "\n".join(site.lines())

        proxy.start()
        assert statuses() == {200}
