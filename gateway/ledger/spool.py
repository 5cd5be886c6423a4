"""The spool: the data plane's local, crash-safe journal of attempts, read by the ledger writer. Pure (no Django).

A spool is a folder `<root>/<spool_id>/` with a `lock` file, held by `flock` while its owner lives (rule 9), and
preallocated segments `00000001.seg`, … of frames:

    length u32 · crc32 u32 · version u8 · type u8 · payload (JSON)          little endian; a zero length ends the data

Frames are appended with one `pwrite` each, so that a killed process leaves at most one torn frame, at the end.
Every segment begins with the still open `begin` frames of the ones before (`CARRY`), so it can be read alone and
older segments can be deleted as soon as they are booked.

Durability: a frame is in the kernel's page cache when `append` returns, so the death of a process loses nothing;
a group `fdatasync` each 50 ms bounds what a power cut can lose (rule 8).
"""

import contextlib
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEADER = struct.Struct("<IIBB")
VERSION = 1
BEGIN, SETTLE, LINE, CARRY = 1, 2, 3, 4
SEGMENT_BYTES = 32 * 1024 * 1024
MAX_FRAME_BYTES = 6 * 1024
SYNC_INTERVAL_S = 0.05
ID_BYTES = 36


class SpoolFullError(Exception):
    """No room is left that running calls have not reserved; admit nothing new (503)."""


class Frame(NamedTuple):
    """One frame read back; `end` is the offset behind it. `payload` starts with the attempt id (36 characters)."""

    kind: int
    payload: bytes
    offset: int
    end: int

    @property
    def attempt_id(self) -> str:
        return self.payload[:ID_BYTES].decode("ascii")

    @property
    def body(self) -> bytes:
        return self.payload[ID_BYTES:]


def encode(kind: int, attempt_id: str, body: bytes) -> bytes:
    payload = attempt_id.encode("ascii") + body
    return HEADER.pack(len(payload), zlib.crc32(payload), VERSION, kind) + payload


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.seg"


