"""Answers that stop in the middle: a cut word, an open bracket, a sentence without its end. Likelihood, not proof:
English words decide about cut words, other languages are judged by punctuation alone."""

import re

from ..examples import Example
from ..languages import english_share
from ..text import english
from .base import Check

END = re.compile(r"[.!?…。！？｡।؟:;\"'”’»)\]}>*_`~|%$€£°™®©+=/\\-]$|[^\w\s,]$")
SENTENCE_END = re.compile(r"(?<=[^\W\d])[.!?。！？][\"'”’)\]]*(?:\s|$)")
_LAST_WORD = re.compile(r"([^\W\d_]+)$")
_CODE = re.compile(
    r"```|[{};]\s*$|^\s*(?:def|class|import|from|return|SELECT|function|var|let|const|#include|public)\b|=>|</\w+>|\w\(.*\)\s*$|^\s{4}\S",
    re.MULTILINE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s*")
JOINING = frozenset(
    re.findall(
        r"\w+",
        "they he she we the a an of to and or with for from their his her its our my your which who whose into onto"
        " than as by at because although while if when where but nor so such these those this very every between",
    )
)
MIN_WORDS = 4
KNOWN_SHORT = 100_000
PROSE_WORDS = 8


class Truncation(Check):
    """Answers of classes, code and short phrases are left alone."""

    def look(self, example: Example) -> None:
        answer = example.answer
        if answer is None or self.context.profile.is_label(answer.text):
            return
        if told := cut(answer.text):
            self.found("truncated_answer", example, told, path=answer.path)


def cut(text: str) -> str:
    """Why a text looks cut, "" when it does not."""
    last = text.rstrip()
    if len(last.split()) < MIN_WORDS or not last:
        return ""
    if inside := _open_bracket(last):
        return f"It ends inside “{inside}”."
    if last.endswith(","):
        return "It ends with a comma."
    if END.search(last) or _CODE.search(text):
        return ""
    word = _LAST_WORD.search(last)
    tail = word.group(1) if word else ""
    if tail in JOINING:
        return f"It ends with “{tail}”."
    if is_fragment(tail) and english_share(last[-400:]) >= 0.6:
        return f"It ends in the middle of a word: “{tail}”."
    return _unfinished(text)


def is_fragment(word: str) -> bool:
    """Whether a word is none, but the beginning of some. Names and abbreviations are not judged."""
    if not word.islower() or not word.isascii():
        return False
    if len(word) == 1:
        return word not in "aioxyn"
    met = english().get(word, 0)
    if met >= (KNOWN_SHORT if len(word) <= 3 else 1):
        return False
    return word in _beginnings()


def _open_bracket(text: str) -> str:
    """The last bracket left open, with what follows; only when a text has one more open than closed."""
    for opening, closing in ("()", "[]", "{}"):
        if text.count(opening) > text.count(closing):
            place = text.rfind(opening)
            if closing not in text[place:] and (place == 0 or text[place - 1] not in ":;=8"):
                return text[place : place + 30]
    return ""


def _unfinished(text: str) -> str:
    """Prose whose last line has no end mark, though its sentences or the lines before have one."""
    lines = [line for line in text.splitlines() if line.strip()]
    last, before = lines[-1].rstrip(), lines[:-1]
    if SENTENCE_END.search(_BULLET.sub("", last)[:-1]) and len(last.split()) >= MIN_WORDS:
        return "Its last sentence has no end."
    alike = [line for line in before if bool(_BULLET.match(line)) == bool(_BULLET.match(last))]
    ended = sum(1 for line in alike if re.search(r"[.!?。！？][\"'”’)\]]*$", line.rstrip()))
    if len(alike) >= 1 and ended == len(alike) and (_BULLET.match(last) or len(last.split()) >= MIN_WORDS):
        return "Its last line has no end, the lines before have."
    if text != text.rstrip(" ") and text[-1] == " " and _LAST_WORD.search(last):
        return "It ends with a blank after a word."
    return ""


def _beginnings() -> frozenset[str]:
    global _known_beginnings
    if _known_beginnings is None:
        frequent = (word for word, met in english().items() if met >= 1_000)
        _known_beginnings = frozenset(word[:size] for word in frequent for size in range(2, len(word)))
    return _known_beginnings


_known_beginnings: frozenset[str] | None = None
