"""The code of a release whose schema is behind, for as long as it has to run on today's."""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import ROOT

APPS = ("gateway", "analytics", "costs", "finetuning", "sdkgen")
MIGRATION = re.compile(r"(\w+)/migrations/(\d{4}_\w+)\.py")
OF_TABLES = re.compile(r"migrations\.(Add|Alter|Create|Delete|Remove|Rename)\w+\(")
NEEDED = "bench/chaos/dataplane.py"
"""A revision without it cannot be started by the installation."""


@dataclass(frozen=True, slots=True)
class Former:
    """A commit, and the migrations of today that it lacks. Without one `reason` says why."""

    commit: str = ""
    lacks: tuple[str, ...] = ()
    reason: str = "no former revision was looked for"


def find(chosen: str = "", root: Path = ROOT) -> Former:
    """The chosen commit, else the newest that lacks a migration of tables; where no one lacks such, the newest that
    lacks any. A migration that was only renamed is not lacking."""
    if chosen:
        return _chosen(chosen, root)
    behind = Former(reason="the git history has no revision whose schema is behind")
    for commit in _before_migrations(root):
        lacks = _lacks(commit, root)
        if not lacks or not _git(root, "ls-tree", commit, NEEDED):
            continue
        found = Former(commit, tuple(lacks), "")
        if any(OF_TABLES.search((root / path).read_text()) for path in lacks.values()):
            return found
        behind = behind if behind.commit else found
    return behind


def unpack(commit: str, folder: Path) -> Path:
    """Its code in `folder`; once is enough."""
    if not folder.exists():
        made = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
        unfinished = folder.with_suffix(".part")
        with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
            archive.extractall(unfinished, filter="data")
        unfinished.rename(folder)
    return folder


def _chosen(name: str, root: Path) -> Former:
    commit = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not commit:
        return Former(reason=f"git does not have {name}")
    if not _git(root, "ls-tree", commit, NEEDED):
        return Former(reason=f"{name} has no {NEEDED}")
    lacks = _lacks(commit, root)
    return Former(commit, tuple(lacks), "") if lacks else Former(reason=f"{name} has every migration of today")


def _before_migrations(root: Path) -> Iterator[str]:
    """Commits before each that touched a migration, newest first; a shallow clone has none before its last."""
    folders = [f"{app}/migrations" for app in APPS]
    for commit in _git(root, "log", "--first-parent", "--format=%H", "--", *folders).split():
        if before := _git(root, "rev-parse", "--verify", "--quiet", f"{commit}^1"):
            yield before


def _lacks(commit: str, root: Path) -> dict[str, str]:
    """Migrations of HEAD that are not in the commit under any name: `app.name` → path."""
    folders = [f"{app}/migrations" for app in APPS]
    added = _git(root, "diff", "-M", "--diff-filter=A", "--name-only", commit, "HEAD", "--", *folders)
    found = (MIGRATION.fullmatch(path) for path in added.split())
    return {f"{each[1]}.{each[2]}": each[0] for each in found if each}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
