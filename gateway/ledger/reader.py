"""Reading a spool forward: which lines are new, which attempts are open. No database, no Django.

`SpoolReader` holds the state of one spool at a committed position; `read` proposes a step, `accept` makes it the
new position once the database has committed it. A reader made anew from the committed position sees the same steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.ledger import spool

FIRST_READ_BYTES = 64 * 1024
"""A poll of a spool where nothing is new costs no more than this; further reads are larger, up to `READ_BYTES`."""
READ_BYTES = 2 * 1024 * 1024


@dataclass(slots=True)
class Step:
    """A proposal: book `bodies`, then stand at (`segment`, `offset`) with `open_attempts` (id → body of its begin
    frame). `offsets`: where each body's frame begins. `is_full`: it ended at the limit, so there is more. `damaged`:
    what stands between frames and is none, with its offset."""

    segment: int
    offset: int
    open_attempts: dict[bytes, bytes]
    bodies: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    is_full: bool = False
    damaged: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def positions(self) -> list[str]:
        """`segment:offset` of each body; a step never spans segments."""
        return [f"{self.segment}:{offset}" for offset in self.offsets]


class SpoolReader:
    """Reads one spool from a committed `(segment, offset)`; 0 means before the first segment."""

    def __init__(self, folder: Path, segment: int, offset: int) -> None:
        self.folder = folder
        self.segment = segment or 1
        self.offset = offset
        self.open_attempts: dict[bytes, bytes] = {}
        self._replay()

    def _replay(self) -> None:
        """Rebuild the open attempts: a segment carries what was open when it began."""
        replayed = Step(self.segment, 0, {})
        _take(replayed, self._data(self.segment, 0, self.offset), 0, None)
        self.open_attempts = replayed.open_attempts

    def _data(self, segment: int, start: int, size: int) -> bytes:
        try:
            with open(spool.segment_path(self.folder, segment), "rb", buffering=0) as file:
                file.seek(start)
                return file.read(size) or b""  # a negative size: to the end
        except FileNotFoundError:
            return b""

    def read(self, max_lines: int, after: Step | None = None, *, is_over: bool = False) -> Step | None:
        """The next step, or None when nothing new is there. `is_over`: the owner is gone and appends no more.

        `after` is a step that is proposed but not accepted yet: reading on while it is booked. It changes nothing
        here, so that it may run in another thread.
        """
        at = after or Step(self.segment, self.offset, self.open_attempts)
        step = Step(at.segment, at.offset, dict(at.open_attempts))
        if self._read_segment(step, max_lines):
            return step
        has_rolled = self._has_rolled(step.segment)
        if not has_rolled and not is_over:
            return None
        if self._read_segment(step, max_lines, is_over=True):  # what came between the first look and the roll
            return step
        if not has_rolled:
            return None
        step = Step(step.segment + 1, 0, {})  # its carried frames repeat what is open
        return step if self._read_segment(step, max_lines) else None

    def _read_segment(self, step: Step, max_lines: int, *, is_over: bool = False) -> bool:
        """Read on to the end of what is there. `is_over`: nothing is appended to this segment any more."""
        start, size = step.offset, FIRST_READ_BYTES
        while not step.is_full:
            data = self._data(step.segment, step.offset, size)
            if _take(step, data, step.offset, max_lines):
                size = min(2 * size, READ_BYTES)
            elif len(data) == size < spool.frame_bytes(data) <= READ_BYTES:
                size = spool.frame_bytes(data)
            elif not (is_over or any(data[:4])) or not self._pass_damage(step, is_over):
                break
        return step.offset > start

    def _pass_damage(self, step: Step, is_over: bool) -> bool:
        """Go on behind what is no frame, if something stands there. It is looked at twice: a first look may have seen
        the middle of a frame before it was written, and the next frame after."""
        rest = -1 if is_over else READ_BYTES
        gap = spool.damaged_bytes(self._data(step.segment, step.offset, rest), may_begin_empty=is_over)
        if not gap:
            return False
        data = self._data(step.segment, step.offset, rest)
        if spool.damaged_bytes(data, may_begin_empty=is_over) != gap:
            return True
        step.damaged.append((step.offset, data[:gap]))
        step.offset += gap
        return True

    @property
    def is_foreign(self) -> bool:
        """Whether what comes next is of a format that this release cannot read."""
        return any(
            spool.is_foreign(self._data(segment, offset, READ_BYTES))
            for segment, offset in ((self.segment, self.offset), (self.segment + 1, 0))
        )

    @property
    def has_rolled(self) -> bool:
        """Whether the owner appends to a later segment than the one of this position."""
        return self._has_rolled(self.segment)

    def _has_rolled(self, segment: int) -> bool:
        return next(spool.read_frames(self._data(segment + 1, 0, spool.MAX_FRAME_BYTES), 0), None) is not None

    def accept(self, step: Step) -> None:
        """The step is committed; segments behind it are no longer needed."""
        self.segment, self.offset, self.open_attempts = step.segment, step.offset, step.open_attempts
        for number in spool.segments_of(self.folder):
            if number < self.segment:
                spool.segment_path(self.folder, number).unlink(missing_ok=True)


def _take(step: Step, data: bytes, base: int, max_lines: int | None) -> bool:
    """Fold the frames of `data`, which stands at `base`, into the step; whether there were any."""
    open_attempts, bodies, offsets, size = step.open_attempts, step.bodies, step.offsets, spool.ID_BYTES
    step.offset = base
    for kind, payload, offset, end in spool.read_frames(data, base):
        step.offset = end
        if kind == spool.BEGIN or kind == spool.CARRY:
            open_attempts[payload[:size]] = payload[size:]  # decoded only when it becomes an `interrupted` line
            continue
        open_attempts.pop(payload[:size], None)
        bodies.append(payload[size:])
        offsets.append(offset)
        if max_lines is not None and len(bodies) >= max_lines:
            step.is_full = True
            break
    return step.offset > base


def interrupted_line(attempt_id: str, begun: Mapping[str, Any]) -> dict[str, Any]:
    """The unpriced line of an attempt that began and never settled; the caller prices its estimated usage.

    `begun["estimate"]` holds input and output tokens guessed at the start (see `gateway.dataplane.estimate`).
    """
    line = {name: value for name, value in begun.items() if name not in ("estimate", "pricing")}
    line |= dict(begun.get("estimate") or {})
    line |= {"id": attempt_id, "status": "interrupted", "error_type": "interrupted", "usage_source": "estimated"}
    return line | {"is_final": begun.get("is_final", True), "http_status": None}
