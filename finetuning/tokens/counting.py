"""Tokens of one training example: chat, preference or reinforcement; exact for OpenAI's plain text, else labelled.

The formula is the cookbook's for fine-tuning data, ``3 + Σ messages (3 + Σ values, + 1 for a name)``:
https://github.com/openai/openai-cookbook/blob/main/examples/Chat_finetuning_data_prep.ipynb, section "Token counting
utilities". A real job of gpt-4o-mini was billed what it says, rounded up to a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from gateway.tokens import count_chat, count_text, encoding_for

EXAMPLE_TOKENS = 3
MESSAGE_TOKENS = 3
NAME_TOKENS = 1
IMAGE_TOKENS = {"low": 85}
IMAGE_TOKENS_HIGH = 765
REMEMBERED_TEXTS = 8_192
REMEMBERED_CHARACTERS = 1_000

HEURISTIC_ERROR = "−45 % … +20 % for English text and JSON, −50 % … +80 % for other scripts"
"""Of UTF-8 bytes / 4, measured against o200k_base and two other vendors' published vocabularies."""
NO_VOCABULARY_ERROR = 0.8
"""The same as one share, its wider end."""
PARTS_ERROR = 0.25
"""Of examples with tools, images or pairs, whose parts are not all counted exactly. Assumed: vendors do not document
what they bill for them."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """``tokens``: of the whole example, one epoch. ``answer_tokens``: the assistant texts that are learned from
    (weight 0 left out). ``exact``: the vendor counts the same. ``method``: the encoding's name or ``bytes/4``.
    ``error``: how far an inexact count may be off, "" when exact. ``notes``: what made it inexact."""

    tokens: int
    exact: bool
    method: str = ""
    answer_tokens: int = 0
    error: str = ""
    notes: tuple[str, ...] = ()


def count(record: Mapping[str, Any] | str | bytes, *, model: str) -> TokenCount:
    """Tokens of one example for ``model`` (a tuned model's ``ft:…`` name counts as its base).

    ``record`` is the decoded line, or the line itself. Never raises for the shape of an example: what is not understood
    is counted as its text and noted. Raises ``ValueError`` for a line that is not JSON.
    """
    return Counter(model).count(orjson.loads(record) if isinstance(record, str | bytes) else record)


class Counter:
    """Counts many examples of one model; texts that repeat (system prompts, labels) are counted once."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.method = encoding_for(model) or "bytes/4"
        self._short = lru_cache(REMEMBERED_TEXTS)(self._text)

    def count(self, record: object) -> TokenCount:
        """As ``count``, without reading JSON."""
        tally = _Tally(self)
        if not isinstance(record, Mapping):
            tally.note("not an object")
            tally.add(str(record))
        elif "preferred_output" in record or "non_preferred_output" in record:
            tally.preference(record)
        else:
            tally.chat(record)
        return tally.result()

    def text(self, text: str) -> tuple[int, bool]:
        """Tokens of a text alone, and whether that is exact."""
        return self._short(text) if len(text) <= REMEMBERED_CHARACTERS else self._text(text)

    def _text(self, text: str) -> tuple[int, bool]:
        counted = count_text(text, self.model)
        return counted.tokens, counted.exact


class _Tally:
    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.tokens = EXAMPLE_TOKENS
        self.answer_tokens = 0
        self.exact = counter.method != "bytes/4"
        self.notes: list[str] = [] if self.exact else [f"no public vocabulary of {counter.model or 'this model'}"]

    def result(self) -> TokenCount:
        error = "" if self.exact else self._error()
        return TokenCount(
            self.tokens, self.exact, self.counter.method, self.answer_tokens, error, tuple(self.notes)
        )  # fmt: skip

    def _error(self) -> str:
        return HEURISTIC_ERROR if self.counter.method == "bytes/4" else "of the noted parts alone"

    def note(self, what: str) -> None:
        self.exact = False
        if what not in self.notes:
            self.notes.append(what)

    def add(self, text: str) -> int:
        tokens, exact = self.counter.text(text)
        if not exact and self.exact:
            self.note("text with lone surrogates or without word boundaries")
        self.tokens += tokens
        return tokens

    def chat(self, record: Mapping[str, Any]) -> None:
        self.messages(record.get("messages"))
        tools = record.get("tools") or [
            {"type": "function", "function": function} for function in _list(record.get("functions"))
        ]
        if tools:
            self.note("tools are estimated")
            self.tokens += count_chat((), _list(tools), self.counter.model).tokens - EXAMPLE_TOKENS

    def preference(self, record: Mapping[str, Any]) -> None:
        """Both answers after one prompt; how vendors bill pairs is not published."""
        self.note("a pair counts its prompt once and both answers")
        asked = record.get("input")
        self.chat(asked if isinstance(asked, Mapping) else {})
        self.messages(record.get("preferred_output"))
        self.messages(record.get("non_preferred_output"))

    def messages(self, messages: object) -> None:
        for message in _list(messages):
            self.tokens += MESSAGE_TOKENS
            if not isinstance(message, Mapping):
                self.note("not a message")
                self.add(str(message))
                continue
            self.message(message)

    def message(self, message: Mapping[str, Any]) -> None:
        is_learned = message.get("role") == "assistant" and message.get("weight") != 0
        for key, value in message.items():
            if value is None or key == "weight":
                continue
            before = self.tokens
            if key == "content":
                self.content(value)
            elif key in ("tool_calls", "function_call"):
                self.calls(value)
            elif isinstance(value, str):
                self.add(value)
                self.tokens += NAME_TOKENS if key == "name" else 0
            else:
                self.note(f"`{key}` is not counted")
            if is_learned and key != "role":
                self.answer_tokens += self.tokens - before

    def content(self, content: object) -> None:
        if isinstance(content, str):
            self.add(content)
            return
        for part in _list(content):
            self.part(part)
        if not isinstance(content, list):
            self.note("content that is no text")

    def part(self, part: object) -> None:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and kind in ("text", "refusal"):
            self.add(str(part.get(kind) or ""))
        elif isinstance(part, Mapping) and kind == "image_url":
            self.note("images are estimated")
            image = part.get("image_url")
            detail = image.get("detail") if isinstance(image, Mapping) else None
            self.tokens += IMAGE_TOKENS.get(str(detail), IMAGE_TOKENS_HIGH)
        else:
            self.note("parts other than text and images are not counted")

    def calls(self, calls: object) -> None:
        self.note("tool calls are estimated")
        for call in calls if isinstance(calls, list) else [calls]:
            function = call.get("function", call) if isinstance(call, Mapping) else None
            if isinstance(function, Mapping):
                self.tokens += MESSAGE_TOKENS
                self.add(str(function.get("name") or ""))
                self.add(str(function.get("arguments") or ""))


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
