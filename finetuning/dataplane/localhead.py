"""Local heads as a provider of the data plane: the label is the answer, in OpenAI's chat shape.

Source of the shapes: OpenAI API reference, "The chat completion object", "The chat completion chunk object". Clients of
other formats are served through the gateway's translation, as with any provider that speaks OpenAI's chat.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, cast

import orjson

from finetuning.dataplane.serving import Served, TunedModels, served_by
from gateway import tokens
from gateway.dataplane.adapters.internal import Internal
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.adapters.wire import WireAdapter
from gateway.dataplane.call import Call
from gateway.dataplane.connection import Exchange
from gateway.dataplane.endpoints import OPENAI_CHAT
from gateway.dataplane.errors import ApiError, Declined
from gateway.dataplane.formats.ir import Json
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from finetuning.localhead import Answer, Head

KIND = "local-head"
LONG_CHARS = 4_000
"""Longer texts are classified in a thread; a short one takes less than changing threads."""
MAX_LOGPROBS = 20
LEAST_SHARE = 1e-9
CONFIDENCE = b"x-gateway-confidence"
FALLBACK = b"x-gateway-fallback"


class LocalHeadAdapter(WireAdapter):
    """`tuned_models` is set by the service of that name."""

    vendor: ClassVar[str] = KIND
    tuned_models: TunedModels | None = None

    def natives(self, target: Target) -> Collection[str]:
        return (OPENAI_CHAT,)

    def wire(self, target: Target) -> str:
        return OPENAI_CHAT

    def extensions(self, target: Target) -> Collection[str]:
        """A head takes no notice of how an answer shall be sampled."""
        return ("top_k",)

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        """The body alone: nothing is sent."""
        return body

    def prepare(self, call: Call, target: Target) -> Outbound:
        served = served_by(call, target, self.tuned_models.runtime) if self.tuned_models is not None else None
        if self.tuned_models is None or served is None or served.backend != KIND:
            message = f"The tuned model '{target.name}' is archived or has no artifact."
            raise ApiError(404, "model_not_found", message, param="model")
        return HeadAnswer(call, target, super().prepare(call, target), served, self.tuned_models)


class HeadAnswer(Internal):
    """One call to one head. Below its threshold it leaves the call to the next target; the last one has to answer."""

    def __init__(self, call: Call, target: Target, inner: Outbound, served: Served, tuned_models: TunedModels) -> None:
        super().__init__(inner)
        self.call = call
        self.target = target
        self.served = served
        self.tuned_models = tuned_models
        self.has_next = bool(call.targets) and call.targets[-1] is not target

    async def perform(self, attempt_id: str) -> Exchange:
        from finetuning.localhead import prompt_of  # numpy costs 25 MB: only a process that serves such models has it

        is_chat = self.call.endpoint.dialect == OPENAI_CHAT
        fields = self.call.fields if is_chat else orjson.loads(self.inner.request(attempt_id))
        head = cast("Head", self.tuned_models.held(self.served) or await self.tuned_models.load(self.served))
        text = prompt_of(fields["messages"])
        if len(text) <= LONG_CHARS:
            ranked = head.ranked(text, MAX_LOGPROBS)
        else:
            ranked = await asyncio.to_thread(head.ranked, text, MAX_LOGPROBS)
        return self._exchange(attempt_id, fields, ranked)

    def _exchange(self, attempt_id: str, fields: Json, ranked: "Sequence[Answer]") -> Exchange:
        confidence, threshold = ranked[0].confidence, self.served.threshold
        self._tell(CONFIDENCE, f"{confidence:.4f}")
        if threshold is not None and confidence < threshold and self.has_next:
            self._tell(FALLBACK, "low_confidence")
            sure = f"({confidence:.2f} < {threshold:.2f})"
            message = f"'{self.target.name}' is not sure {sure}, and its fallback could not be asked."
            return Exchange.declined(Declined("low_confidence", message))
        base = {"id": f"chatcmpl-{attempt_id}", "created": self.call.started_ns // 10**9, "model": self.target.name}
        if self.call.is_stream:
            return Exchange.made(b"text/event-stream; charset=utf-8", _events(base, fields, ranked))
        return Exchange.made(b"application/json", orjson.dumps(_whole(base, fields, ranked)))

    def _tell(self, name: bytes, value: str) -> None:
        """A header of the answer, whoever gives it; the newest counts."""
        kept = [header for header in self.call.response_headers if header[0] != name]
        self.call.response_headers[:] = [*kept, (name, value.encode())]


def _whole(base: Json, fields: Json, ranked: "Sequence[Answer]") -> Json:
    message = {"role": "assistant", "content": _clean(ranked[0].label), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": _logprobs(fields, ranked), "finish_reason": "stop"}
    return base | {"object": "chat.completion", "choices": [choice], "usage": _usage(fields, ranked[0].label)}


def _events(base: Json, fields: Json, ranked: "Sequence[Answer]") -> bytes:
    def chunk(delta: Json, reason: str | None = None, logprobs: Json | None = None) -> Json:
        return {"choices": [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}]}

    chunks = [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": _clean(ranked[0].label)}, logprobs=_logprobs(fields, ranked)),
        chunk({}, "stop"),
        {"choices": [], "usage": _usage(fields, ranked[0].label)},
    ]
    base = base | {"object": "chat.completion.chunk"}
    return b"".join(b"data: " + orjson.dumps(base | each) + b"\n\n" for each in chunks) + b"data: [DONE]\n\n"


def _logprobs(fields: Mapping[str, Any], ranked: "Sequence[Answer]") -> Json | None:
    """The label as the one token, with the other labels beside it, when the caller asks."""
    if not fields.get("logprobs"):
        return None
    asked = fields.get("top_logprobs")
    others = ranked[: asked if isinstance(asked, int) and asked > 0 else 0]
    return {"content": [_token(ranked[0]) | {"top_logprobs": [_token(other) for other in others]}], "refusal": None}


def _token(answer: "Answer") -> Json:
    text = _clean(answer.label)
    return {"token": text, "logprob": log(max(answer.confidence, LEAST_SHARE)), "bytes": list(text.encode())}


def _usage(fields: Mapping[str, Any], label: str) -> Json:
    """Counted here at four bytes a token: a head reads no tokens, and is compared with models that do."""
    read = tokens.count_chat(fields["messages"], fields.get("tools"), KIND).tokens
    written = tokens.count_text(label, KIND).tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _clean(label: str) -> str:
    """Without half characters, which no JSON can hold."""
    return label.encode("utf-8", "replace").decode()
