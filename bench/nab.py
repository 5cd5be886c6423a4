"""The scoring rules of the Numenta Anomaly Benchmark, from its paper, and the reading of its files. No detector.

Source: Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms – the Numenta Anomaly Benchmark",
ICMLA 2015 (arXiv:1510.03336), §II: windows, scaled sigmoid, application profiles, one threshold over the corpus,
normalisation between the null and the perfect detector.
"""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PROBATION_SHARE, PROBATION_MOST = 0.15, 750
FAR = 3.0
"""Window lengths past a window's end from which an alert counts as any other false one."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a hit, a false alert and a missed window weigh (paper, table I)."""

    name: str
    hit: float
    false_alert: float
    miss: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward low FP", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward low FN", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series. `windows`: first and last index of each labelled window, ascending, both inclusive."""

    name: str
    times: NDArray[np.datetime64]
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Points at the start that are not scored."""
        return probation(len(self.values))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one threshold gives over a corpus. `precision` of alert episodes (runs of consecutive alerting points of
    which one lies in a window), `recall` of windows; `score` normalised: 0 no alert at all, 100 perfect."""

    threshold: float
    score: float
    precision: float
    recall: float
    episodes: int


def probation(count: int) -> int:
    """Length of the probationary period of a series of `count` points."""
    return min(int(PROBATION_SHARE * count), PROBATION_MOST)


def sigmoid(position: Floats) -> Floats:
    """Scaled sigmoid of the position relative to a window's right edge, in window lengths: 0.987 at its left edge (-1),
    0 at its right one, towards -1 after it, -1 from `FAR` on."""
    inner = np.minimum(np.asarray(position, dtype=np.float64), FAR + 1)
    return np.where(inner > FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * inner)) - 1.0)


BEST = float(sigmoid(np.array(-1.0)))


def weights(count: int, windows: Sequence[tuple[int, int]]) -> tuple[Floats, Ints]:
    """What an alert at each point is worth before a profile weighs it (1 at the left edge of a window, -1 far from
    any), and the number of the point's window (-1 outside)."""
    worth, inside = np.full(count, -1.0), np.full(count, -1, dtype=np.int64)
    for number, (first, last) in enumerate(windows):
        length = last - first + 1
        index = np.arange(first, last + 1)
        worth[index], inside[index] = sigmoid((index - last - 1) / length) / BEST, number
        end = windows[number + 1][0] if number + 1 < len(windows) else count
        after = np.arange(last + 1, end)
        worth[after] = sigmoid((after - last) / max(length - 1, 1))
    return worth, inside


def raw_score(series: Labelled, alerts: NDArray[np.bool_], profile: Profile) -> float:
    """Score of one series: best alert of each window, every alert outside, and the windows without one."""
    worth, inside = weights(len(series.values), series.windows)
    counted = alerts & (np.arange(len(alerts)) >= series.probation)
    total = profile.false_alert * worth[counted & (inside < 0)].sum()
    for number in range(len(series.windows)):
        hits = worth[counted & (inside == number)]
        total += profile.hit * hits.max() if len(hits) else -profile.miss
    return float(total)


def normalised(raw: float, windows: int, profile: Profile) -> float:
    """0 for the detector that never alerts, 100 for one alert at the left edge of each window and none elsewhere."""
    worst, best = -profile.miss * windows, profile.hit * windows
    return 100.0 * (raw - worst) / (best - worst)


def sweep(corpus: Sequence[Labelled], scores: Sequence[Floats], profile: Profile) -> tuple[Floats, Floats]:
    """Every threshold that changes something, descending, and the normalised score of the corpus at each.

    An alert is a point whose score is at least the threshold; points enter in order of their scores, so one pass gives
    all thresholds.
    """
    level, change, windows = [], [], 0
    for series, found in zip(corpus, scores, strict=True):
        worth, inside = weights(len(found), series.windows)
        scored = np.arange(series.probation, len(found))
        outside = scored[inside[scored] < 0]
        level.append(found[outside])
        change.append(profile.false_alert * worth[outside])
        for number in range(len(series.windows)):
            at = scored[inside[scored] == number]
            order = at[np.argsort(-found[at], kind="stable")]
            best = np.maximum.accumulate(worth[order])
            level.append(found[order])
            change.append(profile.hit * np.diff(best, prepend=0.0) + profile.miss * (np.arange(len(order)) == 0))
            windows += 1
    levels, changes = np.concatenate(level), np.concatenate(change)
    order = np.argsort(-levels, kind="stable")
    levels, total = levels[order], np.cumsum(changes[order]) - profile.miss * windows
    last = np.append(levels[1:] != levels[:-1], True)
    return levels[last], np.asarray(normalised_all(total[last], windows, profile))


def normalised_all(raw: Floats, windows: int, profile: Profile) -> Floats:
    """`normalised` of many."""
    worst, best = -profile.miss * windows, profile.hit * windows
    return 100.0 * (raw - worst) / (best - worst)


def best(corpus: Sequence[Labelled], scores: Sequence[Floats], profile: Profile) -> Outcome:
    """The outcome at the threshold that the optimiser chooses for this profile."""
    levels, results = sweep(corpus, scores, profile)
    return outcome(corpus, scores, float(levels[np.argmax(results)]), profile)


def outcome(corpus: Sequence[Labelled], scores: Sequence[Floats], threshold: float, profile: Profile) -> Outcome:
    """Everything at one threshold."""
    raw, hits, windows, right, episodes = 0.0, 0, 0, 0, 0
    for series, found in zip(corpus, scores, strict=True):
        alerts = (found >= threshold) & (np.arange(len(found)) >= series.probation)
        raw += raw_score(series, alerts, profile)
        _, inside = weights(len(found), series.windows)
        hits += len(np.unique(inside[alerts & (inside >= 0)]))
        windows += len(series.windows)
        starts = np.flatnonzero(alerts & ~np.append(False, alerts[:-1]))
        parts = np.split(inside, starts)[1:]
        flags = np.split(alerts, starts)[1:]
        right += sum(bool((part[: _run(flag)] >= 0).any()) for part, flag in zip(parts, flags, strict=True))
        episodes += len(starts)
    return Outcome(
        threshold, normalised(raw, windows, profile), right / episodes if episodes else 0.0, hits / windows, episodes
    )


def _run(flags: NDArray[np.bool_]) -> int:
    """Length of the run of alerts at the start."""
    ends = np.flatnonzero(~flags)
    return int(ends[0]) if len(ends) else len(flags)


def read(folder: Path) -> list[Labelled]:
    """The corpus below `folder`: `windows.json` and gzipped `timestamp,value` files."""
    listed: Mapping[str, list[list[str]]] = json.loads((folder / "windows.json").read_text())
    return [_read(folder, name, windows) for name, windows in sorted(listed.items())]


def _read(folder: Path, name: str, windows: list[list[str]]) -> Labelled:
    with gzip.open(folder / f"{name}.gz", "rt", newline="") as file:
        rows = list(csv.reader(file))[1:]
    times = np.array([row[0] for row in rows], dtype="datetime64[s]")
    edges = [(np.datetime64(start[:19]), np.datetime64(end[:19])) for start, end in windows]
    indexes = tuple(
        (int(np.searchsorted(times, start, "left")), int(np.searchsorted(times, end, "right")) - 1)
        for start, end in edges
    )
    return Labelled(name, times, np.array([float(row[1]) for row in rows]), indexes)
