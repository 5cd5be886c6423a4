"""Alerts of one event are one incident, which grows while it lasts; its causes, the first the most telling. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from analytics.anomaly.frame import WHOLE, Frame, Scope
from analytics.anomaly.watch import METRICS, PROPORTIONS, VOLUMES, Alert, Key, Watch
from analytics.explain.causes import Cause, rank

TOGETHER_H = 12
"""Series that go off so soon after an incident's first one belong to it."""
OVER_H = 72
"""An incident of which nothing was seen for so long is over."""
TIMES_LARGER = 3.0
"""A related series whose hour is worth so many times the incident's worst is an event of its own."""
EXPLAINED_H = 24
CAUSES = ("error_rate", "served_model", "price", "cached_share", "cache_hit_rate")
"""Metrics that are not a mere consequence of another one."""
OPPOSED = 1.5
"""A share so large says that the parts went different ways; then the series itself is told."""
FAILING = ("provider", "model", "api_key", "project", "team")
DIMENSIONS = ("api_key", "project", "provider", "model", "team")
"""Of equal explanations the first here is told."""


@dataclass(slots=True)
class Member:
    """One series in an incident; sums are over its alerting hours."""

    start: int
    last: int
    peak: Alert
    actual: float = 0.0
    expected: float = 0.0
    impact: float = 0.0
    hours: int = 0

    def add(self, alert: Alert) -> None:
        self.last = alert.hour
        self.actual += alert.actual
        self.expected += alert.expected
        self.impact += alert.impact
        self.hours += 1
        if alert.score > self.peak.score:
            self.peak = alert


@dataclass(slots=True)
class Incident:
    """Series that went off together. `id` is the caller's."""

    start: int
    last: int
    members: dict[Key, Member] = field(default_factory=dict)
    id: object = None

    @property
    def root(self) -> Member:
        """The member that explains the others: the first metric in `METRICS`, of its series the widest and largest."""
        return self.members[self.root_key]

    @property
    def root_key(self) -> Key:
        return min(
            self.members,
            key=lambda key: (METRICS.index(key[0]), key[1] != WHOLE, -abs(self.members[key].impact), key[1]),
        )

    @property
    def worst(self) -> float:
        return max(abs(member.peak.impact) for member in self.members.values())

    def add(self, alert: Alert) -> None:
        self.last = max(self.last, alert.hour)
        member = self.members.get(alert.key)
        if member is None:
            member = self.members[alert.key] = Member(alert.hour, alert.hour, alert)
        member.add(alert)


def track(
    incidents: list[Incident], alerts: Sequence[Alert], parents: Mapping[Scope, Collection[Scope]]
) -> list[Incident]:
    """Add `alerts`, in order of time, to `incidents` or to new ones; returns all. `parents`: what a scope lies in.

    An alert goes to the incident that its series is in already, else to one that began a moment ago, else to one that
    it may be a consequence of.
    """
    for alert in alerts:
        going_on = [each for each in reversed(incidents) if each.start <= alert.hour <= each.last + OVER_H]
        home = (
            next((each for each in going_on if _goes_on(alert, each)), None)
            or next((each for each in going_on if alert.hour - each.start <= TOGETHER_H), None)
            or next((each for each in going_on if _follows(alert, each, parents)), None)
        )
        if home is None:
            home = Incident(alert.hour, alert.hour)
            incidents.append(home)
        home.add(alert)
    return incidents


def _is_new_size(alert: Alert, incident: Incident) -> bool:
    return alert.metric in VOLUMES and abs(alert.impact) > TIMES_LARGER * incident.worst > 0


def _goes_on(alert: Alert, incident: Incident) -> bool:
    return alert.key in incident.members and not _is_new_size(alert, incident)


def _follows(alert: Alert, incident: Incident, parents: Mapping[Scope, Collection[Scope]]) -> bool:
    """A further series of the same metric, or a volume or latency that a lasting cause moves."""
    root = incident.root_key[0]
    if _is_new_size(alert, incident) or (alert.metric in CAUSES and alert.metric != root):
        return False
    if any(_related(alert.scope, scope, parents) for metric, scope in incident.members if metric == root):
        return True
    moved = [member.peak for member in incident.members.values() if member.peak.instead]
    return any(alert.scope == ("model", name) for peak in moved for name in (peak.instead, peak.usual))


def _related(one: Scope, other: Scope, parents: Mapping[Scope, Collection[Scope]]) -> bool:
    if WHOLE in (one, other):
        return True
    return one == other or other in parents.get(one, ()) or one in parents.get(other, ())


def causes(frame: Frame, found: Watch, incident: Incident) -> list[Cause]:
    """Where the root's change comes from, over its first day. Structural roots name their own scope first."""
    metric, scope = incident.root_key
    hours = slice(incident.root.start, min(incident.root.last, incident.root.start + EXPLAINED_H - 1) + 1)
    if metric == "served_model" or (metric in ("price", "latency_p95", "ttft_p95") and scope != WHOLE):
        peak = incident.root.peak
        return [Cause(*scope, 1.0, 0.0, peak.actual, peak.expected)]
    if metric in PROPORTIONS:
        successes, trials, _, _ = PROPORTIONS[metric]
        actual = frame.totals(successes, hours, DIMENSIONS)
        usual = _expected_successes(frame, found, metric, trials, hours)
        return rank(actual, usual, FAILING if metric == "error_rate" else DIMENSIONS)
    if metric in VOLUMES:
        actual = frame.totals(VOLUMES[metric], hours, DIMENSIONS)
        ranked = rank(actual, _expected_volumes(frame, found, metric, hours), DIMENSIONS)
        if scope == WHOLE or (ranked and ranked[0].share < OPPOSED):
            return ranked
        peak = incident.root.peak
        return [Cause(*scope, 1.0, 0.0, peak.actual, peak.expected)]
    return []


def _expected_successes(
    frame: Frame, found: Watch, metric: str, trials: str, hours: slice
) -> dict[str, dict[str, float]]:
    """What the usual proportion, from before the incident, would have given."""
    usual, count = found.rates[metric], frame.figures[trials]
    return {
        dimension: {
            frame.scopes[row][1]: _known(usual[row, hours.start]) * float(count[row, hours].sum())
            for row in frame.rows(dimension)
        }
        for dimension in DIMENSIONS
    }


def _expected_volumes(frame: Frame, found: Watch, metric: str, hours: slice) -> dict[str, dict[str, float]]:
    expected = found.bands[metric].expected
    return {
        dimension: {
            frame.scopes[row][1]: sum(_known(value) for value in expected[row, hours]) for row in frame.rows(dimension)
        }
        for dimension in DIMENSIONS
    }


def _known(value: float) -> float:
    return float(value) if value == value else 0.0
