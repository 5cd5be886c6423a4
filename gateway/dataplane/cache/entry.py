"""What is kept of an answer, and the key under which it is found. Pure but for the installation's pepper."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from gateway import credentials
from gateway.dataplane.cache.policy import PolicyView
from gateway.dataplane.call import VOLATILE, Call

KEY_BYTES = 32
DECIDING_HEADERS = (b"anthropic-version", b"anthropic-beta", b"openai-beta")
STATEFUL = ("previous_response_id", "conversation", "background")
"""Fields of a call whose answer depends on what a provider remembers."""


def pack(facts: Mapping[str, Any], body: bytes) -> bytes:
    """Facts as one line of JSON, then the body."""
    return orjson.dumps(facts) + b"\n" + body


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Facts and body. Raises `ValueError` for anything `pack` did not write."""
    line, _, body = data.partition(b"\n")
    facts = orjson.loads(line)
    if not isinstance(facts, dict):
        raise ValueError("not what was packed")
    return facts, body


@dataclass(frozen=True, slots=True)
class Entry:
    """A client's answer. `stored_at` is Unix seconds; `list_cost` what it cost by the list (None: unknown price)."""

    stored_at: float
    content_type: str
    provider: str
    model: str
    finish_reason: str | None
    tool_calls: int
    list_cost: str | None
    body: bytes

    @property
    def age_s(self) -> float:
        return max(0.0, time.time() - self.stored_at)

    def encode(self) -> bytes:
        facts = asdict(self)
        return pack(facts, facts.pop("body"))

    @classmethod
    def decode(cls, data: bytes) -> "Entry":
        """Raises `ValueError` for anything `encode` did not write."""
        facts, body = unpack(data)
        try:
            return cls(**facts, body=body)
        except TypeError as error:
            raise ValueError("not a cache entry") from error


def is_cacheable(call: Call) -> bool:
    """Whether the answer depends on nothing but the request. What the provider is asked to remember does."""
    fields = call.fields
    if call.endpoint.is_media:
        return False
    return bool(call.endpoint.required) and not any(fields.get(name) for name in STATEFUL)


def surroundings(call: Call, policy: PolicyView, marks: Sequence[str] = ()) -> bytes:
    """Everything beside the body that an answer depends on: organization and (unless shared) project; endpoint and
    whether a stream with usage was asked for; every target the name resolves to; the policy's generation; `marks` of
    stages that change answers."""
    key = call.key
    assert key is not None
    scope = [key.organization, "" if policy.is_shared else key.project, policy.namespace, call.endpoint.path]
    shape = ["stream" if call.is_stream else "whole", "usage" if call.wants_usage else ""]
    targets = sorted(f"{target.provider.id}/{target.upstream_name}" for target in call.candidates)
    headers = [call.headers.get(name, b"").decode("latin-1") for name in DECIDING_HEADERS]
    return orjson.dumps([scope, shape, targets, headers, list(marks)])


def entry_key(call: Call, around: bytes) -> bytes | None:
    """Keyed hash of the surroundings and the canonical body; None when the request has no canonical form."""
    stable = {name: value for name, value in call.fields.items() if name not in VOLATILE}
    try:
        canonical = orjson.dumps(stable, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers that only the slow parser took
        return None
    return credentials.keyed_hash("response-cache", around + canonical, KEY_BYTES)
