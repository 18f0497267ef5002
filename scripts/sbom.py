"""Write the parts list of CoachMaster: `sbom.py ENVIRONMENT SBOM`.

ENVIRONMENT is the CycloneDX file of all installed packages. The result has those that
requirements.txt names, and the files of other projects in static/.
"""

import json
import re
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parent.parent
_VENDORED = re.compile(r"\| `([^`]+)` \| npm `([^`]+)` ([\d.]+)[^|]*\| ([\w.-]+) \|")


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required_versions():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = filter(None, (re.match(r"([\w.-]+)(?:\[\S+\])?==([^\s;]+)", line) for line in lines))
    return {normalised(pin[1]): pin[2] for pin in pins}


def vendored_components():
    for file, name, version, licence in _VENDORED.findall(
        (ROOT / "static/vendor/README.md").read_text()
    ):
        yield {
            "bom-ref": f"{name}=={version}",
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:npm/{name}@{version}",
            "licenses": [{"license": {"id": licence}}],
            "properties": [{"name": "coachmaster:file", "value": f"static/vendor/{file}"}],
        }


def parts_list(environment):
    versions = required_versions()
    packages = [part for part in environment["components"] if normalised(part["name"]) in versions]
    for part in packages:
        wanted = versions[normalised(part["name"])]
        if part["version"] != wanted:
            sys.exit(f"{part['name']} is {part['version']}, requirements.txt has {wanted}.")
    components = [*packages, *vendored_components()]
    refs = {part["bom-ref"] for part in components}
    application = {"bom-ref": "coachmaster", "type": "application", "name": "CoachMaster"}
    depends = [entry for entry in environment["dependencies"] if entry["ref"] in refs]
    depends += [{"ref": part["bom-ref"]} for part in vendored_components()]
    depends.append({"ref": "coachmaster", "dependsOn": sorted(refs)})
    return {
        **environment,
        "metadata": {**environment["metadata"], "component": application},
        "components": components,
        "dependencies": depends,
    }


def main(environment, target):
    text = json.dumps(parts_list(json.loads(Path(environment).read_text())), indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"The parts list is invalid: {problem}")
    Path(target).write_text(text + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
