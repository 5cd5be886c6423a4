"""The software bill of materials: everything that is pinned or vendored, with its digests, the same every time."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import sbom

ROOT = Path(__file__).resolve().parents[2]


def test_everything_pinned_and_vendored_is_in_it_with_its_digests() -> None:
    found = {one["purl"]: one for one in sbom.bill()["components"]}
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert {purl for purl in found if purl.startswith("pkg:pypi/")} == {
        f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version}" for name, version in pins
    }
    assert all(one["hashes"] for purl, one in found.items() if purl.startswith("pkg:pypi/"))
    files = [one for purl in found if purl.startswith("pkg:npm/") for one in found[purl]["components"]]
    assert {one["name"] for one in files} == {
        f"vendor/{name}" for name in json.loads((ROOT / "static/vendor/manifest.json").read_text())
    }
    for one in files:
        digest = hashlib.sha256((ROOT / "static" / one["name"]).read_bytes()).hexdigest()
        assert one["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    outputs = []
    for name in ("one", "two"):
        path = tmp_path / name
        subprocess.run(
            [sys.executable, ROOT / "scripts/sbom.py", "--dev", "--extra", "parquet", "--output", path], check=True
        )
        outputs.append(path.read_bytes())

    assert outputs[0] == outputs[1]
    document = json.loads(outputs[0])
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["serialNumber"])
    refs = [one["bom-ref"] for one in document["components"]]
    assert len(refs) == len(set(refs))
    assert document["dependencies"][0]["dependsOn"] == refs
    scopes = {one["name"]: one["scope"] for one in document["components"]}
    assert (scopes["django"], scopes["pyarrow"], scopes["pytest"]) == ("required", "optional", "excluded")


def test_a_package_without_a_pin_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("django>=5\n")

    with pytest.raises(ValueError, match="not a pinned package: django>=5"):
        list(sbom.python_packages(lock, "required"))
