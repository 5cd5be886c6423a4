"""A provider's management API over the gateway's one outbound client, with refusals and silence told apart."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from finetuning.backends.base import Refused, Unreachable
from gateway import outbound
from gateway.models import Provider
from gateway.services import listing

TIMEOUT_S = 60.0
UPLOAD_TIMEOUT_S = 840.0
"""Below the claim of a round (`finetuning.services.jobs.syncing.LEASE`)."""
MAX_BYTES = 64 * 1024 * 1024
BLOCK_BYTES = 256 * 1024
NOT_FOUND = "not_found"
AGAIN = frozenset({408, 409, 425, 429})
REDIRECTS = frozenset({302, 303, 307})
LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form: `content` is at its beginning and is read once."""

    field: str
    name: str
    content: BinaryIO
    size_bytes: int
    content_type: str = "application/jsonl"


class Api:
    """Calls below `root`. All raise `Unreachable` (no answer, 5xx, 429, no JSON) or `Refused` (4xx, with the vendor's
    code and words; `not_found` for 404)."""

    def __init__(
        self, provider: Provider, root: str, *, query: Mapping[str, str] | None = None,
        authorization: Callable[[Provider, str], dict[str, str]] = listing.authorization,
    ) -> None:  # fmt: skip
        self.root = root.rstrip("/")
        self._provider = provider
        self._query = dict(query or {})
        self._authorized = authorization

    def get(self, path: str, **query: str) -> Any:
        return self._json("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        data = None if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return self._json("POST", path, query, data, {"Content-Type": "application/json"} if data else {})

    def put(self, path: str, body: Mapping[str, Any], **query: str) -> Any:
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return self._json("PUT", path, query, data, {"Content-Type": "application/json"})

    def delete(self, path: str, **query: str) -> None:
        """What it answers is of no use."""
        self._call("DELETE", path, query)

    def content(self, path: str) -> bytes:
        """An answer that is no JSON."""
        return self._call("GET", path, {}).body

    def upload(self, path: str, file: Upload, fields: Mapping[str, str]) -> Any:
        """`multipart/form-data` (RFC 7578), sent in blocks."""
        boundary = f"gateway{secrets.token_hex(16)}"
        head = b"".join(_field(boundary, name, value) for name, value in fields.items()) + _file_head(boundary, file)
        tail = b"\r\n" + _end(boundary)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size_bytes + len(tail)),
        }
        return self._json("POST", path, {}, _blocks(head, file.content, tail), headers, UPLOAD_TIMEOUT_S)

    def announce(self, path: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Headers of an answer that says by redirect where a file's bytes go; it is not followed."""
        boundary = f"gateway{secrets.token_hex(16)}"
        body = b"".join(_field(boundary, name, value) for name, value in fields.items()) + _end(boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        answer = self._asked("POST", path, {}, body, headers)
        if answer.status not in REDIRECTS or "location" not in answer.headers:
            raise _failure(self._provider.name, answer)
        return answer.headers

    def put_to(self, url: str, content: BinaryIO, size_bytes: int, headers: Mapping[str, str] | None = None) -> None:
        """The bare bytes of a file to a signed address, sent in blocks and without the credential."""
        sent = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes), **(headers or {})}
        self._elsewhere("PUT", url, sent, _blocks(b"", content, b""))

    def send(self, path: str, content: BinaryIO, size_bytes: int, content_type: str, **query: str) -> Any:
        """The bare bytes of a file, sent in blocks."""
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return self._json("POST", path, query, _blocks(b"", content, b""), headers, UPLOAD_TIMEOUT_S)

    def fetch(self, url: str) -> bytes:
        """What is behind a signed address, asked for without the credential."""
        return self._elsewhere("GET", url, {}, None).body

    def _elsewhere(
        self, method: str, url: str, headers: Mapping[str, str], body: Iterator[bytes] | None
    ) -> outbound.Answer:
        try:
            answer = outbound.request(
                method, url, headers=headers, body=body, timeout_s=UPLOAD_TIMEOUT_S, max_bytes=MAX_BYTES
            )
        except outbound.OutboundError as error:
            raise Unreachable(f"{self._provider.name}: {error.message}") from error
        if 200 <= answer.status < 300:
            return answer
        raise Unreachable(f"{self._provider.name}: a signed address answered with HTTP {answer.status}.")

    def _json(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S,
    ) -> Any:  # fmt: skip
        answer = self._call(method, path, query, body, headers, timeout_s)
        if not answer.body.strip():
            return {}
        try:
            return answer.json()
        except outbound.OutboundError as error:
            raise Unreachable(f"{self._provider.name}: {error.message}") from error

    def _call(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S,
    ) -> outbound.Answer:  # fmt: skip
        answer = self._asked(method, path, query, body, headers, timeout_s)
        if 200 <= answer.status < 300:
            return answer
        raise _failure(self._provider.name, answer)

    def _asked(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S,
    ) -> outbound.Answer:  # fmt: skip
        asked = {**self._query, **query}
        url = f"{self.root}{path}" + (f"{'&' if '?' in path else '?'}{urlencode(asked)}" if asked else "")
        try:
            sent = {"Accept": "application/json", "User-Agent": "llm-gateway", **(headers or {})}
            sent |= self._authorized(self._provider, url)
            return outbound.request(method, url, headers=sent, body=body, timeout_s=timeout_s, max_bytes=MAX_BYTES)
        except outbound.OutboundError as error:
            raise Unreachable(f"{self._provider.name}: {error.message}") from error


def _failure(name: str, answer: outbound.Answer) -> Exception:
    code, message, param = _told(answer)
    if answer.status >= 500 or answer.status in AGAIN:
        return Unreachable(f"{name} answered with HTTP {answer.status}: {message}")
    if answer.status in (401, 403):
        return Refused("credential_refused", f"{name} refused the credential (HTTP {answer.status}): {message}")
    return Refused(NOT_FOUND if answer.status == 404 else code, f"{name}: {message}", param)


def _told(answer: outbound.Answer) -> tuple[str, str, str]:
    """Code, message, parameter of OpenAI's, Google's and Together's errors; whatever it is, never more than a line."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    error = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        error = {}
    message = str(error.get("message") or error.get("detail") or f"HTTP {answer.status}")[:LONGEST_MESSAGE]
    code = str(error.get("code") or error.get("status") or error.get("type") or "refused")[:60]
    return code, message, str(error.get("param") or "")[:60]


def quoted(name: str) -> str:
    """One segment of a path."""
    return quote(name, safe="")


def from_unix(value: object) -> datetime | None:
    """Seconds since 1970 → time; None for 0, null and everything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    return datetime.fromtimestamp(value, UTC)


def from_text(value: object) -> datetime | None:
    """RFC 3339 → time; None for what is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def counted(value: object) -> int | None:
    """A count; None for null and for what is none. Google sends them as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _end(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()


def _file_head(boundary: str, file: Upload) -> bytes:
    name = file.name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    disposition = f'form-data; name="{file.field}"; filename="{name}"'
    return (f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {file.content_type}\r\n\r\n").encode()


def _blocks(head: bytes, content: BinaryIO, tail: bytes) -> Iterator[bytes]:
    if head:
        yield head
    while block := content.read(BLOCK_BYTES):
        yield block
    if tail:
        yield tail
