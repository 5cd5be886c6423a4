"""Responses streams → events.

Source: OpenAI API reference, "Streaming events" of Responses. Items and their parts are numbered; the last event
carries the whole response with its usage.
"""

from gateway.dataplane.formats.events import EventReader
from gateway.dataplane.formats.ir import (
    Ended,
    Event,
    Failed,
    Json,
    PartKind,
    Start,
    Stopped,
    UsageSeen,
)
from gateway.dataplane.formats.openai_chat.reply import read_tier
from gateway.dataplane.formats.openai_responses.reply import read_reasoning, read_stop, read_usage
from gateway.dataplane.formats.sequence import Sequencer

ENDS = ("response.completed", "response.incomplete", "response.failed")
TEXTS: dict[str, PartKind] = {"response.output_text.delta": "text", "response.refusal.delta": "refusal"}
THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class Reader(EventReader):
    """Named events → ours. What hosted tools do in between has no counterpart and is passed over."""

    def __init__(self) -> None:
        super().__init__()
        self._has_started = False
        self._sequencer = Sequencer()
        self._has_tools = False
        self._sections: dict[object, object] = {}
        self._argued: set[object] = set()

    def close(self) -> list[Event]:
        return self._sequencer.finish()

    def read(self, said: Json) -> list[Event]:
        kind = str(said.get("type"))
        if kind == "response.created" and not self._has_started:
            return self._start(_object(said.get("response")))
        if kind == "error":
            return [Failed(str(said.get("code") or "server_error"), str(said.get("message") or ""))]
        if kind in ENDS:
            return self._end(kind, _object(said.get("response")))
        number, item = said.get("output_index"), _object(said.get("item"))
        delta = said.get("delta")
        if kind == "response.output_item.added" and item.get("type") == "function_call":
            self._has_tools = True
            identity, name = str(item.get("call_id") or ""), str(item.get("name") or "")
            return self._sequencer.start(("tool", number), "tool_use", id=identity, name=name)
        if kind == "response.output_item.done":
            return self._item_done(number, item)
        if not isinstance(delta, str) or not delta:
            return []
        if kind in TEXTS:
            return self._delta((TEXTS[kind], number, said.get("content_index")), TEXTS[kind], delta)
        if kind in THOUGHTS:
            return self._thought(number, (kind, said.get("summary_index"), said.get("content_index")), delta)
        if kind == "response.function_call_arguments.delta" and self._sequencer.knows(("tool", number)):
            self._argued.add(number)
            return self._sequencer.delta(("tool", number), delta)
        return []

    def _start(self, response: Json) -> list[Event]:
        self._has_started = True
        created = response.get("created_at")
        return [
            Start(
                str(response.get("id") or ""),
                str(response.get("model") or ""),
                int(created) if isinstance(created, int | float) else 0,
            )
        ]

    def _delta(self, key: tuple[object, ...], kind: PartKind, delta: str) -> list[Event]:
        opened = [] if self._sequencer.knows(key) else self._sequencer.start(key, kind)
        return opened + self._sequencer.delta(key, delta)

    def _thought(self, number: object, section: object, delta: str) -> list[Event]:
        """Sections of a summary become paragraphs of one part."""
        former = self._sections.setdefault(number, section)
        if former != section:
            self._sections[number] = section
            delta = "\n\n" + delta
        return self._delta(("thinking", number), "thinking", delta)

    def _item_done(self, number: object, item: Json) -> list[Event]:
        if item.get("type") == "function_call":
            key = ("tool", number)
            given = item.get("arguments")
            late = isinstance(given, str) and given and number not in self._argued and self._sequencer.knows(key)
            found = self._sequencer.delta(key, str(given)) if late else []
            return found + self._sequencer.end(key)
        if item.get("type") == "reasoning":
            return self._reasoning_done(number, item)
        found = []
        for index in range(len(item.get("content") or [])):
            for kind in ("text", "refusal"):
                found += self._sequencer.end((kind, number, index))
        return found

    def _reasoning_done(self, number: object, item: Json) -> list[Event]:
        thinking, key = read_reasoning(item), ("thinking", number)
        found: list[Event] = []
        if thinking.redacted:
            found += self._sequencer.start(
                key, "redacted_thinking", redacted=thinking.redacted, vendor=thinking.vendor, id=thinking.id
            )
        elif thinking.signature:
            if not self._sequencer.knows(key):
                found += self._sequencer.start(key, "thinking", vendor=thinking.vendor, id=thinking.id)
            found += self._sequencer.sign(key, thinking.signature, thinking.vendor)
        return found + self._sequencer.end(key)

    def _end(self, kind: str, response: Json) -> list[Event]:
        found = self._sequencer.finish()
        usage = read_usage(response.get("usage"))
        if usage is not None:
            found.append(UsageSeen(usage, read_tier(response.get("service_tier"))))
        if kind == "response.failed":
            error = _object(response.get("error"))
            return [*found, Failed(str(error.get("code") or "server_error"), str(error.get("message") or "")), Ended()]
        stop, word = read_stop(response, has_tools=self._has_tools)
        return [*found, Stopped(stop, word), Ended()]


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def reader() -> Reader:
    return Reader()
