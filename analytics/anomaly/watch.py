"""Which hours of which series are not what they usually are. Pure, causal: hour t is judged by t and before.

Volumes against the same hours before, proportions by the binomial law, percentiles against their own last week, prices
against the list, and which model serves a requested one. All series together are one family: the bar grows with their
number, so that more keys do not mean more false alarms.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from analytics.anomaly.baseline import DAY, WEEK, Band, band
from analytics.anomaly.frame import Frame, Scope
from analytics.anomaly.series import Floats

FEWEST = 30
"""Calls without which a proportion or a percentile says nothing."""
VOLUMES = {"cost": "cost", "requests": "requests", "tokens": "tokens"}
PROPORTIONS = {
    # successes, trials, both ways, least change
    "error_rate": ("errors", "requests", False, 0.05),
    "cache_hit_rate": ("cache_hits", "requests", True, 0.10),
    "cached_share": ("cache_read_tokens", "input_tokens", True, 0.10),
}
PERCENTILES = ("latency_p95", "ttft_p95")
METRICS = ("error_rate", "served_model", "price", "cached_share", "cache_hit_rate", "cost", "requests", "tokens",
           "ttft_p95", "latency_p95")  # fmt: skip
"""In the order in which they explain each other: the first of an incident is its root."""
WINDOWS = (1, 6)
HOMOGENEOUS = ("project", "api_key")
"""Scopes whose calls are alike: in wider ones a proportion moves with the mix of callers."""
LEAST_SHARE = 0.2
"""Of the expectation, that a volume must be off by."""
USUAL_SHARE, NEW_SHARE = 0.05, 0.3
PRICE_LEAST = 0.01
Key = tuple[str, Scope]


@dataclass(frozen=True, slots=True)
class Settings:
    """`sensitivity` 1 (only the glaring) to 10. `min_impact`: an hour's money below which volumes are let be.
    `tuning`: factor on the bar of single series (above 1: less is said). `excluded`: hours that are no example."""

    sensitivity: int = 5
    min_impact: float = 1.0
    tuning: Mapping[Key, float] = field(default_factory=dict)
    excluded: tuple[slice, ...] = ()

    @property
    def bar(self) -> float:
        """Usual variations that are too many, for a hundred series."""
        return 14.0 - 1.2 * self.sensitivity

    @property
    def chance(self) -> float:
        """How often an hour of all series together may speak by chance."""
        return float(10.0 ** -(7.0 - 0.5 * self.sensitivity))


@dataclass(frozen=True, slots=True)
class Alert:
    """One series in one hour. `impact`: money more (or less) than expected in the hour; `score` in [0, 1]."""

    metric: str
    scope: Scope
    hour: int
    actual: float
    expected: float
    lower: float
    upper: float
    score: float
    impact: float
    instead: str = ""
    usual: str = ""
    """Of `served_model`: the model that serves now, and the one that did."""

    @property
    def key(self) -> Key:
        return self.metric, self.scope


@dataclass(frozen=True, slots=True)
class Watch:
    """What one look at a frame found: `alerts` in order of time, and the `bands` they were judged by."""

    alerts: list[Alert]
    bands: Mapping[str, Band]
    rates: Mapping[str, Floats]
    """Usual proportion by metric, scope and hour; NaN while unknown."""


def watch(frame: Frame, since: int = 0, settings: Settings = Settings()) -> Watch:
    """Alerts of the hours from `since` on. Judging an hour takes at least a week before it."""
    bands = {name: band(frame.figures[figure], frame.start, settings.excluded) for name, figure in VOLUMES.items()}
    rates = {name: _usual(frame, name) for name in PROPORTIONS}
    cost = frame.figures["cost"]
    with np.errstate(invalid="ignore"):
        impact = np.nan_to_num(cost - bands["cost"].expected)
    judge = _Judge(frame, settings, impact, since)
    alerts = [
        *(alert for name in VOLUMES for alert in judge.volume(name, bands[name])),
        *(alert for name in PROPORTIONS for alert in judge.proportion(name, rates[name])),
        *(alert for name in PERCENTILES for alert in judge.percentile(name)),
        *judge.price(),
        *judge.served(),
    ]
    alerts.sort(key=lambda alert: (alert.hour, METRICS.index(alert.metric), alert.scope))
    return Watch(alerts, bands, rates)


def _usual(frame: Frame, name: str) -> Floats:
    """The proportion of the two weeks that ended six hours before."""
    successes, trials, _, _ = PROPORTIONS[name]
    good, all_ = (_trailing(frame.figures[figure], 2 * WEEK, 6) for figure in (successes, trials))
    calls = _trailing(frame.figures["requests"], 2 * WEEK, 6)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((calls >= 2 * FEWEST) & (all_ > 0), good / all_, np.nan)


def _same_hours(good: Floats, all_: Floats, calls: Floats) -> Floats:
    """The proportion of the same hours of the 14 days before; NaN where these had too few calls. What is usual at this
    hour, when other callers are awake, is no anomaly."""
    sums = [np.zeros(good.shape) for _ in range(3)]
    for day in range(1, 15):
        lag = day * DAY
        if lag < good.shape[1]:
            for total, values in zip(sums, (good, all_, calls), strict=True):
                total[:, lag:] += values[:, :-lag]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((sums[2] >= FEWEST) & (sums[1] > 0), sums[0] / sums[1], np.nan)


def _trailing(values: Floats, width: int, gap: int) -> Floats:
    """Sum of `width` hours that end `gap` hours before the end of each hour (gap 0: the hour is the last)."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    end = np.maximum(0, np.arange(values.shape[1]) + 1 - gap)
    return np.maximum(total[:, end] - total[:, np.maximum(0, end - width)], 0.0)


