"""The oracle's look after each fault: what can be said at once, of what happened since the look before."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.chaos.evidence import Evidence, Limit, Line, Seen
from bench.chaos.oracle import Check, Finding, budgets_hold, each_attempt_has_one_line, each_id_is_unique, judge

SETTLED_S = 20.0
"""Longer than an attempt may take (`total_timeout_ms` of the providers, 15 s): its line has to be there."""
GRACE_S = 15.0
"""So long is waited for a line that is missing: another writer may have to take up the spool of a dead process."""
BACK_S = 120.0
"""Lines from so long before the last look are counted again: one that comes twice may come late."""
GLANCED: tuple[Check, ...] = (each_attempt_has_one_line, each_id_is_unique, budgets_hold)


@dataclass(slots=True)
class Journal:
    """A provider's log, read on from where the last reading ended."""

    path: Path
    _offset: int = 0

    def begun(self) -> Iterator[tuple[float, str]]:
        """Time and attempt of chat completions that were not seen before; half a line waits for its rest."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, _, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + 1 if whole else 0
        for entry in map(json.loads, whole.splitlines()):
            is_chat = entry["event"] == "begin" and entry["path"].endswith("/chat/completions")
            if is_chat and entry["attempt_id"] is not None:
                yield datetime.fromisoformat(entry["at"]).timestamp(), entry["attempt_id"]


@dataclass(slots=True)
class Glance:
    """`lines(since)`: the ledger's lines that began then or later, in Unix seconds; `limits`: as in `Evidence`. Each
    attempt is looked at once, in the first look at which it is `SETTLED_S` old."""

    journals: Sequence[Journal]
    lines: Callable[[float], list[Line]]
    limits: Callable[[], list[Limit]]
    count: int = 0
    missed: int = 0
    """Looks for which the database was not there; the next one makes up for them."""
    found: int = 0
    longest_s: float = 0.0
    _open: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.time)

    def look(self, fault: str) -> list[Finding]:
        """What is wrong after that fault."""
        began, now = time.monotonic(), time.time()
        for journal in self.journals:
            self._open |= {identity: at for at, identity in journal.begun()}
        due = {identity: at for identity, at in self._open.items() if at <= now - SETTLED_S}
        since = min([self._last, *due.values()]) - BACK_S
        try:
            found = self._judged(due, since)
        except Exception as error:
            self.missed += 1
            print(f"  no look after {fault}: {type(error).__name__}: {error}", flush=True)
            return []
        self._open = {identity: at for identity, at in self._open.items() if identity not in due}
        self._last = now
        self.count += 1
        self.found += len(found)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return [Finding(each.check, f"after {fault}: {each.text}") for each in found]

    def _judged(self, due: dict[str, float], since: float) -> list[Finding]:
        """Of a second try, too, while anything is wrong."""
        deadline = time.monotonic() + GRACE_S
        while True:
            seen = [Seen(identity, f"begun at {_clock(at)}", None) for identity, at in due.items()]
            found = judge(Evidence(seen=seen, lines=self.lines(since), limits=self.limits()), GLANCED)
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"
