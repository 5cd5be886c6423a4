"""Streams that pass in the client's own dialect: whole events are forwarded at once, usage and the end are read.

Each watcher follows `adapters.outbound.Watcher`. Most pieces are only searched for a few words; an event is parsed
when it may say something that the ledger needs.
"""

import re
from collections import deque
from dataclasses import replace
from typing import Any, ClassVar

from gateway.dataplane import nullusage, sse, usage
from gateway.dataplane.usage import Usage

KEPT_BYTES = 4 * 1024 * 1024
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_ANY_USAGE = re.compile(rb'"usage"\s*:\s*[{n]')
_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,9})')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"(\w{1,40})"')


class PassingWatcher:
    """What the watchers share: events are whole, and some of them are looked at."""

    def __init__(self) -> None:
        self.tail = b""
        self.has_error = False
        self.is_done = False
        self.is_broken = False
        self.kept: list[bytes] = []
        self._kept_size = 0
        self._splitter = sse.Splitter()

    @property
    def next_number(self) -> int:
        return 0

    def feed(self, data: bytes) -> bytes:
        """Bytes to forward now, in order; never re-ordered, never changed but by `_cleaned` and `_look`."""
        data = self._keep(self._sound(self._splitter.feed(data)))
        data = self._cleaned(data)
        if self._is_telling(data):
            return b"".join(filter(None, map(self._look, sse.events(data))))
        return data

    @property
    def lacks_usage(self) -> bool:
        """What passes is not added to."""
        return False

    def take_usage(self, counted: Usage) -> None:
        """Never asked for."""

    def finish(self) -> bytes:
        """What is left when the upstream ended: a last event without its blank line. What was cut inside is left out,
        so that what follows is not read as a part of it."""
        rest = sse.terminated(self._splitter.rest())
        return self._look(self._keep(rest)) if rest and not self.is_broken else b""

    def _keep(self, data: bytes) -> bytes:
        """For counting tokens locally, should the vendor report none: what came before a damaged event, no matter how
        much more arrived with it."""
        if data and self._kept_size < KEPT_BYTES:
            self.kept.append(data)
            self._kept_size += len(data)
        return data

    def _sound(self, data: bytes) -> bytes:
        """Whole events up to one that is damaged: that one, and what comes behind it, is nothing for a client."""
        if self.is_broken:
            return b""
        sound = sse.sound_part(data)
        self.is_broken = len(sound) < len(data)
        return sound

    def _cleaned(self, data: bytes) -> bytes:
        """Whole events without what the client did not ask for."""
        return data

    def _is_telling(self, data: bytes) -> bool:
        raise NotImplementedError

    def _look(self, event: bytes) -> bytes:
        raise NotImplementedError

    def _objects(self) -> list[dict[str, Any]]:
        return sse.objects(b"".join(self.kept))


