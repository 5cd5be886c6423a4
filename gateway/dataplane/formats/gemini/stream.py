"""streamGenerateContent with `alt=sse` → events: each is an answer with the next parts and the usage so far.

Source: Gemini API reference, "models.streamGenerateContent". Nothing marks the end but the finish reasons; a function
call comes whole in one part.
"""

from gateway.dataplane.formats.events import EventReader
from gateway.dataplane.formats.gemini.reply import (
    HOME,
    arguments_of,
    blocked,
    call_id,
    parts_of,
    read_logprobs,
    read_usage,
    stop_of,
)
from gateway.dataplane.formats.ir import (
    Delta,
    Event,
    Failed,
    Json,
    PartEnd,
    PartKind,
    PartStart,
    Signed,
    Start,
    Stopped,
    UsageSeen,
)


class _Candidate:
    """One choice: the text part that is open, and how many parts there were."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.has_calls = False
        self.has_stopped = False
        self._open: tuple[int, PartKind] | None = None

    def read(self, candidate: Json, reply_id: str) -> list[Event]:
        found: list[Event] = []
        logprobs = read_logprobs(candidate.get("logprobsResult"))
        for part in parts_of(candidate):
            found += self._part(part, candidate, reply_id, logprobs)
            logprobs = None
        word = candidate.get("finishReason")
        if isinstance(word, str) and word and not self.has_stopped:
            self.has_stopped = True
            found += self.close()
            found.append(Stopped(stop_of(word, has_calls=self.has_calls) or "other", word, choice=self.number))
        return found

    def close(self) -> list[Event]:
        """The open part, if any, is complete."""
        if self._open is None:
            return []
        index, _ = self._open
        self._open = None
        return [PartEnd(index, self.number)]

    def _part(self, part: Json, candidate: Json, reply_id: str, logprobs: Json | None) -> list[Event]:
        signature = part.get("thoughtSignature")
        signature = signature if isinstance(signature, str) else ""
        text, call = part.get("text"), part.get("functionCall")
        if isinstance(text, str) and part.get("thought") is True:
            return self._text(text, "thinking", None, signature)
        found = self._whole("redacted_thinking", redacted=signature, vendor=HOME) if signature else []
        if isinstance(text, str):
            return found + self._text(text, "text", logprobs)
        if isinstance(call, dict):
            self.has_calls = True
            identity = str(call.get("id") or call_id(reply_id, candidate, self.count))
            name = str(call.get("name") or "")
            found += self._whole("tool_use", arguments_of(call), id=identity, name=name)
        return found

    def _text(self, text: str, kind: PartKind, logprobs: Json | None, signature: str = "") -> list[Event]:
        """More of the open part when it is of the same kind, else a new one."""
        found: list[Event] = []
        if text and (self._open is None or self._open[1] != kind):
            found = self.close()
            self._open = (self.count, kind)
            vendor = HOME if kind == "thinking" else ""
            found.append(PartStart(self.count, kind, vendor=vendor, choice=self.number))
            self.count += 1
        if self._open is None:
            return found
        index = self._open[0]
        if text:
            found.append(Delta(index, text, self.number, logprobs))
        if signature and self._open[1] == "thinking":
            found.append(Signed(index, signature, HOME, self.number))
        return found

    def _whole(self, kind: PartKind, arguments: str = "", **said: str) -> list[Event]:
        """A part that comes at once."""
        found = self.close()
        index, self.count = self.count, self.count + 1
        found.append(PartStart(index, kind, choice=self.number, **said))
        if arguments:
            found.append(Delta(index, arguments, self.number))
        return [*found, PartEnd(index, self.number)]


class Reader(EventReader):
    """Chunks → events."""

    def __init__(self) -> None:
        super().__init__()
        self._has_started = False
        self._id = ""
        self._candidates: dict[int, _Candidate] = {}

    def close(self) -> list[Event]:
        return [event for candidate in self._candidates.values() for event in candidate.close()]

    def read(self, chunk: Json) -> list[Event]:
        error = chunk.get("error")
        if isinstance(error, dict):
            return [Failed(str(error.get("status") or "upstream_error"), str(error.get("message") or ""))]
        found = self._start(chunk)
        usage = read_usage(chunk.get("usageMetadata"))
        if usage is not None:
            found.append(UsageSeen(usage))
        candidates = chunk.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else []:
            if isinstance(candidate, dict):
                number = candidate.get("index")
                number = number if isinstance(number, int) else 0
                found += self._candidates.setdefault(number, _Candidate(number)).read(candidate, self._id)
        if not candidates and (word := blocked(chunk)):
            found.append(Stopped("content_filter", word))
        return found

    def _start(self, chunk: Json) -> list[Event]:
        if self._has_started:
            return []
        self._has_started = True
        self._id = str(chunk.get("responseId") or "")
        return [Start(self._id, str(chunk.get("modelVersion") or ""))]


def reader() -> Reader:
    return Reader()
