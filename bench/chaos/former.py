"""The code of the release before the newest migration, for as long as it has to run on today's schema."""

import io
import subprocess
import tarfile
from pathlib import Path

from bench.common import ROOT

APP = "gateway"


def revision(chosen: str = "") -> str:
    """The chosen commit, else the one before the newest migration; empty where git does not have it."""
    if chosen:
        return _git("rev-parse", "--verify", "--quiet", f"{chosen}^{{commit}}")
    newest = max((ROOT / APP / "migrations").glob("0*.py"))
    added = _git("log", "--diff-filter=A", "--first-parent", "--format=%H", "--", str(newest.relative_to(ROOT)))
    before = _git("rev-parse", "--verify", "--quiet", f"{added.split()[-1]}^1") if added else ""
    return before if before and _git("ls-tree", before, "bench/chaos/dataplane.py") else ""


def unpack(revision: str, folder: Path) -> Path:
    """Its code in `folder`; once is enough."""
    if not folder.exists():
        made = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True)
        unfinished = folder.with_suffix(".part")
        with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
            archive.extractall(unfinished, filter="data")
        unfinished.rename(folder)
    return folder


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
