"""Calls whose target speaks the client's dialect: bytes pass both ways, the ledger's figures are read on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.dataplane import usage
from gateway.dataplane.adapters.outbound import Answer, Watcher
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import (
    ANTHROPIC_COUNT,
    ANTHROPIC_MESSAGES,
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OPENAI_RESPONSES,
)
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.failures import PassedThrough
from gateway.dataplane.usage import Usage
from gateway.dataplane.watchers import AnthropicWatcher, OpenAIWatcher, ResponsesWatcher

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what the ledger needs from an answer in one dialect."""

    usage: Callable[[Body], Usage | None]
    finish_reason: Callable[[Body], str | None]
    tool_calls: Callable[[Body], int]
    texts: Callable[[Body], list[str]]
    watcher: Callable[[Call], Watcher]


def _usage_by(read: Callable[[Body, Body], Usage | None]) -> Callable[[Body], Usage | None]:
    def found(body: Body) -> Usage | None:
        reported = body.get("usage")
        return read(reported, body) if isinstance(reported, dict) else None

    return found


def _openai_watcher(call: Call) -> Watcher:
    return OpenAIWatcher(hide_usage=not call.wants_usage)


_OPENAI = Reading(
    _usage_by(usage.reported), usage.finish_reason, usage.tool_call_count, usage.texts_of_answer, _openai_watcher
)
READINGS: dict[str, Reading] = {
    OPENAI_CHAT: _OPENAI,
    OPENAI_COMPLETIONS: _OPENAI,
    OPENAI_EMBEDDINGS: _OPENAI,
    OPENAI_RESPONSES: Reading(
        _usage_by(usage.reported_response), usage.finish_of_response, usage.tools_of_response, usage.texts_of_response,
        lambda call: ResponsesWatcher(),
    ),
    ANTHROPIC_MESSAGES: Reading(
        _usage_by(lambda found, body: usage.reported_messages(found)), usage.finish_of_message, usage.tools_of_message,
        usage.texts_of_message, lambda call: AnthropicWatcher(),
    ),
    ANTHROPIC_COUNT: Reading(
        lambda body: Usage({}, "reported"), lambda body: None, lambda body: 0, lambda body: [],
        lambda call: AnthropicWatcher(),
    ),
}  # fmt: skip


def load_answer(body: bytes) -> dict[str, Any]:
    """A provider's answer as an object. Raises `UpstreamError`, with what was received."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError("invalid_answer", "the provider's answer is not valid JSON", received=body) from error
    if not isinstance(answer, dict):
        raise UpstreamError("invalid_answer", "the provider's answer is not a JSON object", received=body)
    return answer


Judge = Callable[[int, bytes | None, bytes], tuple[int, bytes | None]]


def as_it_is(status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
    """A vendor whose statuses mean what they say."""
    return status, retry_after


class Passed:
    """An `Outbound` that changes nothing: `build` makes the request of an attempt from the caller's own bytes."""

    __slots__ = ("_build", "_call", "_reading", "dropped")

    def __init__(self, call: Call, build: Callable[[str], bytes]) -> None:
        self.dropped: Sequence[str] = ()
        self._call = call
        self._build = build
        self._reading = READINGS[call.endpoint.dialect]

    def request(self, attempt_id: str) -> bytes:
        return self._build(attempt_id)

    def answer(self, body: bytes) -> Answer:
        answer, reading = load_answer(body), self._reading
        used = reading.usage(answer)
        found = Answer(body, used, reading.finish_reason(answer), reading.tool_calls(answer))
        if used is None:
            found.texts = reading.texts(answer)
        return found

    def watcher(self) -> Watcher:
        return self._reading.watcher(self._call)

    def raw_watcher(self) -> Watcher:
        raise NotImplementedError("no dialect of this kind answers with a file")

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        return status, retry_after

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        return passed_error(status, body)


def passed_error(status: int, body: bytes) -> ApiError | None:
    """The vendor's own error body; None when it is none."""
    try:
        error = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return PassedThrough(status, body, {}) if isinstance(error, dict) else None
