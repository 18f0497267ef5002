import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The CycloneDX file of all installed packages, as text; it takes seconds to write."""
    target = tmp_path_factory.mktemp("sbom") / "environment.json"
    program = Path(sys.executable).with_name("cyclonedx-py")
    subprocess.run([program, "environment", "-o", target, sys.executable], check=True)
    return target.read_text()


@pytest.fixture
def write_parts_list(installed, tmp_path):
    def write(change=lambda environment: None):
        source, target = tmp_path / "environment.json", tmp_path / "sbom.json"
        environment = json.loads(installed)
        change(environment)
        source.write_text(json.dumps(environment))
        script = [sys.executable, ROOT / "scripts/sbom.py", source, target]
        done = subprocess.run(script, check=False, capture_output=True, text=True)
        return done, json.loads(target.read_text()) if target.exists() else None

    return write


def test_parts_list_has_the_packages_in_use_and_the_vendored_files(write_parts_list):
    done, parts = write_parts_list()

    assert (done.returncode, done.stderr) == (0, "")
    licences = {part["name"].lower(): part["licenses"] for part in parts["components"]}
    assert licences["django"] == [
        {"license": {"acknowledgement": "declared", "id": "BSD-3-Clause"}}
    ]
    assert licences["bootstrap"] == licences["bootstrap-icons"] == [{"license": {"id": "MIT"}}]
    assert not {"pytest", "ruff", "playwright", "cyclonedx-bom"} & set(licences)
    assert parts["specVersion"] == "1.6"


def test_every_vendored_file_is_a_part(write_parts_list):
    _, parts = write_parts_list()

    places = [part["properties"][0]["value"] for part in parts["components"][-2:]]
    files = {Path(place).resolve() for place in (ROOT / place for place in places)}
    vendored = {
        file for file in (ROOT / "static/vendor").iterdir() if file.suffix not in (".md", ".scss")
    }
    assert files >= vendored
    assert all(file.exists() for file in files)


def test_other_version_than_required_is_refused(write_parts_list):
    def change(environment):
        django = next(part for part in environment["components"] if part["name"] == "Django")
        django["version"] = "1.0"

    done, parts = write_parts_list(change)

    assert done.returncode == 1
    assert done.stderr.startswith("Django is 1.0, requirements.txt has ")
    assert parts is None


def test_invalid_parts_list_is_refused(write_parts_list):
    done, parts = write_parts_list(lambda environment: environment.update(colour="red"))

    assert done.returncode == 1
    assert done.stderr.startswith("The parts list is invalid: ")
    assert parts is None
