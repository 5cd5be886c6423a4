"""OpenAI's legacy Completions. Source: OpenAI API reference, "Create completion" and "The completion object".

A chat model answers a prompt as what one user said; what only a text completion can do has no counterpart there.
"""

from collections.abc import Mapping
from typing import Any

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import InvalidReply, Losses, Malformed
from gateway.dataplane.formats.ir import (
    Choice,
    Delta,
    Event,
    Json,
    PartStart,
    Prompt,
    Reply,
    Stopped,
    Text,
    Turn,
)
from gateway.dataplane.formats.openai_chat.chunks import ChunkReader, ChunkWriter, line
from gateway.dataplane.formats.openai_chat.reply import STOPS, WORDS, read_usage, write_usage
from gateway.dataplane.formats.openai_chat.request import read_sampling
from gateway.dataplane.formats.sequence import Sequencer

NAME = "OpenAI Completions"
KNOWN = frozenset(
    {
        "model", "prompt", "stream", "stream_options", "max_tokens", "temperature", "top_p", "top_k", "stop", "seed",
        "n", "presence_penalty", "frequency_penalty", "logit_bias", "user", "metadata", "safety_identifier", "best_of",
        "echo",
    }
)  # fmt: skip
PLAIN = ("temperature", "top_p", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "user")
NEUTRAL = {
    "top_k": None, "parallel_tool_calls": None, "output": None, "logprobs": False, "top_logprobs": 0, "reasoning": None,
    "verbosity": None, "metadata": None, "service_tier": None, "cache_key": None, "tool_choice": None,
}  # fmt: skip


def read_request(fields: Mapping[str, Any]) -> Prompt:
    """Raises `Malformed`. Several prompts, or prompts as token numbers, cannot go to a model that chats."""
    prompt = Prompt(model=checks.required(fields, "model", checks.text), source=fields)
    checks.leftovers(fields, KNOWN, "", prompt.extra)
    if fields.get("echo"):
        prompt.extra["echo"] = True
    if fields.get("best_of") not in (None, 1):
        prompt.extra["best_of"] = fields["best_of"]
    given = fields.get("prompt")
    texts = given if isinstance(given, list) else [given]
    if len(texts) == 1 and isinstance(texts[0], str):
        prompt.turns = [Turn("user", [Text(texts[0], at="prompt")], at="prompt")]
    elif given is None or not texts:
        raise Malformed("prompt", "is required")
    else:
        prompt.firm["prompt"] = "several prompts or token numbers need a text completion model"
    read_sampling(prompt, fields)
    prompt.max_tokens = checks.optional(fields, "max_tokens", checks.integer)
    return prompt


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Only what one user said in plain text can be a prompt. Raises `Unsupported`."""
    losses.drop_all(prompt, NEUTRAL)
    for tool in prompt.tools:
        losses.drop(tool.at)
    if prompt.system:
        losses.drop(prompt.system[0].at)
    texts = []
    for turn in prompt.turns:
        if turn.role != "user" or len(prompt.turns) > 1:
            losses.drop(turn.at, "a text completion has no turns")
        for part in turn.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            else:
                losses.drop(part.at)
    body: Json = {"model": prompt.model, "prompt": "\n".join(texts)}
    if prompt.max_tokens is not None:
        body["max_tokens"] = prompt.max_tokens
    body |= {name: value for name in PLAIN if (value := getattr(prompt, name)) is not None}
    if prompt.stop:
        body["stop"] = prompt.stop
    if prompt.stream:
        body["stream"] = True
    return body


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Raises `InvalidReply`."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise InvalidReply("choices")
    created = body.get("created")
    reply = Reply(id=str(body.get("id") or ""), model=str(body.get("model") or ""))
    reply.created = created if isinstance(created, int) else 0
    for choice in choices:
        if not isinstance(choice, dict):
            raise InvalidReply("choices[]")
        word = str(choice.get("finish_reason") or "")
        reply.choices.append(
            Choice([Text(str(choice.get("text") or ""))], STOPS.get(word, "other") if word else None, word)
        )
    reply.usage = read_usage(body.get("usage"))
    return reply


def write_reply(reply: Reply, prompt: Prompt) -> Json:
    body: Json = {
        "id": reply.id,
        "object": "text_completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [_write_choice(choice, index) for index, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        body["usage"] = write_usage(reply.usage)
    return body


def _write_choice(choice: Choice, index: int) -> Json:
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    return {"index": index, "text": text, "logprobs": None, "finish_reason": WORDS[choice.stop or "end"]}


class Reader(ChunkReader):
    """Chunks → events."""

    def read_choice(self, sequencer: Sequencer, choice: Json) -> list[Event]:
        found: list[Event] = []
        text, word = choice.get("text"), choice.get("finish_reason")
        if isinstance(text, str) and text:
            found += [] if sequencer.knows("text") else sequencer.start("text", "text")
            found += sequencer.delta("text", text)
        if isinstance(word, str):
            found += [*sequencer.finish(), Stopped(STOPS.get(word, "other"), word, choice=sequencer.choice)]
        return found


class Writer(ChunkWriter):
    """Events → chunks of text; reasoning and tool calls have no place in this format."""

    kind = "text_completion"

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(prompt)
        self._texts: set[tuple[int, int]] = set()

    def write_event(self, event: Event) -> bytes:
        match event:
            case PartStart() if event.kind == "text":
                self._texts.add((event.choice, event.index))
            case Delta() if (event.choice, event.index) in self._texts:
                return self._piece(event.choice, event.text, None)
            case Stopped():
                return self._piece(event.choice, "", WORDS[event.stop])
        return b""

    def _piece(self, choice: int, text: str, finish: str | None) -> bytes:
        return line(self.chunk({"index": choice, "text": text, "logprobs": None, "finish_reason": finish}))


def reader() -> Reader:
    return Reader()


def writer(prompt: Prompt) -> Writer:
    return Writer(prompt)
