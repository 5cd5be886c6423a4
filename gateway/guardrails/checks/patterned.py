"""Personal data and secrets by checksummed patterns."""

from collections.abc import Iterable, Iterator, Sequence

from gateway.guardrails.finding import Finding
from gateway.guardrails.patterns import PII, SECRETS, Pattern


class PatternCheck:
    """Matches of some patterns; where two overlap, the earlier and then the longer one counts."""

    is_whole = False

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self.window = max((pattern.window for pattern in self.patterns), default=0)

    def find(self, text: str) -> Sequence[Finding]:
        found = [finding for pattern in self.patterns if pattern.gate(text) for finding in _matches(pattern, text)]
        found.sort(key=lambda finding: (finding.start, -finding.end))
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
