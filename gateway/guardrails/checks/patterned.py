"""Personal data and secrets by checksummed patterns."""

from collections.abc import Iterable, Iterator, Sequence

from gateway.guardrails.finding import Finding
from gateway.guardrails.gates import DIGIT, has_digit
from gateway.guardrails.patterns import PII, SECRETS, Pattern


class PatternCheck:
    """Matches of some patterns; where two overlap, the earlier and then the longer one counts."""

    is_whole = False

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._order = {pattern.name: place for place, pattern in enumerate(self.patterns)}
        by_mark: dict[str, list[Pattern]] = {}
        for pattern in self.patterns:
            by_mark.setdefault(pattern.gate.mark, []).append(pattern)
        self._by_mark = tuple(by_mark.items())
        self.window = max((pattern.window for pattern in self.patterns), default=0)

    def find(self, text: str) -> Sequence[Finding]:
        found: list[Finding] = []
        for mark, patterns in self._by_mark:
            if has_digit(text) if mark is DIGIT else mark in text:
                for pattern in patterns:
                    if pattern.gate.opens(text):
                        found += _matches(pattern, text)
        return self._first_and_longest(found) if found else found

    def _first_and_longest(self, found: list[Finding]) -> list[Finding]:
        found.sort(key=lambda finding: (finding.start, -finding.end, self._order[finding.what]))
        kept: list[Finding] = []
        for finding in found:
            if not kept or finding.start >= kept[-1].end:
                kept.append(finding)
        return kept


def _matches(pattern: Pattern, text: str) -> Iterator[Finding]:
    """The search goes on behind what is real, so that two numbers in one run are both found."""
    match = pattern.expression.search(text)
    while match is not None:
        position, part = match.end(), pattern.part(match.group())
        if part is not None:
            position = match.start() + part[1]
            yield Finding(pattern.name, match.start() + part[0], position)
        match = pattern.expression.search(text, position)


def pii_check(entities: Sequence[str] = ()) -> PatternCheck:
    """Personal data; `entities` narrows it (`email`, `credit_card`, …), all by default. Raises `ValueError`."""
    return PatternCheck(_chosen(PII, entities))


def secrets_check(entities: Sequence[str] = ()) -> PatternCheck:
    """Credentials of well-known vendors, private keys, tokens. Raises `ValueError` for an unknown entity."""
    return PatternCheck(_chosen(SECRETS, entities))


def _chosen(patterns: Sequence[Pattern], entities: Sequence[str]) -> list[Pattern]:
    known = {pattern.name for pattern in patterns}
    if unknown := sorted(set(entities) - known):
        raise ValueError(f"unknown entity {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return [pattern for pattern in patterns if not entities or pattern.name in entities]
