"""One request and its answer, in whatever wire format they came, as a line of a chat training file."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.formats.base import InvalidReply, Losses, Malformed, Unsupported
from gateway.dataplane.formats.ir import Choice as Answer
from gateway.dataplane.formats.ir import Delta, Event, Part, PartStart, Prompt, Refusal, Reply, Stopped, Text, ToolUse
from gateway.dataplane.formats.openai_chat import write_reply, write_request
from gateway.dataplane.formats.registry import FORMATS

KEPT_OF_A_REQUEST = ("messages", "tools", "parallel_tool_calls")
KEPT_OF_A_MESSAGE = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal")
CUT = frozenset({"length", "content_filter", "context_window", "pause"})


class NotAnExample(ValueError):
    """Why a logged request cannot be learned from; `code` is one of a few words that are counted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def example_of(endpoint: str, request: str, response: str) -> dict[str, Any]:
    """`{"messages": […, the answer], "tools"?, "parallel_tool_calls"?}` as OpenAI's chat format has it.

    Raises `NotAnExample`: `not_a_conversation` (embeddings, images …, or what could not be read), `no_answer`,
    `cut_answer`, `has_media` (images, audio and files are not logged whole), `several_answers`.
    """
    known = ENDPOINTS.get(endpoint)
    if known is None or known.dialect not in FORMATS or not known.generates:
        raise NotAnExample("not_a_conversation")
    form = FORMATS[known.dialect]
    try:
        prompt = form.read_request(orjson.loads(request))
        reply = _reply(form, response)
        written: Mapping[str, Any] = orjson.loads(orjson.dumps(write_request(prompt, Losses("chat", may_drop=True))))
        answer = _answer(reply, prompt)
    except (orjson.JSONDecodeError, Malformed, Unsupported, InvalidReply, KeyError, TypeError, AttributeError) as error:
        raise NotAnExample("not_a_conversation") from error
    messages = [_message(message) for message in written["messages"]]
    if any(_has_media(message) for message in messages):
        raise NotAnExample("has_media")
    kept = {name: written[name] for name in KEPT_OF_A_REQUEST[1:] if written.get(name)}
    return {"messages": [*messages, answer], **kept}


def _answer(reply: Reply, prompt: Prompt) -> dict[str, Any]:
    if len(reply.choices) > 1:
        raise NotAnExample("several_answers")
    choice = reply.choices[0] if reply.choices else Answer()
    if choice.stop in CUT:
        raise NotAnExample("cut_answer")
    said = orjson.loads(orjson.dumps(write_reply(reply, prompt)))["choices"][0]["message"] if reply.choices else {}
    message = _message(said)
    if not (message.get("content") or message.get("tool_calls") or message.get("refusal")):
        raise NotAnExample("no_answer")
    return message


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Only what a training file may have."""
    return {name: message[name] for name in KEPT_OF_A_MESSAGE if message.get(name) is not None}


def _has_media(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") not in ("text", "refusal") for part in content)


# ---- answers ---------------------------------------------------------------------------------------------------------
def _reply(form: Any, response: str) -> Reply:
    """A whole answer, or one put together from its stream. Raises `InvalidReply`, `NotAnExample` (`cut_answer`)."""
    text = response.lstrip()
    if text.startswith("{"):
        reply: Reply = form.read_reply(orjson.loads(text))
        return reply
    reader = form.reader()
    events: list[Event] = [*reader.feed(response.encode()), *reader.finish()]
    if reader.is_broken:
        raise InvalidReply("stream")
    return _put_together(events)


def _put_together(events: Iterable[Event]) -> Reply:
    parts: dict[int, Part] = {}
    stop = None
    for event in events:
        match event:
            case PartStart(choice=0):
                made = _begun(event)
                if made is not None:
                    parts[event.index] = made
            case Delta(choice=0) if event.index in parts:
                _more(parts[event.index], event.text)
            case Stopped(choice=0):
                stop = event.stop
            case PartStart() | Delta():
                raise NotAnExample("several_answers")
    if stop is None:
        raise NotAnExample("cut_answer")
    return Reply(choices=[Answer(parts=list(parts.values()), stop=stop)])


def _begun(event: PartStart) -> Part | None:
    """Reasoning is not learned from: the chat format has no place for it."""
    match event.kind:
        case "text":
            return Text(text="")
        case "tool_use":
            return ToolUse(id=event.id, name=event.name, arguments="")
        case "refusal":
            return Refusal(text="")
        case _:
            return None


def _more(part: Part, text: str) -> None:
    match part:
        case ToolUse():
            part.arguments += text
        case Text() | Refusal():
            part.text += text