@dataclass(frozen=True)
class _Judge:
    frame: Frame
    settings: Settings
    impact: Floats
    since: int

    @property
    def family(self) -> int:
        return max(1, len(self.frame.scopes) * len(METRICS))

    def volume(self, name: str, usual: Band) -> Iterator[Alert]:
        """Far from the same hours before; twice in three hours unless it is glaring."""
        values = self.frame.figures[VOLUMES[name]]
        with np.errstate(invalid="ignore"):
            distance = np.nan_to_num(usual.distance(values))
            off = np.abs(values - usual.expected) >= LEAST_SHARE * usual.expected
        bar = (self.settings.bar + 0.5 * math.log10(max(1.0, self.family / 100))) * self._tuning(name)
        least = self.settings.min_impact * (1.0 if name == "cost" else 0.25)
        strange = off & (np.abs(self.impact) >= least)
        high, low = strange & (distance > bar), strange & (distance < -0.6 * bar)
        glaring = strange & (distance > 2 * bar)
        spread = usual.spread * bar
        for row, hour in self._hits(glaring | _repeated(high) | _repeated(low)):
            expected, room = float(usual.expected[row, hour]), float(spread[row, hour])
            yield self._alert(
                name, row, hour, float(values[row, hour]), expected, max(0.0, expected - 0.6 * room), expected + room,
                abs(float(distance[row, hour])) / float(bar[row, 0]),
            )  # fmt: skip

    def proportion(self, name: str, usual: Floats) -> Iterator[Alert]:
        """Too many (or few) for the binomial law, in the hour or in the last six."""
        successes, trials, both, least = PROPORTIONS[name]
        chance = self.settings.chance / self.family
        tuning = self._tuning(name)
        told = np.zeros(usual.shape, dtype=bool)
        for width in WINDOWS:
            good, all_ = (_trailing(self.frame.figures[figure], width, 0) for figure in (successes, trials))
            calls = _trailing(self.frame.figures["requests"], width, 0)
            with np.errstate(invalid="ignore", divide="ignore"):
                rate = np.where(all_ > 0, good / all_, np.nan)
                change = rate - usual
                room_made = least * tuning
                off = (calls >= FEWEST) & ((np.abs(change) if both else change) >= room_made)
                off &= ~(np.abs(rate - _same_hours(good, all_, calls)) < room_made)
            for row, hour in self._hits(off & ~told):
                if both and self.frame.scopes[row][0] not in HOMOGENEOUS:
                    continue
                count, known = float(calls[row, hour]), float(usual[row, hour])
                if _tail(float(rate[row, hour]), known, count) <= chance ** float(tuning[row, 0]):
                    told[row, hour] = True
                    room = _room(known, count, chance)
                    yield self._alert(
                        name, row, hour, float(rate[row, hour]), known, max(0.0, known - room) if both else 0.0,
                        min(1.0, known + room), 1.0 + abs(float(change[row, hour])) / max(least, room) - 0.5,
                    )  # fmt: skip

    def percentile(self, name: str) -> Iterator[Alert]:
        """Much slower than the last week of hours with enough calls, twice in three hours."""
        values, calls = self.frame.figures[name], self.frame.figures["requests"]
        bar = self.settings.bar * self._tuning(name)
        for row in range(len(values)):
            known = np.flatnonzero((calls[row] >= FEWEST) & (values[row] > 0))
            logs = np.log(values[row, known])
            hits = []
            for place in range(max(2 * DAY, int(np.searchsorted(known, self.since)) - 2), len(known)):
                past = logs[max(0, place - WEEK) : place]
                middle = float(np.median(past))
                spread = max(0.05, 1.4826 * float(np.median(np.abs(past - middle))))
                distance = (logs[place] - middle) / spread
                if distance > bar[row, 0] and logs[place] - middle > math.log(1.3):
                    hits.append((int(known[place]), middle, spread, float(distance)))
            hours = [hit[0] for hit in hits]
            for hour, middle, spread, distance in hits:
                if hour >= self.since and any(hour - 2 <= other < hour for other in hours):
                    room = float(bar[row, 0]) * spread
                    yield self._alert(
                        name, row, hour, float(values[row, hour]), math.exp(middle), 0.0, math.exp(middle + room),
                        distance / float(bar[row, 0]),
                    )  # fmt: skip

    def price(self) -> Iterator[Alert]:
        """Models whose cost stands otherwise to the list's than in their last week of use."""
        cost, listed = self.frame.figures["cost"], self.frame.figures["list_cost"]
        tuning = self._tuning("price")
        for row in self.frame.rows("model"):
            known = np.flatnonzero(listed[row] > 0)
            ratios = cost[row, known] / listed[row, known]
            for place in range(max(DAY, int(np.searchsorted(known, self.since))), len(known)):
                past = ratios[max(0, place - WEEK) : place]
                usual = float(np.median(past))
                # what costs nothing has no price: a commitment covers its calls, and costs something itself once a day
                if not usual or not ratios[max(0, place - DAY) : place + 1].all():
                    continue
                room = max(PRICE_LEAST * usual, 6 * 1.4826 * float(np.median(np.abs(past - usual)))) * tuning[row, 0]
                off = float(ratios[place]) - usual
                if abs(off) > room:
                    hour = int(known[place])
                    alert = self._alert(
                        "price", row, hour, float(ratios[place]), usual, usual - room, usual + room, abs(off) / room
                    )
                    yield _with(alert, impact=off * float(listed[row, hour]))

    def served(self) -> Iterator[Alert]:
        """Requested models that are suddenly served by another one."""
        for alias, models in sorted(self.frame.served.items()):
            scope = ("model_requested", alias)
            names = sorted(models)
            counts = np.array([models[name] for name in names])
            before, all_before = _trailing(counts, 2 * WEEK, 6), _trailing(counts, 2 * WEEK, 6).sum(axis=0)
            factor = self.settings.tuning.get(("served_model", scope), 1.0)
            told: set[int] = set()
            for width in WINDOWS:
                now = _trailing(counts, width, 0)
                total = now.sum(axis=0)
                ready = (total >= FEWEST) & (all_before >= 100)
                with np.errstate(invalid="ignore", divide="ignore"):
                    was, is_ = before / all_before, now / total
                hits = ready & (was < USUAL_SHARE) & (is_ > min(0.9, NEW_SHARE * factor))
                for place, hour in zip(*np.nonzero(hits), strict=True):
                    if hour < self.since or int(hour) in told:
                        continue
                    told.add(int(hour))
                    usual = float(was[:, hour].max())
                    top = int(was[:, hour].argmax())
                    yield Alert(
                        "served_model", scope, int(hour), float(is_[top, hour]), usual, max(0.0, usual - 0.2), 1.0,
                        float(is_[place, hour]), 0.0, names[place], names[top],
                    )  # fmt: skip

    def _tuning(self, metric: str) -> Floats:
        given = self.settings.tuning
        return np.array([[given.get((metric, scope), 1.0)] for scope in self.frame.scopes])

    def _hits(self, which: np.ndarray) -> Iterator[tuple[int, int]]:
        rows, hours = np.nonzero(which[:, self.since :])
        for row, hour in zip(rows.tolist(), hours.tolist(), strict=True):
            yield row, hour + self.since

    def _alert(
        self, metric: str, row: int, hour: int, actual: float, expected: float, lower: float, upper: float, times: float
    ) -> Alert:
        """`times`: the bar, how often over; 1 is a score of a half."""
        impact = float(self.impact[row, hour])
        score = times / (1.0 + times)
        return Alert(metric, self.frame.scopes[row], hour, actual, expected, lower, upper, score, impact)


