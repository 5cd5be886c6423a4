"""Answers that are JSON or have code fences are whole."""

import re

import orjson

from ..examples import Example
from .base import Check

_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])")
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)", re.MULTILINE)


class Balance(Check):
    def look(self, example: Example) -> None:
        answer = example.answer
        if answer is None:
            return
        if len(_FENCE.findall(answer.text)) % 2:
            self.found("unbalanced", example, "A code fence is opened and not closed.", path=answer.path)
        elif _JSON.match(answer.text) and (told := _broken(answer.text.strip())):
            self.found("unbalanced", example, told, path=answer.path)


def _broken(text: str) -> str:
    if text[-1] not in "}]" and (text.count("{"), text.count("[")) == (text.count("}"), text.count("]")):
        return ""  # JSON, then words about it
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        lines = text.count("\n{") + text.count("\n[")
        if lines and all(_reads(line) for line in text.splitlines() if line.strip()):
            return ""
        return f"The answer begins as JSON but is none (line {error.lineno}, column {error.colno})."
    return ""


def _reads(line: str) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
