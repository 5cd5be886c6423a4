"""Words and phrases that may not occur. Literal text only: no pattern of a user's runs here, so none can be slow."""

import re
from collections.abc import Sequence

from gateway.guardrails.finding import Finding

MAX_TERMS = 1_000
MAX_TERM_CHARS = 200


class DenyListCheck:
    """Whole words, in any case; runs of white space in a phrase match any white space."""

    is_whole = False

    def __init__(self, terms: Sequence[str]) -> None:
        cleaned = [" ".join(term.split()) for term in terms if term.strip()]
        if not cleaned:
            raise ValueError("a deny list needs at least one term")
        if len(cleaned) > MAX_TERMS or any(len(term) > MAX_TERM_CHARS for term in cleaned):
            raise ValueError(f"at most {MAX_TERMS} terms of at most {MAX_TERM_CHARS} characters")
        ordered = sorted(set(cleaned), key=len, reverse=True)  # of two that begin alike, the longer one counts
        body = "|".join(re.escape(term).replace(r"\ ", r"\s{1,5}") for term in ordered)
        self._expression = re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.IGNORECASE)
        self.window = 2 * max(map(len, ordered))

    def find(self, text: str) -> Sequence[Finding]:
        return [Finding("deny_list", *match.span()) for match in self._expression.finditer(text)]
