"""The data-plane paths that call a model, and the wire format in which each one's clients speak. Pure."""

from dataclasses import dataclass

OPENAI_CHAT = "openai-chat"
OPENAI_COMPLETIONS = "openai-completions"
OPENAI_EMBEDDINGS = "openai-embeddings"
OPENAI_RESPONSES = "openai-responses"
ANTHROPIC_MESSAGES = "anthropic-messages"
ANTHROPIC_COUNT = "anthropic-count-tokens"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A data-plane path that calls a model.

    `dialect` names the client's wire format, `required` the body's field that holds the prompt and `required_types`
    what it may be; `instead` are fields by which the provider finds it where it keeps it. `upstream_path` stands
    behind the base URL of a provider that speaks the same dialect.
    """

    path: str
    upstream_path: str
    dialect: str
    streams: bool
    required: str
    required_types: tuple[type, ...]
    instead: tuple[str, ...] = ()

    @property
    def is_chat(self) -> bool:
        """Whether the prompt is a conversation."""
        return self.dialect in CHATS

    @property
    def is_anthropic(self) -> bool:
        """Whether the client speaks one of Anthropic's formats."""
        return self.dialect in (ANTHROPIC_MESSAGES, ANTHROPIC_COUNT)

    @property
    def generates(self) -> bool:
        """Whether the answer is text that a model writes, and so has output tokens."""
        return self.streams


CHATS = frozenset({OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, ANTHROPIC_COUNT})
STATE = ("prompt", "previous_response_id", "conversation")
ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/v1/chat/completions", "/chat/completions", OPENAI_CHAT, True, "messages", (list,)),
        Endpoint("/v1/completions", "/completions", OPENAI_COMPLETIONS, True, "prompt", (str, list)),
        Endpoint("/v1/embeddings", "/embeddings", OPENAI_EMBEDDINGS, False, "input", (str, list)),
        Endpoint("/v1/responses", "/responses", OPENAI_RESPONSES, True, "input", (str, list), STATE),
        Endpoint("/v1/messages", "/messages", ANTHROPIC_MESSAGES, True, "messages", (list,)),
        Endpoint("/v1/messages/count_tokens", "/messages/count_tokens", ANTHROPIC_COUNT, False, "messages", (list,)),
    )
}

STREAM_ENDS = {
    OPENAI_CHAT: b"data: [DONE]\n\n",
    OPENAI_COMPLETIONS: b"data: [DONE]\n\n",
    ANTHROPIC_MESSAGES: b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


def stream_end(dialect: str) -> bytes:
    """What ends a stream of this dialect behind its last event."""
    return STREAM_ENDS.get(dialect, b"")


def unknown(path: str, dialect: str = OPENAI_CHAT) -> Endpoint:
    """Stands for a path that calls no model, so that its errors can be answered."""
    return Endpoint(path, "", dialect, False, "", ())
