"""Calls whose target speaks another dialect: the request goes through the neutral form, and so does what comes back."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson

from gateway.dataplane.adapters.outbound import Answer, Watcher
from gateway.dataplane.adapters.passed import Judge, as_it_is, load_answer
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import stream_end
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.formats.base import Format, InvalidReply, StreamReader, StreamWriter, TargetFormat
from gateway.dataplane.formats.ir import (
    Delta,
    Ended,
    Event,
    Failed,
    Part,
    PartStart,
    Prompt,
    Refusal,
    Reply,
    Start,
    Stopped,
    Text,
    Thinking,
    ToolUse,
    UsageSeen,
)
from gateway.dataplane.formats.ir import Usage as NeutralUsage
from gateway.dataplane.usage import PARTIAL, Usage
from gateway.dataplane.watchers import KEPT_BYTES

ReadError = Callable[[int, bytes], ApiError | None]


class Translated:
    """An `Outbound` between two formats: `client` is the caller's, `wire` the target's."""

    def __init__(
        self,
        call: Call,
        prompt: Prompt,
        *,
        client: Format,
        wire: TargetFormat,
        build: Callable[[str], bytes],
        dropped: Sequence[str],
        read_error: ReadError,
        judge: Judge = as_it_is,
    ) -> None:
        self.dropped: Sequence[str] = dropped
        self._call = call
        self._prompt = prompt
        self._client = client
        self._wire = wire
        self._build = build
        self._read_error = read_error
        self._judge = judge

    def request(self, attempt_id: str) -> bytes:
        return self._build(attempt_id)

    def answer(self, body: bytes) -> Answer:
        try:
            reply = self._wire.read_reply(load_answer(body))
            reply.created = reply.created or self._call.started_ns // 1_000_000_000
            reply.model = reply.model or self._call.model
            reply.id = reply.id or self._call.request_id
            written = orjson.dumps(self._client.write_reply(reply, self._prompt))
        except InvalidReply as error:
            message = f"the provider's answer is not in its format ({error})"
            raise UpstreamError("invalid_answer", message) from error
        parts = [part for choice in reply.choices for part in choice.parts]
        used = Usage(reply.usage.tokens(), "reported", reply.service_tier) if reply.usage is not None else None
        words = [choice.word for choice in reply.choices if choice.word]
        found = Answer(written, used, words[0][:40] if words else None)
        found.tool_calls = sum(isinstance(part, ToolUse) for part in parts)
        if used is None:
            found.texts = ["".join(_texts(choice.parts)) for choice in reply.choices]
            found.with_usage = partial(self._written_with, reply)
        return found

    def _written_with(self, reply: Reply, counted: Usage) -> bytes:
        reply.usage = _neutral(counted)
        return orjson.dumps(self._client.write_reply(reply, self._prompt))

    def watcher(self) -> Watcher:
        created = self._call.started_ns // 1_000_000_000
        end = stream_end(self._call.endpoint.dialect)
        reply_id = self._call.request_id
        return TranslatingWatcher(self._wire.reader(), self._client.writer(self._prompt), end, created, reply_id)

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        return self._read_error(status, body)

    def raw_watcher(self) -> Watcher:
        raise NotImplementedError("no dialect of this kind answers with a file")

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        return self._judge(status, retry_after, body)


def _neutral(counted: Usage) -> NeutralUsage:
    """What was counted has no parts."""
    return NeutralUsage(counted.tokens["input_tokens"], counted.tokens["output_tokens"])


def _texts(parts: list[Part]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if isinstance(part, Text | Refusal | Thinking):
            found.append(part.text)
        elif isinstance(part, ToolUse):
            found += [part.name, part.arguments]
    return found


class TranslatingWatcher:
    """Upstream bytes in one format, client bytes in another; the ledger's figures are read in between."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, end: bytes, created: int, reply_id: str) -> None:
        self.tail = b""
        self.has_error = False
        self.is_done = False
        self._reader = reader
        self._writer = writer
        self._end = end
        self._created = created
        self._reply_id = reply_id
        self._usage: UsageSeen | None = None
        self._counted = b""
        self._word: str | None = None
        self._has_stopped = False
        self._tools = 0
        self._kept: dict[int, list[str]] = {}
        self._kept_size = 0

    @property
    def next_number(self) -> int:
        return getattr(self._writer, "sequence", 0)

    @property
    def is_broken(self) -> bool:
        return self._reader.is_broken

    def feed(self, data: bytes) -> bytes:
        return self._pass(self._reader.feed(data))

    @property
    def lacks_usage(self) -> bool:
        return self._usage is None and (self.is_done or self._has_stopped) and not self.has_error

    def take_usage(self, counted: Usage) -> None:
        """For the client alone: the ledger has it already, and says that it was counted."""
        self._counted = self._writer.write([UsageSeen(_neutral(counted))])

    def finish(self) -> bytes:
        """The rest; a stream that came to its end gets its closing events."""
        rest = self._counted + self._pass(self._reader.finish())
        if (self.is_done or self._has_stopped) and not self.has_error:
            rest += self._writer.close()
            self.tail = self._end
        return rest

    def _pass(self, events: list[Event]) -> bytes:
        for event in events:
            self._note(event)
        return self._writer.write(events)

    def _note(self, event: Event) -> None:
        match event:
            case Start():
                event.created = event.created or self._created
                event.id = event.id or self._reply_id
            case PartStart():
                self._tools += event.kind == "tool_use"
                self._keep(event.choice, event.name)
            case Delta():
                self._keep(event.choice, event.text)
            case Stopped():
                self._has_stopped, self._word = True, event.word or self._word
            case UsageSeen():
                self._usage = event
            case Failed():
                self.has_error = True
            case Ended():
                self.is_done = True

    def _keep(self, choice: int, text: str) -> None:
        """For counting tokens locally, should the vendor report none."""
        if text and self._kept_size < KEPT_BYTES:
            self._kept.setdefault(choice, []).append(text)
            self._kept_size += len(text)

    def usage(self) -> Usage | None:
        if self._usage is None:
            return None
        source = "reported" if self._has_stopped or self.is_done else PARTIAL
        return Usage(self._usage.usage.tokens(), source, self._usage.service_tier)

    def finish_reason(self) -> str | None:
        return self._word[:40] if self._word else None

    def tool_calls(self) -> int:
        return self._tools

    def texts(self) -> list[str]:
        return ["".join(texts) for texts in self._kept.values()]


def plain_error(status: int, body: bytes) -> ApiError | None:
    """The message of an error body in OpenAI's or Anthropic's shape, to be said in the client's own."""
    try:
        error: Any = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    kind = error.get("type") if isinstance(error.get("type"), str) else "invalid_request_error"
    return ApiError(status, str(error.get("code") or "upstream_error"), error["message"], kind=str(kind))
