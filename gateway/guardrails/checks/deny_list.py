"""Words and phrases that may not occur. Literal text only: no pattern of a user's runs here, so none can be slow."""

import re
import unicodedata
from collections.abc import Sequence

from gateway.guardrails.finding import Finding
from gateway.guardrails.gates import Gate, any_of, is_open

MAX_TERMS = 1_000
MAX_TERM_CHARS = 200
FEW = 32
"""So many words are looked for one by one; more of them among the words of the text."""
_WORD = re.compile(r"\w+")


class DenyListCheck:
    """Whole words, in any case; runs of white space in a phrase match any white space."""

    is_whole = False

    def __init__(self, terms: Sequence[str]) -> None:
        cleaned = [" ".join(unicodedata.normalize("NFKC", term).split()) for term in terms if term.strip()]
        if not cleaned:
            raise ValueError("a deny list needs at least one term")
        if len(cleaned) > MAX_TERMS or any(len(term) > MAX_TERM_CHARS for term in cleaned):
            raise ValueError(f"at most {MAX_TERMS} terms of at most {MAX_TERM_CHARS} characters")
        ordered = sorted(set(cleaned), key=len, reverse=True)  # of two that begin alike, the longer one counts
        body = "|".join(re.escape(term).replace(r"\ ", r"\s{1,5}") for term in ordered)
        self._expression = re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.IGNORECASE)
        self.window = 2 * max(map(len, ordered))
        self._gate = _gate(ordered)

    def find(self, text: str) -> Sequence[Finding]:
        if text.isascii() and not self._gate(text.lower()):  # other letters have more than one lower case
            return []
        return [Finding("deny_list", *match.span()) for match in self._expression.finditer(text)]


def _gate(terms: Sequence[str]) -> Gate:
    """Over lower-case ASCII text: the longest word of one of the terms."""
    longest = {max(_WORD.findall(term.lower()), key=len, default="") for term in terms}
    if "" in longest:
        return is_open
    if len(longest) <= FEW:
        return any_of(*sorted(longest))
    return Gate("", lambda text: not longest.isdisjoint(_WORD.findall(text)))
