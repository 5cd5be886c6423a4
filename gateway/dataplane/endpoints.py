"""The data-plane paths that call a model, and the wire format in which each one's clients speak. Pure."""

from dataclasses import dataclass

OPENAI_CHAT = "openai-chat"
OPENAI_COMPLETIONS = "openai-completions"
OPENAI_EMBEDDINGS = "openai-embeddings"
OPENAI_RESPONSES = "openai-responses"
ANTHROPIC_MESSAGES = "anthropic-messages"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A data-plane path that calls a model.

    `dialect` names the client's wire format, `required` the body's field that holds the prompt and `required_types`
    what it may be. `upstream_path` stands behind the base URL of a provider that speaks the same dialect.
    """

    path: str
    upstream_path: str
    dialect: str
    streams: bool
    required: str
    required_types: tuple[type, ...]


ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/v1/chat/completions", "/chat/completions", OPENAI_CHAT, True, "messages", (list,)),
        Endpoint("/v1/embeddings", "/embeddings", OPENAI_EMBEDDINGS, False, "input", (str, list)),
    )
}

DONE_EVENT = b"data: [DONE]\n\n"


def stream_end(dialect: str) -> bytes:
    """What ends a stream of this dialect behind its last event."""
    return DONE_EVENT if dialect in (OPENAI_CHAT, OPENAI_COMPLETIONS) else b""


def unknown(path: str) -> Endpoint:
    """Stands for a path that calls no model, so that its errors can be answered."""
    return Endpoint(path, "", OPENAI_CHAT, False, "", ())
