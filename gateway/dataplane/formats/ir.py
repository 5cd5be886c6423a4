"""The neutral representation between wire formats: prompts, replies and stream events, owned by no vendor.

Readers turn a dialect into these, writers turn them back. Pure data: no Django, no network, no vendor's names.
A field's `None` or emptiness means the caller did not give it. `at` says where the caller wrote a thing, in the
caller's own dialect ("messages[2].content[1]"), so that a refusal can name it; it takes no part in comparisons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Stop = Literal[
    "end", "length", "stop_sequence", "tool_use", "content_filter", "refusal", "pause", "context_window", "other"
]
PartKind = Literal["text", "thinking", "redacted_thinking", "tool_use", "refusal"]


# ---- parts of turns and replies --------------------------------------------------------------------------------------
@dataclass(slots=True, kw_only=True)
class Part:
    """What every part may carry. `cache` is the caller's mark "cache the prompt up to here", its value the lifetime."""

    cache: Literal["5m", "1h"] | None = None
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Text(Part):
    """Plain text; `extra` holds what only one vendor has on it (annotations, citations), untouched."""

    text: str
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class Image(Part):
    """An image by `url`, base64 `data` with its `media_type`, or a vendor's `file_id`. `detail`: low, high, auto."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    file_id: str = ""
    detail: str = ""


@dataclass(slots=True)
class Audio(Part):
    """Base64 audio; `format` as the vendors name it: wav, mp3, …; `id` names audio of an earlier reply."""

    data: str = ""
    format: str = ""
    id: str = ""


@dataclass(slots=True)
class Document(Part):
    """A file: by `url`, base64 `data`, plain `text`, or a vendor's `file_id`. `media_type` such as application/pdf."""

    url: str = ""
    data: str = ""
    text: str = ""
    file_id: str = ""
    media_type: str = ""
    name: str = ""
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class ToolUse(Part):
    """The model calls a tool. `arguments` is JSON text as it was written (an object), so numbers keep their digits.

    `signature` is what `vendor` wants back with the call (Gemini's thought signature), opaque.
    """

    id: str
    name: str
    arguments: str
    signature: str = ""
    vendor: str = ""


@dataclass(slots=True)
class ToolResult(Part):
    """The answer to a tool call. `parts` are Text, Image or Document; `name` is the tool's, where a vendor wants it."""

    id: str
    parts: list[Part] = field(default_factory=list)
    is_error: bool = False
    name: str = ""


