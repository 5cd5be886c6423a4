"""`python scripts/sbom.py`: the software bill of materials, CycloneDX 1.6 as JSON, of what an installation runs.

Made of the hash-pinned `requirements.txt` and of the files that are kept in the repository (JavaScript, vocabularies):
the same bytes for the same sources, so there is no time in it and its number is that of its content. `--dev` adds what
tests and builds use, `--extra parquet` an optional part.
"""

import argparse
import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("parquet", "presidio")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMESPACE = uuid.UUID("6f0bbd4e-6c5b-5c66-9d0e-1d1d6d3c2a51")


def python_packages(path: Path, scope: str) -> Iterator[dict[str, Any]]:
    """The pins of a lock file, each with the digests that pip may take. Raises ValueError for a pin without any."""
    found: dict[str, Any] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if pin := _PIN.match(line):
            found = _package(pin, scope)
            yield found
        elif found is not None and (digest := _HASH.search(line)):
            found["hashes"].append({"alg": "SHA-256", "content": digest.group(1)})
        elif line and not line.startswith((" ", "#")):
            raise ValueError(f"{path.name}: not a pinned package: {line}")


def _package(pin: re.Match[str], scope: str) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", pin["name"]).lower()
    purl = f"pkg:pypi/{name}@{pin['version']}"
    component = {
        "type": "library", "bom-ref": purl, "name": name, "version": pin["version"], "scope": scope, "hashes": [],
        "purl": purl,
    }  # fmt: skip
    if pin["marker"]:
        component["properties"] = [{"name": "python:marker", "value": pin["marker"]}]
    return component


def vendored(manifest: Path) -> Iterator[dict[str, Any]]:
    """The packages whose files lie in the repository, each with its files and their digests."""
    packages: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for name, said in sorted(json.loads(manifest.read_text(encoding="utf-8")).items()):
        packages.setdefault(said["package"], []).append((name, said))
    for package, files in sorted(packages.items()):
        name, _, version = package.removeprefix("npm:").rpartition("@")
        purl = f"pkg:npm/{name}@{version}"
        yield {
            "type": "library", "bom-ref": purl, "name": name, "version": version, "scope": "required", "purl": purl,
            "licenses": [{"license": {"id": files[0][1]["licence"]}}],
            "components": [
                {"type": "file", "bom-ref": f"{purl}#{path}", "name": f"{manifest.parent.name}/{path}",
                 "hashes": [{"alg": "SHA-256", "content": said["sha256"]}]}
                for path, said in files
            ],
        }  # fmt: skip


def bill(*, dev: bool = False, extras: tuple[str, ...] = ()) -> dict[str, Any]:
    """The document. What is needed at run time wins over the same package among the tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locks = [("requirements.txt", "required")]
    locks += [(f"requirements-{extra}.txt", "optional") for extra in extras]
    locks += [("requirements-dev.txt", "excluded")] if dev else []
    components: dict[str, dict[str, Any]] = {}
    for name, scope in locks:
        for component in list(python_packages(ROOT / name, scope)):  # whole: digests follow their pin
            if not component["hashes"]:
                raise ValueError(f"{name}: {component['name']} has no hash")
            components.setdefault(component["bom-ref"], component)
    for component in vendored(ROOT / "static" / "vendor" / "manifest.json"):
        components[component["bom-ref"]] = component
    ordered = [components[ref] for ref in sorted(components)]
    root = f"pkg:generic/{project['name']}@{project['version']}"
    digest = hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": project["name"],
                                   "version": project["version"], "purl": root}},
        "components": ordered,
        "dependencies": [{"ref": root, "dependsOn": [one["bom-ref"] for one in ordered]}],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="standard output by default")
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--extra", action="append", default=[], choices=EXTRAS)
    options = parser.parse_args()
    text = json.dumps(bill(dev=options.dev, extras=tuple(options.extra)), indent=2) + "\n"
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
