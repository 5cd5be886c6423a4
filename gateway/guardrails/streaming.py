"""Guardrails over server-sent events: which strings of an event are pieces of which text, in each wire format.

An event's pieces are replaced by what its text's window lets go; what is left at the end of a text leaves in an event
of its own, before the one that ends it. Sources: OpenAI API reference "Streaming" (chat completion chunks, completions,
response events); Anthropic API documentation "Streaming messages".
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.guardrails import texts
from gateway.guardrails.rails import Rail, Verdict, screen
from gateway.guardrails.window import TextWindow

Event = dict[str, Any]
Channel = tuple[Hashable, ...]
CHAT_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
BLOCK_TEXTS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}


@dataclass(frozen=True, slots=True)
class Slot:
    """`holder[key]` is the next piece of a text; `alone` makes an event that carries nothing but a piece of it."""

    channel: Channel
    holder: dict[str, Any]
    key: str
    alone: Callable[[str], Event]


class StreamGuard:
    """One stream's guardrails. `dialect` as in `gateway.dataplane.endpoints`."""

    def __init__(self, dialect: str, rails: Sequence[Rail], verdict: Verdict) -> None:
        self._rails = rails
        self._verdict = verdict
        self._is_named = dialect in ("openai-responses", "anthropic-messages")
        self._slots, self._ended = _READERS[dialect]
        self._windows: dict[Channel, TextWindow] = {}
        self._alone: dict[Channel, Callable[[str], Event]] = {}
        self._number: int | None = None

    def event(self, event: Event) -> list[Event]:
        """What is sent instead of an event, in order."""
        if self._number is None and isinstance(event.get("sequence_number"), int):
            self._number = event["sequence_number"] - 1
        slots, is_over = list(self._slots(event)), self._ended(event)
        for slot in slots:
            window = self._windows.setdefault(slot.channel, TextWindow(self._rails, self._verdict))
            slot.holder[slot.key] = window.feed(slot.holder[slot.key])
            self._alone[slot.channel] = slot.alone
            if is_over(slot.channel):
                slot.holder[slot.key] += self._windows.pop(slot.channel).flush()
        out = self._flushed(is_over)
        if not slots:
            out.append(texts.change_answer(event, self._again))
        elif not self._is_hollow(event, slots):
            out.append(event)
        return [self._numbered(item) for item in out]

    def finish(self) -> list[Event]:
        """The rest of every text whose end was never said."""
        return [self._numbered(item) for item in self._flushed(lambda _channel: True)]

    def encode(self, events: Sequence[Event]) -> bytes:
        """As the wire format writes them."""
        return b"".join(map(self._encoded, events))

    def _encoded(self, event: Event) -> bytes:
        name = b"event: %b\n" % str(event.get("type")).encode() if self._is_named else b""
        return b"%bdata: %b\n\n" % (name, orjson.dumps(event))

    def _flushed(self, is_over: Callable[[Channel], bool]) -> list[Event]:
        over = [channel for channel in self._windows if is_over(channel)]
        rests = [(channel, self._windows.pop(channel).flush()) for channel in over]
        return [self._alone[channel](rest) for channel, rest in rests if rest]

    def _again(self, text: str) -> str:
        """A text that repeats what its pieces said; what is found in it was counted before."""
        return screen(text, [rail for rail in self._rails if not rail.check.is_whole], Verdict())

    def _is_hollow(self, event: Event, slots: Sequence[Slot]) -> bool:
        """Nothing is left in it: its whole piece is held back."""
        if any(slot.holder[slot.key] for slot in slots) or len(slots) != 1:
            return False
        return event == slots[0].alone("") or "type" in event

    def _numbered(self, event: Event) -> Event:
        """Responses number their events without gaps."""
        if isinstance(event.get("sequence_number"), int):
            assert self._number is not None  # since the first event
            self._number += 1
            event["sequence_number"] = self._number
        return event


