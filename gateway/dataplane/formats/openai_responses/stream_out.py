"""Events → Responses streams: every event numbered, every item announced, filled, finished and repeated whole.

Source: OpenAI API reference, "Streaming events" of Responses.
"""

import orjson

from gateway.dataplane.formats.ir import (
    Delta,
    Event,
    Failed,
    Json,
    Part,
    PartEnd,
    PartStart,
    Prompt,
    Refusal,
    Signed,
    Start,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolUse,
    Usage,
    UsageSeen,
)
from gateway.dataplane.formats.openai_responses.reply import (
    finished,
    item_id,
    response_id,
    skeleton,
    write_item,
    write_part,
)


class Writer:
    """The terminal event is kept for the end; only the first choice has a place in this format."""

    def __init__(self, prompt: Prompt) -> None:
        self.sequence = 0
        self._prompt = prompt
        self._base = response_id("")
        self._response: Json = {}
        self._output: list[Json] = []
        self._part: Part | None = None
        self._stop: Stop | None = None
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._error: Failed | None = None

    def write(self, events: list[Event]) -> bytes:
        return b"".join(self._write(event) for event in events if getattr(event, "choice", 0) == 0)

    def close(self) -> bytes:
        if self._error is not None:
            return b""
        done = finished(self._response, self._output, self._stop, self._usage, self._tier)
        return self._say(f"response.{done['status']}", {"response": done})

    def failure(self, code: str, message: str, param: str | None) -> bytes:
        """The event that ends a stream which broke."""
        return self._say("error", {"code": code, "message": message, "param": param})

    def _write(self, event: Event) -> bytes:
        if self._error is not None:  # nothing follows an error
            return b""
        match event:
            case Start():
                return self._start(event)
            case PartStart():
                return self._part_start(event)
            case Delta():
                return self._delta(event)
            case Signed() if isinstance(self._part, Thinking):
                self._part.signature, self._part.vendor = event.signature, event.vendor
            case PartEnd():
                return self._part_end()
            case Stopped():
                self._stop = event.stop
            case UsageSeen():
                self._usage, self._tier = event.usage, event.service_tier or self._tier
            case Failed():
                self._error = event
                return self.failure(event.kind, event.message, None)
        return b""

    def _say(self, name: str, said: Json) -> bytes:
        data = orjson.dumps({"type": name, "sequence_number": self.sequence, **said})
        self.sequence += 1
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)

    def _start(self, event: Start) -> bytes:
        self._base = response_id(event.id)
        self._response = skeleton(self._prompt, self._base, event.model or self._prompt.model, event.created)
        begun = self._say("response.created", {"response": self._response})
        return begun + self._say("response.in_progress", {"response": self._response})

    @property
    def _place(self) -> Json:
        """Where the current part stands."""
        assert self._part is not None
        number = len(self._output)
        return {"item_id": item_id(self._base, self._part, number), "output_index": number}

    def _part_start(self, event: PartStart) -> bytes:
        match event.kind:
            case "tool_use":
                self._part = ToolUse(event.id, event.name, "")
            case "thinking" | "redacted_thinking":
                self._part = Thinking(redacted=event.redacted, vendor=event.vendor)
            case "refusal":
                self._part = Refusal("")
            case _:
                self._part = Text("")
        place = self._place
        item = write_item(self._part, place["item_id"], "in_progress")
        if isinstance(self._part, ToolUse):
            item["arguments"] = ""
        if isinstance(self._part, Text | Refusal):
            item["content"] = []
        out = self._say("response.output_item.added", {"output_index": place["output_index"], "item": item})
        if isinstance(self._part, Text | Refusal):
            out += self._say(
                "response.content_part.added", {**place, "content_index": 0, "part": write_part(self._part)}
            )
        return out

    def _delta(self, event: Delta) -> bytes:
        part, place = self._part, self._place
        if isinstance(part, ToolUse):
            part.arguments += event.text
            return self._say("response.function_call_arguments.delta", {**place, "delta": event.text})
        if isinstance(part, Thinking):
            out = b"" if part.text else self._summary("part.added", "")
            part.text += event.text
            return out + self._say(
                "response.reasoning_summary_text.delta", {**place, "summary_index": 0, "delta": event.text}
            )
        assert isinstance(part, Text | Refusal)
        part.text += event.text
        if isinstance(part, Refusal):
            return self._say("response.refusal.delta", {**place, "content_index": 0, "delta": event.text})
        said = {**place, "content_index": 0, "delta": event.text, "logprobs": []}
        return self._say("response.output_text.delta", said)

    def _summary(self, what: str, text: str) -> bytes:
        part = {"type": "summary_text", "text": text}
        return self._say(f"response.reasoning_summary_{what}", {**self._place, "summary_index": 0, "part": part})

    def _part_end(self) -> bytes:
        part, place = self._part, self._place
        assert part is not None
        out = b""
        if isinstance(part, ToolUse):
            given = part.arguments or "{}"
            out = self._say("response.function_call_arguments.done", {**place, "name": part.name, "arguments": given})
        elif isinstance(part, Thinking) and part.text:
            said = {**place, "summary_index": 0, "text": part.text}
            out = self._say("response.reasoning_summary_text.done", said) + self._summary("part.done", part.text)
        elif isinstance(part, Text | Refusal):
            out = self._content_done(part, place)
        item = write_item(part, place["item_id"])
        out += self._say("response.output_item.done", {"output_index": place["output_index"], "item": item})
        self._output.append(item)
        self._part = None
        return out

    def _content_done(self, part: Text | Refusal, place: Json) -> bytes:
        if isinstance(part, Refusal):
            done = self._say("response.refusal.done", {**place, "content_index": 0, "refusal": part.text})
        else:
            said = {**place, "content_index": 0, "text": part.text, "logprobs": []}
            done = self._say("response.output_text.done", said)
        return done + self._say("response.content_part.done", {**place, "content_index": 0, "part": write_part(part)})


def writer(prompt: Prompt) -> Writer:
    return Writer(prompt)
