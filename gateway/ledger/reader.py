"""Reading a spool forward: which lines are new, which attempts are open. No database, no Django.

`SpoolReader` holds the state of one spool at a committed position; `read` proposes a step, `accept` makes it the
new position once the database has committed it. A reader made anew from the committed position sees the same steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.ledger import spool
from gateway.ledger.copyformat import JSON_BYTES

READ_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class Step:
    """A proposal: book `lines`, then stand at (`segment`, `offset`) with `open_attempts` (bodies of begin frames)."""

    segment: int
    offset: int
    open_attempts: dict[str, bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)


def decode_body(body: bytes) -> dict[str, Any]:
    """Frame body → line; binary columns travel as hexadecimal text."""
    line: dict[str, Any] = orjson.loads(body)
    for name in JSON_BYTES:
        if name in line:
            line[name] = bytes.fromhex(line[name])
    return line


def take(frame: spool.Frame, step: Step) -> None:
    """Fold one frame into a step."""
    if frame.kind in (spool.BEGIN, spool.CARRY):
        step.open_attempts[frame.attempt_id] = frame.body  # decoded only when it becomes an `interrupted` line
        return
    step.open_attempts.pop(frame.attempt_id, None)
    step.lines.append(decode_body(frame.body))
    step.positions.append(f"{step.segment}:{frame.offset}")


class SpoolReader:
    """Reads one spool from a committed `(segment, offset)`; 0 means before the first segment."""

    def __init__(self, folder: Path, segment: int, offset: int) -> None:
        self.folder = folder
        self.segment = segment or 1
        self.offset = offset
        self.open_attempts: dict[str, bytes] = {}
        self._replay()

    def _replay(self) -> None:
        """Rebuild the open attempts: a segment carries what was open when it began."""
        replayed = Step(self.segment, 0, {})
        for frame in spool.read_frames(self._data(self.segment, 0, self.offset), 0):
            take(frame, replayed)
        self.open_attempts = replayed.open_attempts

    def _data(self, segment: int, start: int, size: int) -> bytes:
        try:
            with open(spool.segment_path(self.folder, segment), "rb", buffering=0) as file:
                file.seek(start)
                return file.read(size) or b""
        except FileNotFoundError:
            return b""

    def read(self, max_lines: int, after: Step | None = None) -> Step | None:
        """The next step, or None when nothing new is there.

        `after` is a step that is proposed but not accepted yet: reading on while it is booked. It changes nothing
        here, so that it may run in another thread.
        """
        at = after or Step(self.segment, self.offset, self.open_attempts)
        step = Step(at.segment, at.offset, dict(at.open_attempts))
        if self._read_segment(step, max_lines):
            return step
        if not self._has_rolled(step.segment):
            return None
        if self._read_segment(step, max_lines):  # frames that came between the first look and the roll
            return step
        step = Step(step.segment + 1, 0, {})  # its carried frames repeat what is open
        return step if self._read_segment(step, max_lines) else None

    def _read_segment(self, step: Step, max_lines: int) -> bool:
        base, moved = step.offset, False
        for frame in spool.read_frames(self._data(step.segment, base, READ_BYTES), base):
            take(frame, step)
            step.offset, moved = frame.end, True
            if len(step.lines) >= max_lines:
                break
        return moved

    def _has_rolled(self, segment: int) -> bool:
        return next(spool.read_frames(self._data(segment + 1, 0, spool.MAX_FRAME_BYTES), 0), None) is not None

    def accept(self, step: Step) -> None:
        """The step is committed; segments behind it are no longer needed."""
        self.segment, self.offset, self.open_attempts = step.segment, step.offset, step.open_attempts
        for number in spool.segments_of(self.folder):
            if number < self.segment:
                spool.segment_path(self.folder, number).unlink(missing_ok=True)


def interrupted_line(attempt_id: str, begun: Mapping[str, Any]) -> dict[str, Any]:
    """The unpriced line of an attempt that began and never settled; the caller prices its estimated usage.

    `begun["estimate"]` holds input and output tokens guessed at the start (see `gateway.dataplane.estimate`).
    """
    line = {name: value for name, value in begun.items() if name not in ("estimate", "pricing")}
    line |= dict(begun.get("estimate") or {})
    line |= {"id": attempt_id, "status": "interrupted", "error_type": "interrupted", "usage_source": "estimated"}
    return line | {"is_final": True, "http_status": None}
