"""What a rate's id says: whose price, which version of it, since when, for which tier and length of prompt. Pure."""

import re
from dataclasses import dataclass

LIST, OWN, COMMITMENT, FILE, UNKNOWN = "list", "own", "commitment", "file", "unknown"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ABOVE = re.compile(r"gt(\d+)")


@dataclass(frozen=True, slots=True)
class RateParts:
    """`kind`: list, own (a price of one's own), commitment, file (the cost came with an import), unknown. `source` and
    `version` of the list; `contract`: id of the own price or the commitment; `since`: first day of the price, None when
    it reaches back; `context`: `service_tier=flex`, …; `above_tokens`: for prompts longer than that."""

    kind: str
    source: str = ""
    version: str = ""
    contract: str = ""
    since: str | None = None
    context: tuple[str, ...] = ()
    above_tokens: int | None = None

    def words(self) -> str:
        """As a person says it: `genai-prices 0.2.3, flex, prompts above 272,000 tokens`."""
        who = {
            OWN: "your own price", COMMITMENT: "covered by a commitment", FILE: "as the imported file says",
        }.get(self.kind, f"{self.source} {self.version}".strip() or "unknown")  # fmt: skip
        if self.kind == OWN and self.source:
            who = f"your discount off {self.source} {self.version}".strip()
        parts = [who, *(f"since {self.since}" for _ in (1,) if self.since), *map(_context_words, self.context)]
        if self.above_tokens is not None:
            parts.append(f"prompts above {self.above_tokens:,} tokens")
        return ", ".join(parts)


def read_rate(rate_id: str, meter: str) -> RateParts:
    """The parts of a rate id as a charge of `meter` has it; what is not understood is left out."""
    origin, _, rest = rate_id.partition(":")
    if origin in ("override", "commitment"):
        contract, _, below = rest.partition(":")
        kind = OWN if origin == "override" else COMMITMENT
        listed = below.partition(":")[2]
        if not listed:
            return RateParts(kind, contract=contract)
        inner = read_rate(listed, meter)
        source, version = (inner.source, inner.version) if inner.kind == LIST else ("", "")
        return RateParts(kind, source, version, contract, inner.since, inner.context, inner.above_tokens)
    if origin == "import":
        return RateParts(FILE)
    source, _, version = origin.partition("@")
    marked = f":{meter}:"
    detail = rest.partition(marked)[2] if marked in f":{rest}" else ""
    if rest.startswith(f"{meter}:"):
        detail = rest.removeprefix(f"{meter}:")
    parts = detail.split(":") if detail else []
    bounds = [int(found[1]) for part in parts if (found := _ABOVE.fullmatch(part))]
    return RateParts(
        LIST if version else UNKNOWN, source, version,
        since=next((part for part in parts if _DAY.fullmatch(part)), None),
        context=tuple(one for part in parts if "=" in part for one in part.split(",")),
        above_tokens=bounds[0] if bounds else None,
    )  # fmt: skip


def _context_words(part: str) -> str:
    name, _, value = part.partition("=")
    if name == "region":
        return "any region" if value == "*" else f"in {value}"
    return value if name in ("service_tier", "processing", "speed") else part
