"""A request and its answer in terms no wire format owns; `wire/<format>` translates to and from these."""

from dataclasses import dataclass, field
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    schema: dict[str, Any]


@dataclass(slots=True)
class ChatCall:
    """One chat request. `prompt` holds the tokens the model reads, in order; sizes and limits are in tokens.

    `must_call` is the tool choice: "auto", "none", "required" or the name of one tool. `json_schema` is `None` for
    text, `{}` for any JSON object. `digest` identifies what was asked, for the seed of the answer.
    `reasoning_median` and `reasoning_limit` are tokens: `None` takes the model's own median, and no limit but
    `max_tokens`. `show_reasoning` asks for the reasoning's text. `block_ends` are positions in `prompt`, and
    `cache_points` those of them that the caller marked for the cache, with seconds to live; `None` where the vendor
    caches by itself.
    """

    model: str
    digest: bytes
    prompt: list[str]
    last_user_text: str = ""
    after_tool: bool = False
    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    must_call: str = "auto"
    parallel_tools: bool = True
    json_schema: dict[str, Any] | None = None
    effort: str = "medium"
    stream: bool = False
    include_usage: bool = False
    top_logprobs: int | None = None
    service_tier: str = "default"
    reasoning_median: float | None = None
    reasoning_limit: int | None = None
    show_reasoning: bool = False
    block_ends: tuple[int, ...] = ()
    cache_points: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model makes: `arguments` are the tokens of a JSON object."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative answer: text tokens or tool calls, after the text of its reasoning when that is shown.

    `stopped_by` is the stop sequence that ended the text.
    """

    tokens: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    reasoning: tuple[str, ...] = ()
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request; `cached`, `written_5m` and `written_1h` are disjoint parts of `prompt`,
    `reasoning` is a part of `completion`.
    """

    prompt: int
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    written_5m: int = 0
    written_1h: int = 0


@dataclass(slots=True)
class Answer:
    """What the model said and what it costs; `id_token` is 24 hex digits for public ids."""

    id_token: str
    created: int
    choices: list[Choice]
    usage: Usage
    digest: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One embeddings request: each input as its words; `dimensions` is `None` for the model's full width."""

    model: str
    inputs: list[list[str]]
    dimensions: int | None = None
    base64: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream: `payload` is its data, `event` its name, `tokens` how many tokens it carries.

    A `timed` frame leaves one gap of the pace after the timed frame before it, any other at once. `is_last` marks the
    event that ends the stream, `is_error` one that reports a failure.
    """

    payload: bytes
    tokens: int = 0
    timed: bool = False
    event: bytes = b""
    is_last: bool = False
    is_error: bool = False


class ProviderError(Exception):
    """A request the provider refuses; the wire format gives it its form."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.code, self.param = status, message, kind, code, param
        self.headers = headers or []
