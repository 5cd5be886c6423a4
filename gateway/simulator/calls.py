"""A request and its answer in terms no wire format owns; `wire/<format>` translates to and from these."""

from dataclasses import dataclass, field
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls"]


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


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model makes: `arguments` are the tokens of a JSON object."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative answer: text tokens or tool calls."""

    tokens: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request; `cached` ⊆ `prompt`, `reasoning` ⊆ `completion`."""

    prompt: int
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


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
    """One server-sent event: `payload` is its data, `tokens` how many tokens it carries.

    A `timed` frame leaves one gap of the pace after the timed frame before it, any other at once.
    """

    payload: bytes
    tokens: int = 0
    timed: bool = False


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
