"""The benchmark upstream: one fixed answer per kind of request, rendered once and sent as prepared bytes."""

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.simulator.answers import make_answer
from gateway.simulator.calls import ChatCall
from gateway.simulator.catalog import SimModel
from gateway.simulator.delivery import EVENT_STREAM
from gateway.simulator.embeddings import embed
from gateway.simulator.wire import openai_responses as openai

ANSWER_TOKENS = 50
PROMPT_TOKENS = 20
CREATED = 1_767_225_600
_MAX_PREPARED = 512
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\nx-request-id: req_instant\r\n\r\n%s"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole HTTP answer and the usage it reports."""

    wire: bytes
    usage: dict[str, Any]


_Key = tuple[str, str, bool, bool]


class InstantAnswers:
    """Prepared answers by (endpoint, model, stream or base64, usage asked for)."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._prepared: dict[_Key, Prepared] = {}

    def chat(self, model: SimModel, payload: dict[str, Any]) -> Prepared:
        """A chat completion of 50 tokens, whole or as 50 chunks in one write."""
        stream = payload.get("stream") is True
        options = payload.get("stream_options")
        usage = stream and isinstance(options, dict) and options.get("include_usage") is True
        key = ("chat", model.name, stream, usage)
        return self._prepared.get(key) or self._keep(key, self._render_chat(model, stream, usage))

    def embedding(self, model: SimModel, payload: dict[str, Any]) -> Prepared:
        """One full-width vector, whatever the input."""
        base64 = payload.get("encoding_format") == "base64"
        key = ("embedding", model.name, base64, False)
        return self._prepared.get(key) or self._keep(key, self._render_embedding(model, base64))

    def _keep(self, key: _Key, data: Prepared) -> Prepared:
        if len(self._prepared) >= _MAX_PREPARED:
            self._prepared.clear()
        self._prepared[key] = data
        return data

    def _render_chat(self, model: SimModel, stream: bool, usage: bool) -> Prepared:
        prompt = ["token"] * PROMPT_TOKENS
        call = ChatCall(model.name, b"instant", prompt, stream=stream, include_usage=usage)
        answer = make_answer(
            model, call, seed=self._seed, cached=0, id_token="0" * 24, created=CREATED, exact_tokens=ANSWER_TOKENS
        )
        if not stream:
            body = orjson.dumps(openai.chat_object(call, answer))
            return Prepared(_HEAD % (b"application/json", len(body), body), openai.usage_object(answer.usage))
        body = b"".join(b"data: %s\n\n" % frame.payload for frame in openai.chat_frames(call, answer))
        return Prepared(_HEAD % (EVENT_STREAM, len(body), body), openai.usage_object(answer.usage))

    def _render_embedding(self, model: SimModel, base64: bool) -> Prepared:
        vector = embed(["instant"], seed=self._seed, width=model.dimensions)
        answer = openai.embedding_object(model.name, [vector], base64_encoded=base64, tokens=PROMPT_TOKENS)
        body = orjson.dumps(answer)
        return Prepared(_HEAD % (b"application/json", len(body), body), answer["usage"])
