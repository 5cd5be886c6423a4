"""Numbered places of processes: one each, the same one again after a restart, and their age without a database."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import places

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from gateway import places
place = places.take("writer", Path(sys.argv[1]))
print(place.name, place.id, flush=True)
while True:
    place.touch()
    time.sleep(0.05)
"""
Start = Callable[[Path], tuple[subprocess.Popen[str], str, str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Begin a process that has a place in this folder; with the name and the id of its place."""
    begun: list[subprocess.Popen[str]] = []

    def begin(data_dir: Path) -> tuple[subprocess.Popen[str], str, str]:
        command = [sys.executable, "-c", HOLD, str(data_dir)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        name, identity = process.stdout.readline().split()
        return process, name, identity

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def alive(data_dir: Path, kind: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "alive", kind, *more], cwd=ROOT, env={**os.environ, "DATA_DIR": str(data_dir)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_process_has_a_place_and_a_restart_has_it_again(tmp_path: Path, start: Start) -> None:
    (first, name, identity), (_, other, _), (_, elsewhere, _) = start(tmp_path), start(tmp_path), start(tmp_path / "b")
    assert (name.rpartition(".")[2], other.rpartition(".")[2], elsewhere.rpartition(".")[2]) == ("1", "2", "1")
    assert len({name, other, elsewhere}) == 3

    first.kill()
    first.wait()

    assert start(tmp_path)[1:] == (name, identity)


def test_a_folder_that_moves_keeps_its_identity(tmp_path: Path, start: Start) -> None:
    process, name, identity = start(tmp_path / "a")
    process.kill()
    process.wait()
    (tmp_path / "a").rename(tmp_path / "b")

    _, moved, same = start(tmp_path / "b")

    assert (moved == name, same) == (False, identity)


def test_a_folder_nobody_may_write_to_has_its_places_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    place = places.take("writer", tmp_path / "file")

    assert len(places.ages("writer", tmp_path / "file")) == 1
    place.leave()


def test_a_folder_that_somebody_else_made_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readable = tmp_path / "file"
    readable.touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (_, second) = places._folders(readable)
    second.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    second.rename(places._folders(readable)[1])

    with pytest.raises(PermissionError, match="somebody else's"):
        places.take("writer", readable)


@pytest.mark.slow
def test_alive_tells_a_process_that_works_from_one_that_hangs_and_from_none(tmp_path: Path, start: Start) -> None:
    assert alive(tmp_path, "writer").stderr == "No process of the kind writer runs on this host.\n"
    process, _, _ = start(tmp_path)
    assert alive(tmp_path, "writer", "--within", "5").returncode == 0
    assert alive(tmp_path, "background").returncode == 1

    process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    hangs = alive(tmp_path, "writer", "--within", "1")
    assert hangs.returncode == 1
    assert re.fullmatch(r"The process of the kind writer last worked \d+ s ago\.\n", hangs.stderr)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    assert alive(tmp_path, "writer", "--within", "1").returncode == 0

    process.kill()
    process.wait()
    assert alive(tmp_path, "writer", "--within", "60").returncode == 1


def test_another_hosts_process_is_not_ours(tmp_path: Path, start: Start) -> None:
    start(tmp_path)
    (tmp_path / "alive" / "writer.1").write_text("elsewhere")

    assert places.ages("writer", tmp_path) == []