@dataclass(slots=True)
class Thinking(Part):
    """The model's reasoning. `signature` (opaque) is only worth something to the `vendor` that issued it.

    `redacted` is a vendor's encrypted reasoning without text.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    vendor: str = ""
    id: str = ""


@dataclass(slots=True)
class Refusal(Part):
    """The model declines, in words."""

    text: str


@dataclass(slots=True)
class Foreign(Part):
    """A part only its own dialect has (hosted tools' calls and results, …): `kind` names it, `raw` is untouched."""

    kind: str
    raw: Json


# ---- requests --------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Turn:
    """One speaker's parts. Tool results stand in turns of role "user", where the vendors that need order have them.

    `role` "system" is an instruction after the first turn; the leading ones are `Prompt.system`.
    """

    role: Literal["user", "assistant", "system"]
    parts: list[Part]
    name: str = ""
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Tool:
    """A function the model may call. `schema` is JSON Schema of its arguments; None when the caller gave none."""

    name: str
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None
    cache: Literal["5m", "1h"] | None = None
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class HostedTool:
    """A tool the vendor itself runs, or of a shape only one vendor has; `kind` is its type there."""

    kind: str
    raw: Json
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class ToolChoice:
    """`mode` "one" names the tool that must be called; `names` with "auto" or "required" is the allowed subset."""

    mode: Literal["auto", "none", "required", "one"]
    name: str = ""
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class OutputFormat:
    """JSON of any shape ("json"), or of a `schema`."""

    kind: Literal["json", "schema"]
    name: str = ""
    schema: Json | None = None
    strict: bool | None = None
    description: str = ""


@dataclass(slots=True)
class Reasoning:
    """How much the model may think. Vendors measure by `effort` or by a `budget` in tokens.

    `mode` "off" forbids it, "adaptive" leaves the amount to the model. `shown`: whether the caller wants to read it
    ("auto", "concise", "detailed", "omitted"), empty when not said.
    """

    effort: str = ""
    budget: int | None = None
    mode: Literal["", "off", "on", "adaptive"] = ""
    shown: str = ""


@dataclass(slots=True, kw_only=True)
class Prompt:
    """A request in any dialect. `names` maps these fields to the caller's words for them; `source` is the raw request.

    `extra` holds, by their path, fields the reader does not know: another dialect cannot express them. `firm` are those
    that must not even be dropped, with the reason: without them it would be another request.
    """

    model: str
    system: list[Part] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    stream: bool = False
    tools: list[Tool | HostedTool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = field(default_factory=list)
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: Json | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    extra: Json = field(default_factory=dict)
    firm: dict[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def called(self, name: str) -> str:
        """The caller's word for one of our fields."""
        return self.names.get(name, name)


# ---- replies ---------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Usage:
    """Tokens. `input` includes cached and cache-written ones, `output` includes reasoning (the ledger's convention)."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    def __bool__(self) -> bool:
        return bool(self.input or self.output)

    def tokens(self) -> dict[str, int]:
        """By the ledger's column names; what is zero and optional is left out."""
        optional = {
            "cache_read_tokens": self.cache_read,
            "cache_write_5m_tokens": self.cache_write_5m,
            "cache_write_1h_tokens": self.cache_write_1h,
            "reasoning_tokens": self.reasoning,
            "audio_input_tokens": self.audio_input,
            "audio_output_tokens": self.audio_output,
        }
        found = {"input_tokens": self.input, "output_tokens": self.output}
        return found | {name: count for name, count in optional.items() if count}


@dataclass(slots=True)
class Choice:
    """One answer. `word` is the vendor's own for why it stopped, `sequence` the stop sequence that matched."""

    parts: list[Part] = field(default_factory=list)
    stop: Stop | None = None
    word: str = field(default="", compare=False)
    sequence: str = ""
    logprobs: Json | None = None


@dataclass(slots=True, kw_only=True)
class Reply:
    """A whole answer. `created` is Unix seconds, 0 when the vendor says none; `usage` None when it reported none.

    `service_tier` is in the vendor's own words, by which it is priced.
    """

    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[Choice] = field(default_factory=list)
    usage: Usage | None = None
    service_tier: str | None = None


# ---- stream events ---------------------------------------------------------------------------------------------------
# Order of a stream: Start, then for each choice PartStart Delta* PartEnd …, Stopped; UsageSeen anywhere; Ended last.
# Within one choice parts follow each other: none starts before the former ended (`sequence.Sequencer` sees to it).
@dataclass(slots=True)
class Start:
    """The answer begins. Sent once."""

    id: str = ""
    model: str = ""
    created: int = 0


@dataclass(slots=True)
class PartStart:
    """Part `index` of `choice` begins; `id` and `name` are a tool call's; `redacted` a whole encrypted reasoning."""

    index: int
    kind: PartKind
    id: str = ""
    name: str = ""
    redacted: str = ""
    vendor: str = ""
    choice: int = 0


@dataclass(slots=True)
class Delta:
    """More of a part: text, reasoning, refusal, or the JSON text of a tool's arguments."""

    index: int
    text: str
    choice: int = 0
    logprobs: Json | None = None


@dataclass(slots=True)
class Signed:
    """The signature of the part (of thinking, or of a tool call), opaque."""

    index: int
    signature: str
    vendor: str = ""
    choice: int = 0


@dataclass(slots=True)
class PartEnd:
    """Part `index` is complete."""

    index: int
    choice: int = 0


@dataclass(slots=True)
class Stopped:
    """Why a choice ended: `word` in the vendor's own words, `sequence` the stop sequence that matched."""

    stop: Stop
    word: str = field(default="", compare=False)
    sequence: str = ""
    choice: int = 0


@dataclass(slots=True)
class UsageSeen:
    """Usage so far: cumulative, the last one that is not zero stands."""

    usage: Usage
    service_tier: str | None = None


@dataclass(slots=True)
class Failed:
    """The vendor reported an error inside the stream."""

    kind: str
    message: str


@dataclass(slots=True)
class Ended:
    """The vendor said the stream is complete."""


Event = Start | PartStart | Delta | Signed | PartEnd | Stopped | UsageSeen | Failed | Ended