def stream_texts(dialect: str, events: Iterable[Event]) -> list[str]:
    """The texts that a whole stream spelled out, in order of their beginnings."""
    slots, _ = _READERS[dialect]
    joined: dict[Channel, list[str]] = {}
    for event in events:
        for slot in slots(event):
            joined.setdefault(slot.channel, []).append(slot.holder[slot.key])
    return ["".join(pieces) for pieces in joined.values()]


# ---- where the pieces are ------------------------------------------------------------------------------------------
def _chat_slots(event: Event) -> Iterator[Slot]:
    for choice in _dicts(event.get("choices")):
        index, delta = choice.get("index"), choice.get("delta")
        if not isinstance(delta, dict):
            continue
        for name in CHAT_TEXTS:
            if isinstance(delta.get(name), str) and delta[name]:
                yield Slot((index, name), delta, name, _chat_maker(event, index, _named(name)))
        for tool in _dicts(delta.get("tool_calls")):
            function, place = tool.get("function"), tool.get("index")
            if isinstance(function, dict) and isinstance(function.get("arguments"), str) and function["arguments"]:
                yield Slot((index, "tool", place), function, "arguments", _chat_maker(event, index, _arguments(place)))


def _named(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: text}


def _arguments(place: object) -> Callable[[str], dict[str, Any]]:
    return lambda text: {"tool_calls": [{"index": place, "function": {"arguments": text}}]}


def _chat_maker(event: Event, index: object, delta: Callable[[str], dict[str, Any]]) -> Callable[[str], Event]:
    head = {name: value for name, value in event.items() if name not in ("choices", "usage")}
    return lambda text: {**head, "choices": [{"index": index, "delta": delta(text), "finish_reason": None}]}


def _chat_ended(event: Event) -> Callable[[Channel], bool]:
    over = {choice.get("index") for choice in _dicts(event.get("choices")) if choice.get("finish_reason")}
    return lambda channel: channel[0] in over


def _completion_slots(event: Event) -> Iterator[Slot]:
    head = {name: value for name, value in event.items() if name not in ("choices", "usage")}
    for choice in _dicts(event.get("choices")):
        if isinstance(choice.get("text"), str) and choice["text"]:
            index = choice.get("index")

            def alone(text: str, index: object = index) -> Event:
                return {**head, "choices": [{"index": index, "text": text, "finish_reason": None}]}

            yield Slot((index,), choice, "text", alone)


def _block_slots(event: Event) -> Iterator[Slot]:
    delta, index = event.get("delta"), event.get("index")
    if event.get("type") != "content_block_delta" or not isinstance(delta, dict):
        return
    kind = delta.get("type")
    key = BLOCK_TEXTS.get(kind) if isinstance(kind, str) else None
    if key and isinstance(delta.get(key), str):

        def alone(text: str) -> Event:
            return {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: text}}

        yield Slot((index,), delta, key, alone)


def _block_ended(event: Event) -> Callable[[Channel], bool]:
    if event.get("type") == "content_block_stop":
        return lambda channel: channel[0] == event.get("index")
    return lambda _channel: event.get("type") in ("message_delta", "message_stop")


def _response_slots(event: Event) -> Iterator[Slot]:
    if str(event.get("type")).endswith(".delta") and isinstance(event.get("delta"), str):
        yield Slot(_response_channel(event), event, "delta", lambda text: {**event, "delta": text})


def _response_ended(event: Event) -> Callable[[Channel], bool]:
    kind = str(event.get("type"))
    if kind.endswith(".done"):
        return lambda channel: channel == _response_channel(event)
    return lambda _channel: kind in ("response.completed", "response.incomplete", "response.failed")


def _response_channel(event: Event) -> Channel:
    part = event.get("content_index", event.get("summary_index"))
    return str(event.get("type")).rpartition(".")[0], event.get("item_id"), part


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_READERS: Mapping[
    str, tuple[Callable[[Event], Iterator[Slot]], Callable[[Event], Callable[[Channel], bool]]]
] = {
    "openai-chat": (_chat_slots, _chat_ended),
    "openai-completions": (_completion_slots, _chat_ended),
    "anthropic-messages": (_block_slots, _block_ended),
    "openai-responses": (_response_slots, _response_ended),
}  # fmt: skip
