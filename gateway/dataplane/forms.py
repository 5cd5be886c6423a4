"""`multipart/form-data` bodies, read without copying their files and written anew for the provider. Pure.

Sources: RFC 7578 (form-data), RFC 2046 §5.1.1 (boundaries); names and file names are escaped as browsers and the
vendors' clients do (WHATWG HTML, "Multipart form data").
A form is never forwarded as it came: what the gateway read, and nothing else, is what the provider gets.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

MAX_PARTS = 100
MAX_PART_HEAD_BYTES = 8 * 1024
MAX_TEXT_BYTES = 1024 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
_ESCAPED = re.compile(r"\\(.)")


class FormError(ValueError):
    """Not a form that can be read; the message says why, `field` which field, where one is to blame."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Part:
    """One field. `filename` None: a plain value. `data` may look into the body it was read from."""

    name: str
    data: bytes | memoryview
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        return str(bytes(self.data), "utf-8")


@dataclass(frozen=True, slots=True)
class Form:
    """Fields in their order. Names that end in `[]` may come several times, others once."""

    parts: tuple[Part, ...]

    @classmethod
    def read(cls, content_type: str, body: bytes) -> "Form":
        """Raises `FormError`."""
        parts = tuple(_parts(body, boundary_of(content_type)))
        seen: set[str] = set()
        for part in parts:
            if part.name in seen and not part.name.endswith("[]"):
                raise FormError(f"the field '{part.name}' was sent twice", part.name)
            seen.add(part.name)
        return cls(parts)

    def file(self, name: str) -> Part | None:
        """The first file under a name, with or without `[]`."""
        return next((part for part in self.parts if part.filename is not None and _plain(part.name) == name), None)

    def fields(self) -> dict[str, Any]:
        """Values as text, several of a name as a list; of a file what identifies it. Raises `FormError`."""
        found: dict[str, Any] = {}
        for part in self.parts:
            value = _value(part)
            if part.name.endswith("[]"):
                found.setdefault(_plain(part.name), []).append(value)
            elif part.name in found:
                raise FormError(f"the field '{part.name}' was sent twice", part.name)
            else:
                found[part.name] = value
        return found

    def with_texts(self, fields: Mapping[str, Any]) -> "Form":
        """The form with its plain values taken from `fields`, as `fields()` names them."""

        def changed(part: Part) -> Part:
            value = fields.get(part.name)
            if part.filename is not None or not isinstance(value, str):
                return part
            return replace(part, data=value.encode("utf-8", "replace"))

        return Form(tuple(map(changed, self.parts)))

    def encode(self, changes: Mapping[str, str]) -> tuple[str, bytes]:
        """`(content type, body)` with plain values set: replaced where they stand, else in front."""
        known = {part.name for part in self.parts}
        added = [Part(name, value.encode()) for name, value in changes.items() if name not in known]
        boundary = b"gateway-" + os.urandom(18).hex().encode()
        pieces: list[bytes | memoryview] = []
        for part in (*added, *self.parts):
            data: bytes | memoryview = changes[part.name].encode() if part.name in changes else part.data
            pieces += [b"--" + boundary + b"\r\n" + _head(part) + b"\r\n", data, b"\r\n"]
        pieces.append(b"--" + boundary + b"--\r\n")
        return f"multipart/form-data; boundary={boundary.decode()}", b"".join(pieces)


def _plain(name: str) -> str:
    return name.removesuffix("[]")


def _value(part: Part) -> Any:
    if part.filename is not None:
        digest = hashlib.sha256(part.data).hexdigest()
        return {"filename": part.filename, "content_type": part.content_type, "bytes": len(part.data), "sha256": digest}
    if len(part.data) > MAX_TEXT_BYTES:
        raise FormError(f"the field '{part.name}' is longer than {MAX_TEXT_BYTES // 1024} KiB", part.name)
    try:
        return part.text
    except UnicodeDecodeError:
        raise FormError(f"the field '{part.name}' is not UTF-8", part.name) from None


def boundary_of(content_type: str) -> bytes:
    """Raises `FormError` when the content type is no form's."""
    kind, _, _ = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise FormError("the body must be multipart/form-data")
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise FormError("the content type names no boundary")
    return (found[1] or found[2]).encode("latin-1", "replace")


def _parts(body: bytes, boundary: bytes) -> Iterator[Part]:
    view, delimiter = memoryview(body), b"--" + boundary
    position = 2 if body.startswith(b"\r\n") else 0
    if not body.startswith(delimiter, position):
        raise FormError("the body does not begin with the boundary of its content type")
    position += len(delimiter)
    for _ in range(MAX_PARTS + 1):
        if body.startswith(b"--", position):
            return
        if not body.startswith(b"\r\n", position):
            raise FormError("a boundary is not followed by a line end")
        start = position + 2
        end_of_head = body.find(b"\r\n\r\n", start, start + MAX_PART_HEAD_BYTES)
        if end_of_head < 0:
            raise FormError("the head of a part does not end")
        end = body.find(b"\r\n" + delimiter, end_of_head + 2)
        if end < 0:
            raise FormError("the body ends inside a part")
        yield _part(body[start:end_of_head], view[end_of_head + 4 : end])
        position = end + 2 + len(delimiter)
    raise FormError(f"the form has more than {MAX_PARTS} parts")


def _part(head: bytes, data: memoryview) -> Part:
    disposition, content_type = None, None
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        match name.strip().lower():
            case "content-disposition" if disposition is None:
                disposition = value.strip()
            case "content-type" if content_type is None:
                content_type = re.sub(r"[^\x20-\x7e]", "", value).strip()[:100]
            case "content-disposition" | "content-type":
                raise FormError("a part has the same header twice")
            case _:
                pass
    if disposition is None or not disposition.lower().startswith("form-data"):
        raise FormError("a part has no form-data disposition")
    named = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(disposition)}
    if not named.get("name"):
        raise FormError("a part has no name")
    filename = named.get("filename")
    if filename is None and "filename*" in named:
        filename = unquote(named["filename*"].rpartition("'")[2])
    return Part(_read(named["name"]), data, None if filename is None else _read(filename), content_type)


def _read(text: str) -> str:
    """What stands between quotation marks, unescaped."""
    text = _ESCAPED.sub(r"\1", text)
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _write(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _head(part: Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{_write(part.name)}"'
    if part.filename is not None:
        head += (
            f'; filename="{_write(part.filename)}"\r\nContent-Type: {part.content_type or "application/octet-stream"}'
        )
    return head.encode("utf-8", "replace") + b"\r\n"
