"""Images, audio and moderations: the caller's request and the provider's answer pass as they are, usage is read.

Events of streams: OpenAI API reference, "Image streaming events", "speech.audio.done", "transcript.text.done".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from gateway.dataplane import jsonsplice, mediausage, sse
from gateway.dataplane.adapters.outbound import Answer, Watcher
from gateway.dataplane.adapters.passed import load_answer, passed_error
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import OPENAI_MODERATIONS, OPENAI_SPEECH
from gateway.dataplane.errors import ApiError
from gateway.dataplane.usage import Usage
from gateway.dataplane.views import Target
from gateway.dataplane.watchers import PassingWatcher

JSON_TYPE = "application/json"
JSON_TRANSCRIPTS = frozenset({None, "", "json", "verbose_json", "diarized_json"})
Build = Callable[[str, str, bytes], bytes]
"""`(attempt id, content type, body)` → the whole HTTP request."""


class Media:
    """An `Outbound` of a call that is never translated."""

    __slots__ = ("_build", "_call", "_target", "dropped")

    def __init__(self, call: Call, target: Target, build: Build) -> None:
        self.dropped: Sequence[str] = ()
        self._call = call
        self._target = target
        self._build = build

    def request(self, attempt_id: str) -> bytes:
        return self._build(attempt_id, *media_body(self._call, self._target))

    def answer(self, body: bytes) -> Answer:
        call = self._call
        if not is_json(call):
            text = body.decode("utf-8", "replace")
            return Answer(body, _usage(mediausage.of_transcript(None, {}, call, text)))
        return Answer(body, self._read(load_answer(body)))

    def _read(self, answer: Mapping[str, Any]) -> Usage:
        call, dialect = self._call, self._call.endpoint.dialect
        if dialect == OPENAI_MODERATIONS:
            return _moderated(call, answer)
        if dialect in mediausage.IMAGES:
            return _usage(mediausage.of_images(answer, call))
        text = answer.get("text")
        return _usage(
            mediausage.of_transcript(answer.get("usage"), answer, call, text if isinstance(text, str) else "")
        )

    def watcher(self) -> Watcher:
        return EventWatcher(self._call, self._target.upstream_name)

    def raw_watcher(self) -> "RawWatcher":
        """For an answer that is a file."""
        return RawWatcher(self._call, self._target.upstream_name)

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        return status, retry_after

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        return passed_error(status, body)


def _moderated(call: Call, answer: Mapping[str, Any]) -> Usage:
    """OpenAI reports nothing and bills nothing; others report tokens."""
    usage = answer.get("usage")
    if isinstance(usage, dict):
        return _usage(mediausage.of_speech_event(usage))
    return Usage(mediausage.guess(call), "counted")


def _usage(found: tuple[dict[str, int], str]) -> Usage:
    return Usage(*found)


def is_json(call: Call) -> bool:
    """Whether the whole answer is JSON: subtitles and plain transcripts are not."""
    return not call.endpoint.is_form or call.fields.get("response_format") in JSON_TRANSCRIPTS or _makes_images(call)


def _makes_images(call: Call) -> bool:
    return call.endpoint.dialect in mediausage.IMAGES


def media_body(call: Call, target: Target) -> tuple[str, bytes]:
    """Content type and body for a target: the caller's own, with the model's name at the provider in it."""
    if call.form is not None:
        return call.form.encode({"model": target.upstream_name})
    if call.fields.get("model") == target.upstream_name:
        return JSON_TYPE, call.body
    return JSON_TYPE, jsonsplice.splice(call.body, {"model": target.upstream_name}, call.fields)


class Wordless:
    """A stream that has no text: it ends without a reason, calls no tool, and nothing of it is counted as text."""

    def finish_reason(self) -> str | None:
        return None

    def tool_calls(self) -> int:
        return 0

    def texts(self) -> list[str]:
        return []


class EventWatcher(Wordless, PassingWatcher):
    """Events of images, speech and transcripts; the last one, which has the usage, waits for the call to be settled."""

    ENDS: ClassVar = frozenset(
        {"image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done"}
    )
    WORDS: ClassVar = (b".completed", b".done", b'"error"')

    def __init__(self, call: Call, model: str) -> None:
        super().__init__()
        self._call = call
        self._model = model
        self._ends: list[dict[str, Any]] = []
        self._last = b""

    def finish(self) -> bytes:
        rest = super().finish()
        return rest + self._last

    def feed(self, data: bytes) -> bytes:
        # nothing is kept: pictures are large, and not counted as text
        return self._look_at(self._sound(self._splitter.feed(data)))

    def _look_at(self, data: bytes) -> bytes:
        if not self._last and not self._is_telling(data):
            return data
        return b"".join(filter(None, map(self._look, sse.events(data))))

    def _is_telling(self, data: bytes) -> bool:
        return any(word in data for word in self.WORDS)

    def _look(self, event: bytes) -> bytes:
        said = sse.load(event)
        kind = said.get("type") if said is not None else None
        before, self._last = self._last, b""
        if said is not None and kind in self.ENDS:
            self.is_done = True
            said.pop("b64_json", None)
            self._ends.append(said)
            self._last = event
            return before
        self.has_error = self.has_error or kind == "error" or (said is not None and isinstance(said.get("error"), dict))
        return before + event

    def usage(self) -> Usage | None:
        """Never None: what is not reported is estimated, since there is no text to count."""
        call, dialect = self._call, self._call.endpoint.dialect
        if not self._ends:
            return Usage(mediausage.guess(call), "estimated")
        last = self._ends[-1]
        reported = last.get("usage")
        if dialect in mediausage.IMAGES:
            tokens, source = mediausage.of_images({"data": self._ends, "usage": reported}, call)
            return Usage(tokens, source)
        if dialect == OPENAI_SPEECH:
            if isinstance(reported, dict):
                return Usage(*mediausage.of_speech_event(reported))
            return Usage(*mediausage.of_speech(call, self._model, 0))
        text = last.get("text")
        return Usage(*mediausage.of_transcript(reported, last, call, text if isinstance(text, str) else ""))


class RawWatcher(Wordless):
    """A file on its way: nothing is looked at. Whether it is complete, HTTP's framing says."""

    def __init__(self, call: Call, model: str) -> None:
        self.tail = b""
        self.has_error = False
        self.is_broken = False
        self.is_done = True
        self._call = call
        self._model = model
        self._size = 0

    @property
    def next_number(self) -> int:
        return 0

    @property
    def lacks_usage(self) -> bool:
        return False

    def take_usage(self, counted: Usage) -> None:
        """Never asked for."""

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        return data

    def finish(self) -> bytes:
        return b""

    def usage(self) -> Usage | None:
        return Usage(*mediausage.of_speech(self._call, self._model, self._size))
