"""Size, hash, lines and format of a file, from blocks as they come; memory does not grow with the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import orjson

LIMIT_BYTES = 512 * 1024 * 1024
"""OpenAI API reference, "Upload file": a file may have 512 MB."""
HEAD_BYTES = 1024 * 1024
"""So much of the beginning is looked at to tell the format."""
BOM = b"\xef\xbb\xbf"
FOREIGN = (
    (b"\x1f\x8b", "It is compressed (gzip)"), (b"PK\x03\x04", "It is a ZIP archive or a spreadsheet"),
    (b"PAR1", "It is a Parquet file"), (b"%PDF", "It is a PDF"), (b"\xff\xfe", "It is UTF-16 text"),
    (b"\xfe\xff", "It is UTF-16 text"), (b"\x28\xb5\x2f\xfd", "It is compressed (zstd)"),
)  # fmt: skip
BESIDE = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})


class NotTrainingData(ValueError):
    """Nothing that could be a JSONL file. The message is for people; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Measured:
    """`lines`: those that end, and a last one that does not. `format`: "chat", "preference", "reinforcement" or
    "unknown", as most lines of the first MiB are; `has_tools`: one of them offers tools."""

    size_bytes: int
    sha256: str
    lines: int
    format: str
    has_tools: bool


class Measuring:
    """Fed with the blocks of a file in order. `is_data` False: any content will do (results of a job)."""

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES, is_data: bool = True) -> None:
        self._limit, self._is_data = limit_bytes, is_data
        self._hash = hashlib.sha256()
        self._size = self._ends = 0
        self._last = b"\n"
        self._head = bytearray()

    def add(self, block: bytes) -> None:
        """Raises `NotTrainingData` as soon as it is known."""
        if not block:
            return
        self._size += len(block)
        if self._size > self._limit:
            limit = self._limit // 1024 // 1024
            raise NotTrainingData("file_too_large", f"A file may have up to {limit} MiB.")
        self._hash.update(block)
        self._ends += block.count(b"\n")
        self._last = block[-1:]
        if len(self._head) < HEAD_BYTES:
            self._head += block[: HEAD_BYTES - len(self._head)]

    def finish(self) -> Measured:
        """Raises `NotTrainingData` for an empty file, and for one in which no line is a JSON object."""
        if not self._size:
            raise NotTrainingData("empty_file", "The file is empty.")
        lines = self._ends + (self._last != b"\n")
        shape, has_tools = (
            _shape(bytes(self._head), is_whole=self._size <= HEAD_BYTES) if self._is_data else ("", False)
        )
        if shape is None:
            raise NotTrainingData("not_jsonl", _why(bytes(self._head)))
        return Measured(self._size, self._hash.hexdigest(), lines, shape or "unknown", has_tools)


def _shape(head: bytes, *, is_whole: bool) -> tuple[str | None, bool]:
    """The commonest format of the head's lines, and whether one has tools; None when no line is an object."""
    lines = head.removeprefix(BOM).split(b"\n")
    if not is_whole and len(lines) > 1:
        lines.pop()  # cut in the middle
    found: Counter[str] = Counter()
    has_tools = False
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict):
            found[_format(record)] += 1
            has_tools = has_tools or _has_tools(record)
    if not found:
        is_one_long_line = not is_whole and len(lines) == 1 and head.lstrip()[:1] == b"{"
        return ("unknown" if is_one_long_line else None), False
    return found.most_common(1)[0][0], has_tools


def _format(record: dict[str, object]) -> str:
    """Reinforcement ends with the user and has fields for its grader beside the messages."""
    if "preferred_output" in record or "non_preferred_output" in record:
        return "preference"
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return "unknown"
    last = messages[-1].get("role") if isinstance(messages[-1], dict) else None
    return "reinforcement" if last == "user" and set(record) - BESIDE else "chat"


def _has_tools(record: dict[str, object]) -> bool:
    asked = record.get("input")
    return any(
        isinstance(holder, dict) and (holder.get("tools") or holder.get("functions")) for holder in (record, asked)
    )


def _why(head: bytes) -> str:
    wanted = "A training file is JSONL: UTF-8 text with one JSON object a line."
    for mark, what in FOREIGN:
        if head.startswith(mark):
            return f"{what}. {wanted}"
    text = head.removeprefix(BOM).lstrip()
    if b"\x00" in head:
        return f"It is no text. {wanted}"
    if text.startswith(b"["):
        return f"It is one JSON array. {wanted} Write each element on a line of its own."
    if text.startswith(b"{"):
        return f"Its JSON is spread over several lines or broken. {wanted}"
    return f"Its first line begins with {text[:20].decode('utf-8', 'replace')!r}. {wanted}"
