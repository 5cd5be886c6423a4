"""The data-plane paths that call a model, and the wire format in which each one's clients speak. Pure."""

from dataclasses import dataclass

OPENAI_CHAT = "openai-chat"
OPENAI_COMPLETIONS = "openai-completions"
OPENAI_EMBEDDINGS = "openai-embeddings"
OPENAI_RESPONSES = "openai-responses"
ANTHROPIC_MESSAGES = "anthropic-messages"
ANTHROPIC_COUNT = "anthropic-count-tokens"
OPENAI_MODERATIONS = "openai-moderations"
OPENAI_IMAGES = "openai-images"
OPENAI_IMAGE_EDITS = "openai-image-edits"
OPENAI_IMAGE_VARIATIONS = "openai-image-variations"
OPENAI_SPEECH = "openai-speech"
OPENAI_TRANSCRIPTIONS = "openai-transcriptions"
OPENAI_TRANSLATIONS = "openai-translations"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A data-plane path that calls a model.

    `dialect` names the client's wire format, `required` the body's field that holds the prompt and `required_types`
    what it may be; `instead` are fields by which the provider finds it where it keeps it. `upstream_path` stands
    behind the base URL of a provider that speaks the same dialect. The body of an `is_form` endpoint is
    `multipart/form-data`; an `is_binary` answer is a file. `default_model` serves calls that name none.
    """

    path: str
    upstream_path: str
    dialect: str
    streams: bool
    required: str
    required_types: tuple[type, ...]
    instead: tuple[str, ...] = ()
    is_form: bool = False
    is_binary: bool = False
    default_model: str = ""
    body_limit_bytes: int = 20 * MIB

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
        return self.streams and not self.is_media

    @property
    def is_media(self) -> bool:
        """Whether it only passes: images, audio and moderations, which are never translated, cached or counted as
        text."""
        return self.dialect in MEDIA


CHATS = frozenset({OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, ANTHROPIC_COUNT})
MEDIA = frozenset(
    {
        OPENAI_MODERATIONS, OPENAI_IMAGES, OPENAI_IMAGE_EDITS, OPENAI_IMAGE_VARIATIONS, OPENAI_SPEECH,
        OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS,
    }
)  # fmt: skip
FORM_LIMIT = 26 * MIB
"""A file of 25 MiB, the most that OpenAI takes for audio, and the fields beside it."""
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
        Endpoint(
            "/v1/moderations",
            "/moderations",
            OPENAI_MODERATIONS,
            False,
            "input",
            (str, list),
            default_model="omni-moderation-latest",
        ),
        Endpoint("/v1/images/generations", "/images/generations", OPENAI_IMAGES, True, "prompt", (str,)),
        Endpoint(
            "/v1/images/edits",
            "/images/edits",
            OPENAI_IMAGE_EDITS,
            True,
            "prompt",
            (str,),
            is_form=True,
            body_limit_bytes=FORM_LIMIT,
        ),
        Endpoint(
            "/v1/images/variations",
            "/images/variations",
            OPENAI_IMAGE_VARIATIONS,
            False,
            "image",
            (dict, str),
            is_form=True,
            body_limit_bytes=FORM_LIMIT,
        ),
        Endpoint("/v1/audio/speech", "/audio/speech", OPENAI_SPEECH, True, "input", (str,), is_binary=True),
        Endpoint(
            "/v1/audio/transcriptions",
            "/audio/transcriptions",
            OPENAI_TRANSCRIPTIONS,
            True,
            "file",
            (dict, str),
            is_form=True,
            body_limit_bytes=FORM_LIMIT,
        ),
        Endpoint(
            "/v1/audio/translations",
            "/audio/translations",
            OPENAI_TRANSLATIONS,
            False,
            "file",
            (dict, str),
            is_form=True,
            body_limit_bytes=FORM_LIMIT,
        ),
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
