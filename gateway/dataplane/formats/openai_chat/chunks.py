"""What the streams of chat and of text completions have in common: chunks with choices, usage at the end, `[DONE]`.

Source: OpenAI API reference, "The chat completion chunk object" and "Completions, streaming": choices carry pieces, a
chunk without choices the usage (with `stream_options.include_usage`), `data: [DONE]` ends the stream.
"""

import orjson

from gateway.dataplane.formats.events import EventReader
from gateway.dataplane.formats.ir import Ended, Event, Failed, Json, Prompt, Start, Usage, UsageSeen
from gateway.dataplane.formats.openai_chat.reply import read_tier, read_usage, write_usage
from gateway.dataplane.formats.sequence import Sequencer


class ChunkReader(EventReader):
    """Chunks → events. A format says in `read_choice` what one of its choices carries."""

    def __init__(self) -> None:
        super().__init__()
        self._has_started = False
        self._choices: dict[int, Sequencer] = {}

    def close(self) -> list[Event]:
        return [event for sequencer in self._choices.values() for event in sequencer.finish()]

    def read_choice(self, sequencer: Sequencer, choice: Json) -> list[Event]:
        raise NotImplementedError

    def read_done(self) -> list[Event]:
        return [Ended()]

    def read(self, chunk: Json) -> list[Event]:
        error = chunk.get("error")
        if isinstance(error, dict):
            return [Failed(str(error.get("type") or "upstream_error"), str(error.get("message") or ""))]
        found = self._start(chunk)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                index = choice.get("index")
                number = index if isinstance(index, int) else 0
                found += self.read_choice(self._choices.setdefault(number, Sequencer(number)), choice)
        usage = read_usage(chunk.get("usage"))
        if usage is not None:
            found.append(UsageSeen(usage, read_tier(chunk.get("service_tier"))))
        return found

    def _start(self, chunk: Json) -> list[Event]:
        if self._has_started:
            return []
        self._has_started = True
        created = chunk.get("created")
        return [
            Start(str(chunk.get("id") or ""), str(chunk.get("model") or ""), created if isinstance(created, int) else 0)
        ]


class ChunkWriter:
    """Events → chunks. The usage chunk is kept for the end. A format says in `write_event` what the others become."""

    kind: str

    def __init__(self, prompt: Prompt) -> None:
        options = prompt.source.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self.base: Json = {"id": "", "object": self.kind, "created": 0, "model": prompt.model}
        self.tier: str | None = None
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        return b"".join(self._write(event) for event in events)

    def close(self) -> bytes:
        if not self.wants_usage or self._usage is None:
            return b""
        return line({**self.base, "choices": [], "usage": write_usage(self._usage)})

    def write_event(self, event: Event) -> bytes:
        raise NotImplementedError

    def chunk(self, choice: Json) -> Json:
        """A chunk with one choice; where usage was asked for, every chunk has the field."""
        return {**self.base, "choices": [choice], **({"usage": None} if self.wants_usage else {})}

    def _write(self, event: Event) -> bytes:
        match event:
            case Start():
                self.base |= {"id": event.id, "created": event.created, "model": event.model or self.base["model"]}
            case UsageSeen():
                self._usage, self.tier = event.usage, event.service_tier
            case Failed():
                error = {"message": event.message, "type": event.kind, "param": None, "code": None}
                return line({"error": error})
        return self.write_event(event)


def line(value: Json) -> bytes:
    """One event of the stream."""
    return b"data: " + orjson.dumps(value) + b"\n\n"