class OpenAIWatcher(PassingWatcher):
    """Chat and legacy completions: usage comes in a chunk without choices; then `[DONE]`.

    `hide_usage`: that chunk, and the `"usage":null` of all the others, are not for this client.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        super().__init__()
        self.hide_usage = hide_usage
        self._usage_said = _ANY_USAGE if hide_usage else _USAGE
        self._reporting: dict[str, Any] | None = None
        self._tools: set[tuple[object, object]] = set()

    def _cleaned(self, data: bytes) -> bytes:
        return nullusage.without_last(data) if self.hide_usage and b'"usage"' in data else data

    def _is_telling(self, data: bytes) -> bool:
        return (
            sse.DONE in data
            or self._usage_said.search(data) is not None
            or b'"error"' in data
            or (b'"tool_calls"' in data and b'"name"' in data)
        )

    def _look(self, event: bytes) -> bytes:
        if sse.data_of(event).strip() == sse.DONE:
            self.is_done = True
            self.tail += event
            return b""
        chunk = sse.load(event)
        if chunk is None:
            return event
        self.has_error = self.has_error or isinstance(chunk.get("error"), dict)
        self._tools |= usage.started_tools(chunk)
        found = chunk.get("usage")
        if not isinstance(found, dict):
            return nullusage.without(event, chunk) if self.hide_usage and chunk.get("usage", 0) is None else event
        if self._reporting is None or usage.is_something(found):
            self._reporting = chunk
        if not self.hide_usage:
            return event
        return b"" if chunk.get("choices") == [] else nullusage.without_figures(event, chunk)

    def usage(self) -> Usage | None:
        return usage.reported(self._reporting["usage"], self._reporting) if self._reporting is not None else None

    def finish_reason(self) -> str | None:
        """The last one that passed, looked for in the last pieces only."""
        found = _FINISH.findall(b"".join(self.kept[-8:]))
        return found[-1].decode() if found else None

    def tool_calls(self) -> int:
        return len(self._tools)

    def texts(self) -> list[str]:
        return usage.texts_of_chunks(self._objects())


class AnthropicWatcher(PassingWatcher):
    """Messages: usage at `message_start` and, cumulative, in `message_delta`; `message_stop` ends the stream.

    Source: Anthropic API documentation, "Streaming messages".
    """

    WORDS: ClassVar = (b"message_start", b"message_delta", b"message_stop", b'"error"', b'"tool_use"')

    def __init__(self) -> None:
        super().__init__()
        self._usage: dict[str, Any] = {}
        self._stop: str | None = None
        self._tools = 0

    def _is_telling(self, data: bytes) -> bool:
        return any(word in data for word in self.WORDS)

    def _look(self, event: bytes) -> bytes:
        said = sse.load(event)
        kind = said.get("type") if said is not None else None
        if said is None:
            return event
        if kind == "message_start" and isinstance(message := said.get("message"), dict):
            self._see_usage(message.get("usage"))
        elif kind == "message_delta":
            self._see_usage(said.get("usage"))
            delta = said.get("delta")
            if isinstance(delta, dict) and isinstance(delta.get("stop_reason"), str):
                self._stop = delta["stop_reason"]
        elif kind == "content_block_start" and isinstance(block := said.get("content_block"), dict):
            self._tools += block.get("type") == "tool_use"
        elif kind == "error":
            self.has_error = True
        elif kind == "message_stop":
            self.is_done = True
            self.tail += event
            return b""
        return event

    def _see_usage(self, found: object) -> None:
        """Later values are cumulative; a zero or absent one never takes back what was said before."""
        if isinstance(found, dict):
            self._usage |= {name: value for name, value in found.items() if value}

    def usage(self) -> Usage | None:
        found = usage.reported_messages(self._usage) if self._usage else None
        return replace(found, source=usage.PARTIAL) if found is not None and self._stop is None else found

    def finish_reason(self) -> str | None:
        return self._stop

    def tool_calls(self) -> int:
        return self._tools

    def texts(self) -> list[str]:
        return usage.texts_of_message_events(self._objects())


class ResponsesWatcher(PassingWatcher):
    """OpenAI's Responses: the last event carries the whole response with its usage, and there is no `[DONE]`.

    Source: OpenAI API reference, "Streaming events" of Responses.
    """

    ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
    WORDS: ClassVar = (b"response.completed", b"response.incomplete", b"response.failed", b'"error"')

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] | None = None
        self._last = b""
        self._recent: deque[bytes] = deque(maxlen=8)

    @property
    def next_number(self) -> int:
        """Looked for in the last pieces only."""
        found = _NUMBER.findall(b"".join(self._recent))
        return int(found[-1]) + 1 if found else 0

    def feed(self, data: bytes) -> bytes:
        self._recent.append(data)
        return super().feed(data)

    def finish(self) -> bytes:
        """The last event too: it waits for the call to be settled."""
        rest = super().finish()
        return rest + self._last

    def _is_telling(self, data: bytes) -> bool:
        return any(word in data for word in self.WORDS)

    def _look(self, event: bytes) -> bytes:
        said = sse.load(event)
        if said is None:
            return event
        kind = said.get("type")
        if kind == "error":
            self.has_error = True
        if kind not in self.ENDS:
            return event
        response = said.get("response")
        self._response = response if isinstance(response, dict) else {}
        self.is_done = True
        self.has_error = self.has_error or kind == "response.failed"
        self._last += event
        return b""

    def usage(self) -> Usage | None:
        found = (self._response or {}).get("usage")
        return usage.reported_response(found, self._response or {}) if isinstance(found, dict) else None

    def finish_reason(self) -> str | None:
        return usage.finish_of_response(self._response or {})

    def tool_calls(self) -> int:
        return usage.tools_of_response(self._response or {})

    def texts(self) -> list[str]:
        return usage.texts_of_response_events(self._objects())
