"""What a wire format offers, and how it says what it cannot express."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from gateway.dataplane.formats.ir import Event, Json, Prompt, Reply


class Malformed(ValueError):
    """The request is not valid in its own dialect; `field` is a path in it ("messages[2].content")."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Unsupported(ValueError):
    """The target cannot express `field`, which is a path in the caller's dialect."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class InvalidReply(ValueError):
    """The provider's answer does not have its format's shape."""


class Losses:
    """What a writer cannot express: `drop` raises for it, or remembers the name when the route allows dropping."""

    def __init__(self, target: str, *, may_drop: bool = False, extensions: Collection[str] = ()) -> None:
        """`extensions` names fields that this provider takes beyond its vendor's format."""
        self.target = target
        self.may_drop = may_drop
        self.extensions = extensions
        self.dropped: list[str] = []

    def drop(self, field: str, why: str = "") -> None:
        """The caller's `field` has no counterpart in the target. Raises `Unsupported` unless dropping was allowed."""
        if not self.may_drop:
            raise Unsupported(field, why or f"'{field}' has no counterpart in {self.target}")
        if field not in self.dropped:
            self.dropped.append(field)

    def drop_all(self, prompt: Prompt, names: Mapping[str, object]) -> None:
        """Those of our fields that the prompt has and the target has not; each with the value that says nothing."""
        for place, why in prompt.firm.items():
            raise Unsupported(place, f"{why}, which {self.target} does not offer")
        for name, neutral in names.items():
            value = getattr(prompt, name)
            if value is not None and value != neutral:
                self.drop(prompt.called(name))
        for place in prompt.extra:
            self.drop(place)


class StreamReader(Protocol):
    """Bytes of one stream → events, whatever the pieces they arrive in. `is_broken`: a piece of the stream was no
    JSON object where there has to be one; nothing that comes behind it is read."""

    is_broken: bool

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by `data`."""

    def finish(self) -> list[Event]:
        """Events that were still open when the upstream ended; no `Ended` unless the vendor said so."""


class StreamWriter(Protocol):
    """Events → bytes of one stream, of any events in the order `ir` promises."""

    def write(self, events: list[Event]) -> bytes:
        """What the client is sent for these events; what belongs to the very end is kept for `close`."""

    def close(self) -> bytes:
        """The closing events (stop, usage) but for the mark that ends every stream of the format."""


class TargetFormat(Protocol):
    """What a format that targets speak offers; for one that no client speaks it is all of it."""

    NAME: str
    """How messages to people call the format, such as "Anthropic Messages"."""

    def write_request(self, prompt: Prompt, losses: Losses) -> Json:
        """The body for the target, ready for orjson (may hold `orjson.Fragment`s). Raises `Unsupported`."""

    def read_reply(self, body: Mapping[str, Any]) -> Reply:
        """Raises `InvalidReply`."""

    def reader(self) -> StreamReader: ...


class Format(TargetFormat, Protocol):
    """A dialect of clients and targets. Modules implement it: `gateway.dataplane.formats.anthropic` and so on."""

    def read_request(self, fields: Mapping[str, Any]) -> Prompt:
        """Raises `Malformed`."""

    def write_reply(self, reply: Reply, prompt: Prompt) -> Json:
        """The answer to the client that sent `prompt`."""

    def writer(self, prompt: Prompt) -> StreamWriter: ...
