"""The score: 100 less what each part costs, each part capped, so that the sum can be checked by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.security.findings import Finding
from analytics.security.incidents import Incident

OPEN_WEIGHTS = {"high": 10.0, "medium": 5.0, "low": 2.0}


@dataclass(frozen=True, slots=True)
class Part:
    """`penalty` = min(`cap`, `value` × `weight`)."""

    name: str
    label: str
    value: float
    weight: float
    cap: float

    @property
    def penalty(self) -> float:
        return min(self.cap, self.value * self.weight)


def score_of(
    *, keys: int, findings: Iterable[Finding], incidents: Iterable[Incident], calls: int, refused: int
) -> tuple[float | None, list[Part]]:
    """0 to 100 and its parts; None for an organization without a key, of which nothing can be said. Shares are per
    cent: of keys with a finding, of `calls` that were `refused`."""
    by_kind: dict[str, set[str]] = {}
    for one in findings:
        by_kind.setdefault(one.finding, set()).add(one.key)

    def share(*kinds: str) -> float:
        found = set().union(*(by_kind.get(kind, set()) for kind in kinds))
        return round(100 * len(found) / keys, 2) if keys else 0.0

    weight = sum(OPEN_WEIGHTS[one.severity] for one in incidents if one.status == "open")
    parts = [
        Part("unused_keys", "Keys that are not used, per cent", share("unused"), 0.15, 15),
        Part("old_keys", "Keys not rotated for half a year, per cent", share("old"), 0.15, 15),
        Part("over_permitted_keys", "Keys that may more than they need, per cent", share("over_permitted"), 0.15, 15),
        Part("unusual_use", "Keys used in an unusual way, per cent",
             share("unusual_ip", "unusual_hour", "unusual_model"), 0.5, 20),
        Part("refused_calls", "Calls refused, per cent", round(100 * refused / calls, 2) if calls else 0.0, 1, 10),
        Part("open_incidents", "Open incidents: 10 high, 5 medium, 2 low", weight, 1, 25),
    ]  # fmt: skip
    return (None, parts) if not keys else (round(100 - sum(part.penalty for part in parts), 2), parts)
