"""Texts as the comparisons see them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "please pls plz thanks thank thx kindly hi hey hello ok okay so well just"
        " bitte danke merci gracias por favor grazie obrigado obrigada",
    )
)
_FILLER_PHRASES = re.compile(
    r"\b(?:thank you(?: very much| so much)?|many thanks|thanks (?:in advance|a lot)|if you (?:can|could|would)"
    r"|(?:can|could|would|will) you(?: please)?|i would like you to|i want you to|s'il (?:vous|te) plaît|por favor)\b"
)


def normalized(text: str) -> str:
    """NFKC, case folded, runs of blanks as one: equal for texts that differ in no letter or mark."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def words(text: str) -> list[str]:
    return _WORDS.findall(text)


def bare(text: str) -> str:
    """Of a normalized text: its words alone, without politeness; equal for texts that ask the same in the same words.
    The words with it when nothing else is left."""
    found = _WORDS.findall(_FILLER_PHRASES.sub(" ", text))
    kept = [word for word in found if word not in _FILLERS]
    return " ".join(kept or _WORDS.findall(text)) or text


def hashed(*texts: str) -> int:
    """64 bits of texts, the same in every process."""
    digest = blake2b("\x00".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def shingles(text: str, size: int = 5) -> set[str]:
    """Runs of ``size`` characters; the text itself when it is shorter."""
    if len(text) <= size:
        return {text}
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def word_runs(text: str, size: int = 3) -> set[str]:
    """Runs of ``size`` words; the text itself when it has fewer."""
    found = text.split()
    if len(found) <= size:
        return {text}
    return {" ".join(found[start : start + size]) for start in range(len(found) - size + 1)}


def jaccard(one: set[str], other: set[str]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 1.0


@lru_cache(1)
def english() -> dict[str, int]:
    """English words with how often they were met (pyspellchecker's list, from film subtitles; MIT licence)."""
    from spellchecker import SpellChecker

    frequencies: dict[str, int] = SpellChecker(language="en", distance=1).word_frequency.dictionary
    return frequencies
