"""What reached the provider: counters, the last records in memory, and the append-only log file.

The file gets one line the moment a request has been read, before any answer, and one when it ended. Each line is
a single `write(2)` on an `O_APPEND` descriptor, so a kill of the simulator loses nothing that it acted upon.
"""

import os
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

Outcome = Literal["completed", "cut", "client_gone", "error"]
KEPT_RECORDS = 50_000


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


@dataclass(slots=True)
class Record:
    """One request as the provider saw it; `usage` is what a vendor would bill, whatever the answer reported.

    `at` and `ended_at` are Unix seconds here and ISO 8601 in UTC wherever they are shown.
    """

    seq: int
    at: float
    attempt_id: str | None
    request_id: str | None
    path: str
    model: str | None
    stream: bool
    fault: str | None = None
    status: int | None = None
    outcome: Outcome | None = None
    usage: dict[str, Any] | None = None
    ended_at: float | None = None

    def begin_line(self) -> dict[str, Any]:
        """The line written before answering."""
        names = ("attempt_id", "request_id", "path", "model", "stream", "seq")
        return {"event": "begin", "at": _iso(self.at)} | {name: getattr(self, name) for name in names}

    def end_line(self) -> dict[str, Any]:
        """The line written when the answer is over."""
        names = ("attempt_id", "request_id", "seq", "status", "outcome", "fault", "usage")
        return {"event": "end", "at": _iso(self.ended_at)} | {name: getattr(self, name) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Every field, times as ISO 8601."""
        return asdict(self) | {"at": _iso(self.at), "ended_at": _iso(self.ended_at)}


@dataclass(slots=True)
class RequestLog:
    """Counters and records of one simulator process; `path` is the log file or `None`."""

    path: str | None = None
    seq: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    by_path: Counter[str] = field(default_factory=Counter)
    by_outcome: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    _fd: int = -1

    def __post_init__(self) -> None:
        if self.path is not None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def begin(
        self, *, path: str, model: str | None, stream: bool, attempt_id: str | None, request_id: str | None
    ) -> Record:
        """Count a request that has been read completely and write its first line."""
        self.seq += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.by_path[path] += 1
        record = Record(self.seq, time.time(), attempt_id, request_id, path, model, stream)
        self.records.append(record)
        if self._fd >= 0:
            self._write(record.begin_line())
        return record

    def end(self, record: Record, outcome: Outcome) -> None:
        """Count the end of a request and write its second line."""
        self.in_flight -= 1
        record.outcome, record.ended_at = outcome, time.time()
        self.by_outcome[outcome] += 1
        if record.status is not None:
            self.by_status[record.status] += 1
        if record.fault is not None:
            self.by_fault[record.fault] += 1
        if self._fd >= 0:
            self._write(record.end_line())

    def reset(self) -> None:
        """Zero the counters and forget the records; the file and the sequence stay."""
        self.max_in_flight = self.in_flight
        for counter in (self.by_path, self.by_outcome, self.by_status, self.by_fault):
            counter.clear()
        self.records.clear()

    def stats(self) -> dict[str, Any]:
        """Everything counted since the start or the last reset."""
        return {
            "requests": sum(self.by_path.values()),
            "last_seq": self.seq,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "by_path": dict(self.by_path),
            "by_outcome": dict(self.by_outcome),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_fault": dict(self.by_fault),
        }

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._fd, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
