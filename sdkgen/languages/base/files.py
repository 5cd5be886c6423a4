"""A generated package: files in memory, their manifest, writing and verifying them.

The same representation, configuration and generator give the same bytes. A folder is replaced as a whole: it is built
beside its place and moved there, so nobody sees half of it; a folder that holds files of other origin is left alone.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "sdk.manifest.json"
GENERATOR_VERSION = "1"
_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*/)*(?:\.?[A-Za-z0-9_][A-Za-z0-9_.\-]*)")


class OutputError(ValueError):
    """Where the files should go, they cannot."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a package was made of."""

    language: str
    version: str
    document_sha: str
    ir_sha: str
    config_sha: str


def checked(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """Sorted, as bytes. Raises OutputError for a path that leaves the folder, and for two that differ in case only."""
    found: dict[str, bytes] = {}
    folded: dict[str, str] = {}
    for path in sorted(files):
        if not _PATH.fullmatch(path) or ".." in path.split("/"):
            raise OutputError(f"this is no path for a generated file: {path!r}")
        if (before := folded.setdefault(path.lower(), path)) != path:
            raise OutputError(f"two files that some systems take for one: {before} and {path}")
        content = files[path]
        found[path] = content.encode() if isinstance(content, str) else content
    return found


def with_manifest(files: Mapping[str, str | bytes], origin: Origin) -> dict[str, bytes]:
    """The files, and `sdk.manifest.json` with the hash of each."""
    found = checked(files)
    said = {
        "generator": GENERATOR_VERSION, "language": origin.language, "version": origin.version,
        "document_sha256": origin.document_sha, "ir_sha256": origin.ir_sha, "config_sha256": origin.config_sha,
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in found.items()},
    }  # fmt: skip
    text = json.dumps(said, indent=2, sort_keys=True) + "\n"
    return dict(sorted({**found, MANIFEST: text.encode()}.items()))


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Replace `folder` by the files. Raises OutputError for a folder that no generator made or that was edited."""
    if folder.exists():
        refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    built = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, content in files.items():
            target = built / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        built.chmod(0o755)
        old = built.with_name(built.name + ".old")
        if folder.exists():
            os.rename(folder, old)
        os.rename(built, folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(built, ignore_errors=True)
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error


def refuse_foreign(folder: Path) -> None:
    """Raises OutputError naming what would be lost."""
    if not folder.is_dir():
        raise OutputError(f"{folder} is no folder")
    if not any(folder.iterdir()):
        return
    if differences := differing(folder):
        shown = ", ".join(differences[:5]) + (" …" if len(differences) > 5 else "")
        raise OutputError(f"{folder} holds what no generator wrote ({shown}); move it away or choose another folder")


def differing(folder: Path) -> list[str]:
    """Paths that are missing, edited or foreign by the manifest in the folder; caches of interpreters do not count."""
    try:
        said = json.loads((folder / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"no {MANIFEST}"]
    present = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    present.pop(MANIFEST, None)
    edited = [
        path
        for path, sha in said.items()
        if path not in present or hashlib.sha256(present[path].read_bytes()).hexdigest() != sha
    ]
    return sorted([*edited, *(set(present) - set(said))])
