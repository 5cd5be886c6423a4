"""Reads `multipart/form-data` bodies that are whole in memory (RFC 7578)."""

import re
from dataclasses import dataclass

from gateway.simulator.calls import ProviderError

_BOUNDARY = re.compile(rb'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_PARAMETER = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Field:
    """One part; `filename` is `None` for a plain value."""

    data: bytes
    filename: str | None = None

    @property
    def text(self) -> str:
        """The value as text."""
        return self.data.decode("utf-8", "replace")


def read_form(content_type: bytes, body: bytes) -> dict[str, Field]:
    """Fields by name, the last of equal names. Raises a 400 `ProviderError` for anything else."""
    match = _BOUNDARY.search(content_type)
    if not content_type.startswith(b"multipart/form-data") or match is None:
        raise ProviderError(400, "Could not parse multipart form")
    delimiter = b"--" + (match[1] or match[2])
    _, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if not parts or not parts[-1].startswith(b"--"):
        raise ProviderError(400, "Could not parse multipart form")
    fields = {}
    for part in parts[:-1]:
        head, separator, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = next(
            (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")), b""
        )
        names = {key.lower(): value for key, value in _PARAMETER.findall(disposition)}
        if not separator or b"name" not in names:
            raise ProviderError(400, "Could not parse multipart form")
        filename = names.get(b"filename")
        name = names[b"name"].decode("utf-8", "replace")
        fields[name] = Field(data, None if filename is None else filename.decode("utf-8", "replace"))
    return fields
