"""Calls of tools as requests to the gateway over HTTP; answers and errors as bounded texts.

The gateway decides what a key may do and see, as for every other caller: a tool is never more than its key.
"""

import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sdkgen.mcp.protocol import Outcome
from sdkgen.mcp.tools import Call

LONGEST = 60_000
"""Characters of a result."""
MOST_BYTES = 8_000_000
TIMEOUT_S = 300.0
MOST_ERRORS = 10
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where calls go, and with which keys; an empty one is not there."""

    url: str
    api_key: str = ""
    management_key: str = ""

    def __call__(self, call: Call) -> Outcome:
        key = self.api_key if call.auth == "key" else self.management_key
        headers = {"Accept": "application/json", "User-Agent": "llm-gateway-mcp"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            status, content, request_id = self._exchange(call, headers)
        except (OSError, http.client.HTTPException) as error:
            kind = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
            return Outcome(f"The gateway at {self.url} {kind}; the call may or may not have been made.", is_error=True)
        if status >= 400:
            return Outcome(error_text(status, content, request_id), is_error=True)
        if len(content) > MOST_BYTES:
            return Outcome(f"The result has more than {MOST_BYTES} bytes; ask for less.", is_error=True)
        return Outcome(result_text(content))

    def _exchange(self, call: Call, headers: dict[str, str]) -> tuple[int, bytes, str]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            connection.request(call.http, parts.path.rstrip("/") + call.path, call.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MOST_BYTES + 1), answer.getheader("X-Request-ID", "")
        finally:
            connection.close()


def result_text(content: bytes) -> str:
    """JSON without spaces, or the text, without characters that nobody sees; cut with a note of how much there was."""
    if not content.strip():
        return "Done."
    try:
        said = json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        said = content.decode("utf-8", "replace")
    said = _UNSEEN.sub("", said)
    if len(said) <= LONGEST:
        return said
    return f"{said[:LONGEST]}\n[cut: {LONGEST} of {len(said)} characters; ask for less: page_size, filters, a window]"


def error_text(status: int, content: bytes, request_id: str) -> str:
    """From any of the gateway's wire formats of errors: `code: message (status, request)`, then each faulty field."""
    try:
        said: Any = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    body = said if isinstance(said, dict) else {}
    nested = body.get("error")
    error: dict[str, Any] = nested if isinstance(nested, dict) else body
    code = error.get("code") or error.get("type") or "error"
    message = error.get("detail") or error.get("message") or f"The gateway answered {status}."
    identity = body.get("request_id") or request_id
    lines = [f"{code}: {message} (status {status}{f', request {identity}' if identity else ''})"]
    for one in body.get("errors") or ():
        if isinstance(one, dict) and len(lines) <= MOST_ERRORS:
            lines.append(f"- {one.get('field') or 'the whole'}: {one.get('message')}")
    return _UNSEEN.sub("", "\n".join(lines))[:LONGEST]