class Spool:
    """Owner's side. One event loop thread appends; a background thread syncs and preallocates the next segment."""

    def __init__(self, root: Path, spool_id: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.spool_id = spool_id
        self.folder = root / spool_id
        self.folder.mkdir(parents=True, mode=0o700)
        _sync_folder(root)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._segment_bytes = segment_bytes
        self._open: dict[str, bytes] = {}
        self._number = 1
        self._fd = self._allocate(1)
        self._offset = 0
        self._next_fd: int | None = None
        self._retired: list[int] = []
        self._dirty = False
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._prepare_next()
        self._thread = threading.Thread(target=self._tend, name="spool", daemon=True)
        self._thread.start()

    # ---- appending: synchronous, never awaits -------------------------------------------------------------------
    def begin(self, attempt_id: str, body: bytes) -> None:
        """Journal an attempt before the upstream is written to. Raises `SpoolFullError` when it may not start."""
        frame = encode(BEGIN, attempt_id, body)
        if len(frame) > MAX_FRAME_BYTES:
            raise ValueError("begin frame too large")
        if not self._fits(len(frame) + MAX_FRAME_BYTES):
            self._roll(len(frame) + MAX_FRAME_BYTES)
        self._write(frame)
        self._open[attempt_id] = frame

    def settle(self, attempt_id: str, body: bytes) -> None:
        """Journal the outcome of a begun attempt; its room was reserved by `begin`."""
        frame = encode(SETTLE, attempt_id, body)
        if len(frame) > MAX_FRAME_BYTES:
            raise ValueError("settle frame too large")
        self._write(frame)
        self._open.pop(attempt_id, None)

    def line(self, line_id: str, body: bytes) -> None:
        """Journal a line that needs no begin (a denial, a cache hit). Raises `SpoolFullError`."""
        frame = encode(LINE, line_id, body)
        if not self._fits(len(frame)):
            self._roll(len(frame))
        self._write(frame)

    @property
    def open_attempts(self) -> int:
        return len(self._open)

    @property
    def retained_bytes(self) -> int:
        """Bytes written in segments that the writer has not deleted; it deletes those that are booked."""
        numbers = [int(path.stem) for path in self.folder.glob("*.seg") if int(path.stem) <= self._number]
        return (self._number - min(numbers, default=self._number)) * self._segment_bytes + self._offset

    @property
    def is_writable(self) -> bool:
        """False when a new attempt would be refused."""
        return self._fits(2 * MAX_FRAME_BYTES) or self._next_fd is not None

    def _reserved(self) -> int:
        return len(self._open) * MAX_FRAME_BYTES

    def _fits(self, size: int) -> bool:
        return self._offset + size + self._reserved() <= self._segment_bytes

    def _write(self, frame: bytes) -> None:
        written = os.pwrite(self._fd, frame, self._offset)
        if written != len(frame):  # preallocated, so a short write is a broken disk
            raise OSError(f"spool wrote {written} of {len(frame)} bytes")
        self._offset += written
        self._dirty = True

    # ---- segments ----------------------------------------------------------------------------------------------
    def _roll(self, size: int) -> None:
        """Continue in the next segment: carry the open begins over, then let go of the old file."""
        carried = sum(len(frame) for frame in self._open.values())
        fits = carried + size + self._reserved() <= self._segment_bytes
        if self._next_fd is None or not fits:
            raise SpoolFullError("the spool is full")
        self._number += 1  # before `_next_fd` is taken: the tending thread prepares `_number + 1`
        self._retired.append(self._fd)
        self._fd, self._next_fd = self._next_fd, None
        self._offset = 0
        for attempt_id, frame in self._open.items():
            self._write(encode(CARRY, attempt_id, frame[HEADER.size + ID_BYTES :]))
        self._wake.set()

    def _allocate(self, number: int) -> int:
        fd = os.open(segment_path(self.folder, number), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._segment_bytes)
        except OSError:
            os.close(fd)
            segment_path(self.folder, number).unlink()
            raise
        _sync_folder(self.folder)
        return fd

    def _prepare_next(self) -> None:
        if self._next_fd is None:
            with contextlib.suppress(OSError):  # a full disk: `is_writable` tells, the next round tries again
                self._next_fd = self._allocate(self._number + 1)

    def _tend(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(SYNC_INTERVAL_S)
            self._wake.clear()
            self.sync()
            self._prepare_next()

    def sync(self) -> None:
        """Force what was appended to the disk."""
        while self._retired:
            fd = self._retired.pop(0)
            os.fdatasync(fd)
            os.close(fd)
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._fd)  # closed by this thread alone, so never a reused number

    def close(self) -> None:
        """Sync and release the lock. Open attempts stay open: whoever adopts the spool settles them."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout=2)
        self.sync()
        for fd in (self._fd, self._next_fd, self._lock):
            if fd is not None:
                os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Make a new name durable: without it a power cut may forget the file, synced data and all (fsync(2))."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# ---- the reader's side ---------------------------------------------------------------------------------------------
def read_frames(data: bytes, base: int) -> Iterator[Frame]:
    """Whole frames of `data`, which stands at offset `base` of its segment; stops at the end or a torn frame."""
    size, start, head = len(data), HEADER.size, HEADER.size
    unpack, crc32, new = HEADER.unpack_from, zlib.crc32, tuple.__new__  # a writer comes by here 40,000 times a second
    while start <= size:
        length, crc, version, kind = unpack(data, start - head)
        end = start + length
        if length == 0 or end > size or version != VERSION:
            return
        payload = data[start:end]
        if crc32(payload) != crc:
            return
        yield new(Frame, (kind, payload, base + start - head, base + end))
        start = end + head


def is_foreign(data: bytes) -> bool:
    """Whether `data` begins with a whole frame of another format version: a newer release's, whose writer has to read
    it. Ask when no frame of ours follows, for then it is damaged."""
    if len(data) < HEADER.size:
        return False
    length, crc, version, _ = HEADER.unpack_from(data)
    payload = data[HEADER.size : HEADER.size + length]
    return version != VERSION and length == len(payload) > 0 and zlib.crc32(payload) == crc


def damaged_bytes(data: bytes, *, may_begin_empty: bool = False) -> int:
    """Size of what is no frame at the start of `data`, when a whole frame follows it; else 0.

    Frames are appended in order, so whatever stands before a whole one was written once and is damaged now. What
    nothing follows may be torn, or still being written. `may_begin_empty`: nothing is appended any more, so that zeros
    with a frame behind them are damage as well.
    """
    if next(read_frames(data, 0), None) is not None:
        return 0
    empty = len(data) - len(data.lstrip(b"\0"))
    is_empty = data[:4] == bytes(4)
    if empty == len(data) or (is_empty and not may_begin_empty):
        return 0
    start = max(1, empty - 3) if is_empty else 1  # a length may begin with zeros
    return next((at for at in range(start, len(data) - HEADER.size) if _is_frame(data, at)), 0)


def _is_frame(data: bytes, at: int) -> bool:
    length, crc, version, kind = HEADER.unpack_from(data, at)
    start = at + HEADER.size
    if version != VERSION or not BEGIN <= kind <= CARRY or not ID_BYTES <= length <= len(data) - start:
        return False
    return zlib.crc32(data[start : start + length]) == crc


def frame_bytes(data: bytes) -> int:
    """Size of the frame at the start of `data`, as its header says; 0 when not even that is there."""
    return HEADER.size + HEADER.unpack_from(data)[0] if len(data) >= HEADER.size else 0


def segments_of(folder: Path) -> list[int]:
    """Numbers of the segments there, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.seg") if path.stem.isdigit())


def owner_is_alive(folder: Path) -> bool:
    """Whether somebody holds the spool's lock."""
    lock = try_adopt(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


def try_adopt(folder: Path) -> int | None:
    """The lock's descriptor when the owner is gone (close it to let go), else None."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
