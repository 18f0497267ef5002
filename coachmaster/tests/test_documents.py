import re

import pytest
from django.conf import settings

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
