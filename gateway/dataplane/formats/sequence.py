"""Parts of one answer in a row: vendors that number their deltas may send those of several parts at once.

The part that began first goes out as it comes; what arrives for a later one meanwhile waits until the first is
complete. A tool call is complete when its arguments are, any other part when something else begins.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

import orjson

from gateway.dataplane.formats.ir import Delta, Event, Json, PartEnd, PartKind, PartStart, Signed


@dataclass(slots=True)
class _Open:
    """A part that has begun: events not sent yet, and the text of its deltas while it matters."""

    index: int
    kind: PartKind
    waiting: list[Event] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    is_closed: bool = False


class Sequencer:
    """Turns keyed deltas of one choice into part events in order."""

    def __init__(self, choice: int = 0) -> None:
        self.choice = choice
        self.count = 0
        self._open: dict[Hashable, _Open] = {}

    def knows(self, key: Hashable) -> bool:
        return key in self._open

    def start(self, key: Hashable, kind: PartKind, **said: str) -> list[Event]:
        """A part begins; `said` are further fields of its `PartStart`."""
        events = self._finish_complete()
        index, self.count = self.count, self.count + 1
        part = self._open[key] = _Open(index, kind)
        return events + self._send(part, PartStart(index, kind, choice=self.choice, **said))

    def delta(self, key: Hashable, text: str, logprobs: Json | None = None) -> list[Event]:
        part = self._open[key]
        if part.kind == "tool_use":
            part.text.append(text)
        return self._send(part, Delta(part.index, text, self.choice, logprobs))

    def sign(self, key: Hashable, signature: str, vendor: str) -> list[Event]:
        part = self._open[key]
        return self._send(part, Signed(part.index, signature, vendor, self.choice))

    def end(self, key: Hashable) -> list[Event]:
        """The vendor itself said that the part is complete."""
        if key in self._open:
            self._open[key].is_closed = True
        return self._advance()

    def finish(self) -> list[Event]:
        """Everything that is still open, in order."""
        for part in self._open.values():
            part.is_closed = True
        return self._advance()

    def _send(self, part: _Open, event: Event) -> list[Event]:
        if next(iter(self._open.values())) is part:
            return [event]
        part.waiting.append(event)
        return []

    def _finish_complete(self) -> list[Event]:
        """Another part begins: texts end there, tool calls when their arguments are whole."""
        for part in self._open.values():
            part.is_closed = part.is_closed or part.kind != "tool_use" or _is_json("".join(part.text))
        return self._advance()

    def _advance(self) -> list[Event]:
        events: list[Event] = []
        while self._open:
            key, part = next(iter(self._open.items()))
            events += part.waiting
            part.waiting = []
            if not part.is_closed:
                break
            events.append(PartEnd(part.index, self.choice))
            del self._open[key]
        return events


def _is_json(text: str) -> bool:
    """Whether arguments are complete; none at all may still come."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
