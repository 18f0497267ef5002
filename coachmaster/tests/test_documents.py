import re
import shlex

import environ
import pytest
from django.conf import settings
from gunicorn.config import Config

ROOT = settings.BASE_DIR
PATH = re.compile(
    r"`((?:accounts|academics|attendance|coachmaster|docs|finance|scripts|static|templates)/[\w./-]+)`"
)
CODE_BLOCK = re.compile(r"```(?:python|django)\n(?:#|\{#) (\S+)[^\n]*\n(.*?)\n```", re.DOTALL)


@pytest.mark.parametrize(
    "document", ["docs/architecture.md", "CONTRIBUTING.md", "docs/security.md", "docs/asvs.md"]
)
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


def listed_requirements(text):
    """Return the numbers in the comments of the ASVS tables: `1.2.1-9` are nine."""
    comments = " ".join(re.findall("<!--(.*?)-->", text, re.DOTALL))
    for section, numbers in re.findall(r"(\d+\.\d+)\.([\d,-]+)", comments):
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{section}.{number}"


def test_each_requirement_of_the_asvs_has_one_answer():
    text = (ROOT / "docs/asvs.md").read_text()
    rows = re.findall(r"^\| ([\d.]+) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    answers = dict(rows)

    assert len(rows) == len(answers) == 253
    assert list(answers) == list(listed_requirements(text))
    assert all(re.match(r"Met|Not applicable: |\*\*Not met\*\*", text) for text in answers.values())
    not_met = [number for number, text in answers.items() if text.startswith("**Not met")]
    met = sum(text.startswith("Met") for text in answers.values())
    summary = (
        f"{met} are met, {253 - met - len(not_met)} are not applicable, {len(not_met)} are not "
    )
    assert f"{summary}met: {', '.join(not_met)}." in " ".join(text.split())


def test_links_between_documents_lead_to_a_title():
    for document in (ROOT / "docs").glob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", document.read_text()):
            text = (document.parent / (target or document.name)).read_text()
            titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in slugs, (document.name, target, anchor)
