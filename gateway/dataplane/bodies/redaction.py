"""What is taken out of bodies before they are stored, whatever the organization's guardrails say. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dataplane import sse
from gateway.guardrails import texts
from gateway.guardrails.checks.patterned import pii_check, secrets_check
from gateway.guardrails.rails import REDACT, Rail, Verdict, screen
from gateway.guardrails.streaming import StreamGuard

RAILS = (
    Rail("", "secrets", "secrets", REDACT, secrets_check()),
    Rail("", "personal data", "pii", REDACT, pii_check()),
)


def request_text(fields: Mapping[str, Any], limit: int) -> tuple[str, bool]:
    """`(JSON, whether it was cut at limit characters)`; personal data and secrets are redacted."""
    changed = texts.change_every(dict(fields), _redacted)
    try:
        text = orjson.dumps(changed).decode()
    except TypeError:
        text = json.dumps(changed, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text[:limit], len(text) > limit


def response_text(body: bytes, dialect: str, *, is_stream: bool) -> str:
    """The answer as text; a stream's events are read as the texts they carry, so that nothing hides between two."""
    if is_stream:
        return _stream(body, dialect)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:  # cut, or not JSON
        return _redacted(body.decode("utf-8", "replace"))
    return orjson.dumps(texts.change_every(answer, _redacted)).decode()


def _stream(body: bytes, dialect: str) -> str:
    try:
        guard = StreamGuard(dialect, RAILS, Verdict())
    except KeyError:  # a stream of another kind
        return _redacted(body.decode("utf-8", "replace"))
    out = b""
    for event in sse.events(body):
        value = sse.load(event)
        out += (
            guard.encode([texts.change_every(item, _redacted) for item in guard.event(value)])
            if value is not None
            else _redacted_bytes(event)
        )
    return (out + guard.encode(guard.finish())).decode("utf-8", "replace")


def _redacted_bytes(event: bytes) -> bytes:
    return _redacted(event.decode("utf-8", "replace")).encode()


def _redacted(text: str) -> str:
    return screen(text, RAILS, Verdict())
