import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gateway.ledger import spool
from gateway.ledger.spool import Spool, SpoolFullError

A, B, C = (f"01a20672-2e0e-7bb4-a6bd-3452e3c211c{n}" for n in (1, 2, 3))
SMALL = 8 * spool.MAX_FRAME_BYTES


def frames(folder: Path, number: int = 1) -> list[tuple[int, str, bytes]]:
    data = spool.segment_path(folder, number).read_bytes()
    return [(frame.kind, frame.attempt_id, frame.body) for frame in spool.read_frames(data, 0)]


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    journal = Spool(tmp_path, "s")
    journal.begin(A, b"{}")
    journal.line(B, b'{"x":1}')
    journal.settle(A, b'{"y":2}')
    journal.close()

    found = frames(tmp_path / "s")

    assert found == [(spool.BEGIN, A, b"{}"), (spool.LINE, B, b'{"x":1}'), (spool.SETTLE, A, b'{"y":2}')]


def test_a_segment_is_allocated_in_full_before_use(tmp_path: Path) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=SMALL)

    stat = spool.segment_path(journal.folder, 1).stat()
    journal.close()

    assert stat.st_size == SMALL
    assert stat.st_blocks * 512 >= SMALL


def test_a_torn_last_frame_is_not_read(tmp_path: Path) -> None:
    journal = Spool(tmp_path, "s")
    journal.line(A, b"first")
    journal.line(B, b"second")
    journal.close()
    path = spool.segment_path(tmp_path / "s", 1)
    data = bytearray(path.read_bytes())
    whole = next(spool.read_frames(bytes(data), 0)).end
    data[whole + spool.HEADER.size + 3] ^= 0xFF
    path.write_bytes(bytes(data))

    assert frames(tmp_path / "s") == [(spool.LINE, A, b"first")]


def test_open_attempts_are_carried_into_the_next_segment(tmp_path: Path) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=SMALL)
    journal.begin(A, b"open")
    while not frames(tmp_path / "s", 2):
        journal._prepare_next()
        journal.line(B, b"x" * 4000)
    journal.close()

    assert frames(tmp_path / "s", 2)[0] == (spool.CARRY, A, b"open")


def test_room_for_the_end_of_running_calls_is_reserved(tmp_path: Path) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=SMALL)
    journal._closing.set()  # nobody prepares another segment: the disk is as good as full
    journal._thread.join()
    if journal._next_fd is not None:
        os.close(journal._next_fd)
        journal._next_fd = None
    begun = []
    with pytest.raises(SpoolFullError):  # noqa: PT012
        for n in range(100):
            attempt = f"01a20672-2e0e-7bb4-a6bd-{n:012d}"
            journal.begin(attempt, b"x" * 200)
            begun.append(attempt)

    assert not journal.is_writable
    body = b"y" * (spool.MAX_FRAME_BYTES - spool.HEADER.size - spool.ID_BYTES)
    for attempt in begun:
        journal.settle(attempt, body)  # the largest possible end of every admitted call still fits
    assert len(begun) == 7
    assert journal.open_attempts == 0


def test_a_full_disk_refuses_new_calls_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=SMALL)
    real = os.posix_fallocate

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SpoolFullError):  # noqa: PT012
        for _ in range(100):
            journal.line(A, b"x" * 4000)
    monkeypatch.setattr(os, "posix_fallocate", real)
    journal._prepare_next()

    journal.line(B, b"after")
    journal.close()

    last = max(spool.segments_of(tmp_path / "s"), key=lambda n: (bool(frames(tmp_path / "s", n)), n))
    assert frames(tmp_path / "s", last)[-1] == (spool.LINE, B, b"after")


def test_the_lock_tells_whether_the_owner_lives(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import sys, time; sys.path.insert(0, {str(Path.cwd())!r})
            from pathlib import Path
            from gateway.ledger.spool import Spool
            journal = Spool(Path({str(tmp_path)!r}), "s")
            journal.begin({A!r}, b"open"); print("ready", flush=True); time.sleep(60)
        """)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert owner.stdout is not None
    owner.stdout.readline()
    os.kill(owner.pid, signal.SIGSTOP)
    while_stopped = spool.try_adopt(tmp_path / "s")
    owner.kill()
    owner.wait()

    lock = spool.try_adopt(tmp_path / "s")

    assert while_stopped is None
    assert lock is not None
    os.close(lock)
    assert frames(tmp_path / "s") == [(spool.BEGIN, A, b"open")]
