import re
import shlex

import environ
import pytest
from django.conf import settings
from gunicorn.config import Config

ROOT = settings.BASE_DIR
PATH = re.compile(
    r"`((?:accounts|academics|attendance|coachmaster|finance|static|templates)/[\w./-]+)`"
)
CODE_BLOCK = re.compile(r"```(?:python|django)\n(?:#|\{#) (\S+)[^\n]*\n(.*?)\n```", re.DOTALL)


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_named_in_documents_exist(document):
    paths = PATH.findall((ROOT / document).read_text())

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_code_in_contributing_is_that_of_the_files():
    blocks = CODE_BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text())

    assert len(blocks) == 7
    for path, code in blocks:
        source = (ROOT / path).read_text()
        assert all(part in source for part in code.split("\n\n\n")), path


def test_service_of_the_deployment_guide_writes_nothing_to_its_home():
    guide = (ROOT / "docs/deploy.md").read_text()
    command = re.search(r"-m gunicorn (.*?)\nRestart=", guide, re.DOTALL)[1].replace("\\\n", "")
    config = Config()
    for name, value in vars(config.parser().parse_args(shlex.split(command))).items():
        if name in config.settings and value is not None:
            config.set(name, value)

    assert (config.bind, config.workers) == (["127.0.0.1:8001"], 2)
    assert config.control_socket_disable


def test_examples_check_the_certificate_of_a_database_elsewhere():
    for name in ("docs/deploy.md", ".env.example"):
        urls = re.findall(r"postgres://[^\s\"@]*@[^\s\"]*", (ROOT / name).read_text())
        remote = [url for url in urls if "@127.0.0.1:" not in url]

        assert remote
        for url in remote:
            options = environ.Env.db_url_config(url)["OPTIONS"]
            assert (options["sslmode"], *options) == ("verify-full", "sslmode", "sslrootcert")
