"""Chat Completions streams ⇄ events.

Source: OpenAI API reference, "The chat completion chunk object".
"""

from collections.abc import Hashable
from itertools import zip_longest

from gateway.dataplane.formats.ir import (
    Delta,
    Event,
    Json,
    PartEnd,
    PartKind,
    PartStart,
    Prompt,
    Signed,
    Start,
    Stopped,
    Thinking,
)
from gateway.dataplane.formats.openai_chat.chunks import ChunkReader, ChunkWriter, line
from gateway.dataplane.formats.openai_chat.reasoning import detail_of
from gateway.dataplane.formats.openai_chat.reply import (
    STOPS,
    TIER_WORDS,
    WORDS,
    read_thoughts,
)
from gateway.dataplane.formats.sequence import Sequencer


class Reader(ChunkReader):
    """Chunks → events."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped: set[int] = set()
        self._vendors: dict[int, str] = {}

    def read_choice(self, sequencer: Sequencer, choice: Json) -> list[Event]:
        delta, logprobs, word = choice.get("delta"), choice.get("logprobs"), choice.get("finish_reason")
        found: list[Event] = []
        if isinstance(delta, dict):
            found += self._delta(sequencer, delta, logprobs if isinstance(logprobs, dict) else None)
        if isinstance(word, str) and sequencer.choice not in self._stopped:
            self._stopped.add(sequencer.choice)
            found += sequencer.finish()
            found.append(Stopped(STOPS.get(word, "other"), word, choice=sequencer.choice))
        return found

    def _delta(self, sequencer: Sequencer, delta: Json, logprobs: Json | None) -> list[Event]:
        found: list[Event] = []
        details = delta.get("reasoning_details")
        numbers = [item.get("index") for item in details if isinstance(item, dict)] if isinstance(details, list) else []
        for number, thought in zip_longest(numbers, read_thoughts(delta)):
            assert isinstance(thought, Thinking)
            found += self._thought(sequencer, thought, ("thinking", number))
        kinds: tuple[tuple[str, PartKind], ...] = (("content", "text"), ("refusal", "refusal"))
        for name, kind in kinds:
            text = delta.get(name)
            if isinstance(text, str) and text:
                found += self._text(sequencer, kind, text, logprobs)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                found += self._tool(sequencer, call)
        return found

    def _text(self, sequencer: Sequencer, kind: PartKind, text: str, logprobs: Json | None = None) -> list[Event]:
        opened = [] if sequencer.knows(kind) else sequencer.start(kind, kind)
        return opened + sequencer.delta(kind, text, logprobs)

    def _thought(self, sequencer: Sequencer, thought: Thinking, key: Hashable) -> list[Event]:
        if thought.vendor:  # only the first detail of a part names its format
            self._vendors[sequencer.choice] = thought.vendor
        vendor = self._vendors.get(sequencer.choice, "")
        if thought.redacted:
            opened = sequencer.start(key, "redacted_thinking", redacted=thought.redacted, vendor=vendor)
            return opened + sequencer.end(key)
        if not thought.text and not thought.signature:
            return []
        found = [] if sequencer.knows(key) else sequencer.start(key, "thinking", vendor=vendor)
        if thought.text:
            found += sequencer.delta(key, thought.text)
        return found + (sequencer.sign(key, thought.signature, vendor) if thought.signature else [])

    def _tool(self, sequencer: Sequencer, call: Json) -> list[Event]:
        """A call's first delta names it; providers that send whole calls without an index send the name each time."""
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        key = ("tool", call.get("index") if call.get("index") is not None else call.get("id"))
        found: list[Event] = []
        if not sequencer.knows(key):
            if not function.get("name"):
                return []
            found += sequencer.start(key, "tool_use", id=str(call.get("id") or ""), name=str(function["name"]))
        arguments = function.get("arguments")
        return found + (sequencer.delta(key, arguments) if isinstance(arguments, str) and arguments else [])


class Writer(ChunkWriter):
    """Events → chunks."""

    kind = "chat.completion.chunk"

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(prompt)
        self._greeted: set[int] = set()
        self._parts: dict[tuple[int, int], tuple[PartKind, int]] = {}
        self._counts: dict[tuple[int, str], int] = {}
        self._detailed: set[tuple[int, int]] = set()
        self._written: set[tuple[int, int]] = set()

    def write_event(self, event: Event) -> bytes:
        match event:
            case Start():
                return self._piece(0, {"content": ""})
            case PartStart():
                return self._start(event)
            case Delta():
                return self._delta(event)
            case Signed():
                return self._signed(event)
            case PartEnd():
                return self._empty_arguments(event.index, event.choice)
            case Stopped():
                return self._piece(event.choice, {}, WORDS[event.stop])
        return b""

    def _start(self, event: PartStart) -> bytes:
        group = "thought" if event.kind in ("thinking", "redacted_thinking") else event.kind
        number = self._counts.get((event.choice, group), 0)
        self._counts[event.choice, group] = number + 1
        self._parts[event.choice, event.index] = (event.kind, number)
        if event.kind == "tool_use":
            function = {"name": event.name, "arguments": ""}
            call = {"index": number, "id": event.id, "type": "function", "function": function}
            return self._piece(event.choice, {"tool_calls": [call]})
        thought = Thinking(redacted=event.redacted, vendor=event.vendor, id=event.id)
        if event.kind == "redacted_thinking":
            return self._piece(event.choice, {"reasoning_details": [detail_of(thought, number)]})
        if event.kind == "thinking" and event.vendor:  # clients add up what they get, so only the first has it all
            self._detailed.add((event.choice, event.index))
            return self._piece(event.choice, {"reasoning_details": [detail_of(thought, number)]})
        return b""

    def _delta(self, event: Delta) -> bytes:
        kind, number = self._parts[event.choice, event.index]
        if kind == "tool_use":
            self._written.add((event.choice, event.index))
            call = {"index": number, "function": {"arguments": event.text}}
            return self._piece(event.choice, {"tool_calls": [call]})
        name = {"text": "content", "thinking": "reasoning_content", "refusal": "refusal"}[kind]
        delta: Json = {name: event.text}
        if kind == "thinking" and (event.choice, event.index) in self._detailed:
            delta["reasoning_details"] = [{"type": "reasoning.text", "text": event.text, "index": number}]
        return self._piece(event.choice, delta, logprobs=event.logprobs)

    def _signed(self, event: Signed) -> bytes:
        kind, number = self._parts[event.choice, event.index]
        if kind != "thinking":
            return b""
        detail = {"type": "reasoning.text", "signature": event.signature, "index": number}
        return self._piece(event.choice, {"reasoning_details": [detail]})

    def _empty_arguments(self, index: int, choice: int) -> bytes:
        """A tool without arguments gets an empty object: clients parse what they collected."""
        kind, number = self._parts[choice, index]
        if kind != "tool_use" or (choice, index) in self._written:
            return b""
        return self._piece(choice, {"tool_calls": [{"index": number, "function": {"arguments": "{}"}}]})

    def _piece(self, choice: int, delta: Json, finish: str | None = None, logprobs: Json | None = None) -> bytes:
        if choice not in self._greeted:
            self._greeted.add(choice)
            delta = {"role": "assistant", **delta}
        chunk = self.chunk({"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish})
        if finish is not None and self.tier is not None:
            chunk["service_tier"] = TIER_WORDS.get(self.tier, self.tier)
        return line(chunk)


def reader() -> Reader:
    return Reader()


def writer(prompt: Prompt) -> Writer:
    return Writer(prompt)
