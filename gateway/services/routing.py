"""What a route would do, by configuration: the order in which the data plane tries its targets, and why."""

from dataclasses import dataclass
from itertools import groupby

from gateway.models import Route, RouteTarget


@dataclass(frozen=True, slots=True)
class SimulatedTarget:
    """A target's place: `position` of its group of equals (None: never tried), `probability` of being tried first."""

    target: RouteTarget
    position: int | None
    probability: float
    reason: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """The whole order."""

    route: Route
    is_usable: bool
    reason: str
    targets: list[SimulatedTarget]


def simulate(route: Route) -> Simulation:
    """Lower priority first; within one, drawn by weight without replacement, as the data plane draws. One query."""
    rows = list(route.targets.select_related("model__provider").order_by("priority", "-weight", "id"))
    usable = [row for row in rows if not _obstacle(row)]
    found: list[SimulatedTarget] = []
    for position, (_, group) in enumerate(groupby(usable, key=lambda row: row.priority), start=1):
        found += _group(list(group), position)
    found += [SimulatedTarget(row, None, 0.0, _obstacle(row)) for row in rows if _obstacle(row)]
    reason = f"{len(usable)} of {len(rows)} targets can be tried."
    if not route.is_enabled:
        reason = "The route is disabled: a call to the alias finds no model."
    return Simulation(route, route.is_enabled and bool(usable), reason, found)


def _obstacle(row: RouteTarget) -> str:
    if not row.model.is_enabled:
        return f"Never tried: the model {row.model.name} is disabled."
    if not row.model.provider.is_enabled:
        return f"Never tried: the provider {row.model.provider.slug} is disabled."
    return ""


def _group(rows: list[RouteTarget], position: int) -> list[SimulatedTarget]:
    total = sum(row.weight for row in rows)
    found = []
    for row in rows:
        share = row.weight / total if total else 1 / len(rows)
        if position > 1:
            reason = f"Tried when every target before it failed (priority {row.priority})."
        else:
            weight = f"weight {row.weight} of {total} at priority {row.priority}"
            reason = f"Tried first in {share:.1%} of calls ({weight})."
        found.append(SimulatedTarget(row, position, share if position == 1 else 0.0, reason))
    return found
