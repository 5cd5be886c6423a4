"""The semantic cache: the answer to a question that means the same, by the cosine of their embeddings.

Only the last thing the user said is compared by meaning. Everything else a call depends on (organization, project,
models, system prompt, earlier turns, tools, parameters) has to be the same to the last bit: a question in another
context is another question. Embeddings stay in this process, as the answers do; the call that makes one is priced on
a ledger line of its own under the same request id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gateway import credentials
from gateway.dataplane.cache.policy import PolicyView
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError
from gateway.dataplane.protocols import Message
from gateway.dataplane.stages import route

if TYPE_CHECKING:
    import numpy

    from gateway.dataplane.runtime import Runtime

EMBEDDINGS = ENDPOINTS["/v1/embeddings"]
MAX_QUESTIONS = 5_000
"""Kept for each policy and generation; the oldest go first."""
MAX_CHARS = 8_000
Turn = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asked last, and a keyed hash of everything around it."""

    text: str
    context: bytes


@dataclass(slots=True)
class Known:
    """Questions of one context: unit vectors beside the keys of their answers."""

    vectors: "list[numpy.ndarray]" = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Index:
    """Questions by namespace and context, bounded."""

    _known: dict[str, dict[bytes, Known]] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    def nearest(self, namespace: str, context: bytes, vector: "numpy.ndarray") -> tuple[bytes, float] | None:
        """`(key of its answer, cosine)` of the most similar question of the same context."""
        import numpy

        known = self._known.get(namespace, {}).get(context)
        if known is None or known.vectors[0].shape != vector.shape:
            return None
        cosines = numpy.asarray(known.vectors) @ vector
        best = int(cosines.argmax())
        return known.places[best], float(cosines[best])

    def add(self, namespace: str, context: bytes, vector: "numpy.ndarray", place: bytes) -> None:
        contexts = self._known.setdefault(namespace, {})
        while self._count.get(namespace, 0) >= MAX_QUESTIONS:
            oldest = next(iter(contexts))
            self._count[namespace] -= len(contexts.pop(oldest).places)
        known = contexts.setdefault(context, Known())
        if known.vectors and known.vectors[0].shape != vector.shape:  # another embedding model answers now
            self._count[namespace] -= len(known.places)
            known = contexts[context] = Known()
        known.vectors.append(vector)
        known.places.append(place)
        self._count[namespace] = self._count.get(namespace, 0) + 1

    def keep_only(self, namespaces: set[str]) -> None:
        for namespace in set(self._known) - namespaces:
            del self._known[namespace]
            self._count.pop(namespace, None)

    def __len__(self) -> int:
        return sum(self._count.values())


def question_of(call: Call, surroundings: bytes) -> Question | None:
    """The last user turn, if it is text alone. `surroundings`: what the exact key hashes beside the body."""
    turns = call.turns
    if not turns:
        return None
    last = turns[-1]
    text = _text(last)
    if text is None or not 0 < len(text) <= MAX_CHARS:
        return None
    around = {name: value for name, value in call.fields.items() if value is not turns}
    try:
        context = surroundings + orjson.dumps([around, turns[:-1], last.get("role")], option=orjson.OPT_SORT_KEYS)
        text.encode()
    except (TypeError, UnicodeEncodeError):  # numbers or text that only the slow parser took
        return None
    return Question(text, credentials.keyed_hash("semantic-cache", context, 32))


def _text(turn: Any) -> str | None:
    if not isinstance(turn, dict) or turn.get("role") != "user":
        return None
    content = turn.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(_is_text(part) for part in content):
        return "\n".join(part["text"] for part in content)
    return None


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("text", "input_text") and isinstance(part.get("text"), str)


async def embed(call: Call, text: str, policy: PolicyView, runtime: "Runtime") -> "numpy.ndarray | None":
    """Unit vector of `text` by the policy's model, through the gateway's own relay; None when it cannot be had."""
    import numpy

    key = call.key
    assert key is not None
    if not runtime.snapshot.catalog.find(key.organization, policy.embedding_model)[0]:
        return None
    body = await _ask(call, text, policy.embedding_model, key.organization, runtime)
    try:
        vector = numpy.asarray(orjson.loads(body)["data"][0]["embedding"], dtype=numpy.float32)
        length = float(numpy.linalg.norm(vector))
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
        return None
    return vector / length if vector.ndim == 1 and length > 0 else None


async def _ask(call: Call, text: str, model: str, organization: str, runtime: "Runtime") -> bytes:
    """The answer's body; empty when the call fails: the question is asked as if nothing were known."""
    from gateway.dataplane.relay import Relay  # which needs this package's taps

    fields = {"model": model, "input": text, "encoding_format": "float"}
    inner = Call(EMBEDDINGS, call.headers, call.client_ip, call.request_id, call.started_ns, call.clock)
    inner.body, inner.fields, inner.model, inner.key = orjson.dumps(fields), fields, model, call.key
    inner.candidates, inner.policy = runtime.snapshot.catalog.find(organization, model)
    inner.is_inner = True
    parts: list[bytes] = []

    async def collect(message: Message) -> None:
        parts.append(message.get("body", b""))

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    try:
        route(inner, runtime)
        await Relay(inner, runtime, receive, collect).run()
    except ApiError:
        return b""
    return b"".join(parts)