def _with(alert: Alert, *, impact: float) -> Alert:
    return Alert(
        alert.metric, alert.scope, alert.hour, alert.actual, alert.expected, alert.lower, alert.upper, alert.score,
        impact, alert.instead, alert.usual,
    )  # fmt: skip


def _repeated(flags: np.ndarray) -> np.ndarray:
    """True where the hour is flagged and one of the two before as well."""
    again = flags.copy()
    again[:, 0] = False
    again[:, 1:] &= flags[:, :-1] | np.concatenate([np.zeros((len(flags), 1), dtype=bool), flags[:, :-2]], axis=1)
    return again


def _tail(rate: float, usual: float, count: float) -> float:
    """Chernoff's bound on the chance of a proportion at least so far from the usual one (Hoeffding 1963, theorem 1):
    exp(-n KL(rate ‖ usual)); never too small, unlike the normal approximation."""
    usual = min(1 - 0.5 / (count + 1), max(0.5 / (count + 1), usual))
    parts = 0.0
    for share, known in ((rate, usual), (1 - rate, 1 - usual)):
        if share > 0:
            parts += share * math.log(share / known)
    return math.exp(-min(700.0, count * parts))


def _room(usual: float, count: float, chance: float) -> float:
    """Half width of the band that is drawn: Bernstein's inequality at the same chance."""
    log = -math.log(chance)
    return math.sqrt(2 * usual * (1 - usual) * log / count) + 2 * log / (3 * count)


Clock = Callable[[int], datetime]


def hour_of(frame: Frame, hour: int) -> datetime:
    """When an hour of the frame begins."""
    return frame.start + timedelta(hours=hour)
