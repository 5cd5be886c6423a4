"""Vendored browser files: what is in `static/vendor/`, from where, and whether it is what the manifest says."""

import hashlib
import json
from pathlib import Path

from django.conf import settings

VENDOR_DIR = Path(settings.BASE_DIR) / "static" / "vendor"
MANIFEST = "manifest.json"


def check_vendored(directory: Path = VENDOR_DIR) -> list[str]:
    """Problems of `directory` against its manifest, one sentence each; an empty list means all is well."""
    try:
        manifest: dict[str, dict[str, str]] = json.loads((directory / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        return [f"{MANIFEST} cannot be read: {error}"]
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()} - {MANIFEST}
    problems = [f"{name} is not in {MANIFEST}." for name in sorted(present - manifest.keys())]
    for name, entry in sorted(manifest.items()):
        if name not in present:
            problems.append(f"{name} is missing; restore it from {entry['package']}.")
        elif hashlib.sha256((directory / name).read_bytes()).hexdigest() != entry["sha256"]:
            problems.append(f"{name} differs from {entry['package']}; restore it.")
    return problems
