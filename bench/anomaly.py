"""`python -m bench.anomaly`: the score of `analytics.anomaly` by the rules of the Numenta Anomaly Benchmark, and speed.

One threshold for all files, chosen by the optimiser for each profile. Since the detector was developed on these files,
the halves are also judged by the threshold that the other half chose. For comparison the same run scores a plain
detector (rolling mean and standard deviation). Without the data only speed is measured.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from analytics.anomaly import score
from bench import nab
from bench.common import SHARED_DATA, Report, main
from bench.nab import Floats, Labelled

DATA = SHARED_DATA / "nab_dev"
SERIES, HOURS = 2_000, 24 * 90
RECALL = 0.7


def run(options: argparse.Namespace) -> Report:
    report = Report("anomaly", f"23 files of NAB, causal; {SERIES:,} hourly series of 90 days")
    if DATA.exists():
        corpus = nab.read(DATA)
        add_scores(report, corpus, [score(series.times, series.values) for series in corpus])
        plain = [gaussian(series.values) for series in corpus]
        report.add(
            "rolling mean and deviation, standard profile", nab.best(corpus, plain, nab.STANDARD).score, "of 100"
        )
    add_speed(report)
    return report


def add_scores(report: Report, corpus: Sequence[Labelled], scores: Sequence[Floats]) -> None:
    """Profiles, alerts at the standard profile's threshold, the best precision at the wanted recall, halves."""
    for profile in nab.PROFILES:
        found = nab.best(corpus, scores, profile)
        wanted = 58.0 if profile is nab.STANDARD else None
        report.add(f"NAB score, profile {profile.name}", found.score, "of 100", at_least=wanted)
    standard = nab.best(corpus, scores, nab.STANDARD)
    report.add("threshold of the standard profile", standard.threshold, "")
    report.add("precision of alert episodes there", standard.precision, "", at_least=0.45)
    report.add("recall of windows there", standard.recall, "", at_least=RECALL)
    report.add("best precision at recall ≥ 0.7", precision_at(corpus, scores, RECALL), "")
    for number in (0, 1):
        chosen = nab.best(corpus[1 - number :: 2], scores[1 - number :: 2], nab.STANDARD).threshold
        own = nab.best(corpus[number::2], scores[number::2], nab.STANDARD)
        other = nab.outcome(corpus[number::2], scores[number::2], chosen, nab.STANDARD)
        report.add(f"half {number + 1}, own threshold", own.score, "of 100")
        report.add(f"half {number + 1}, the other half's threshold", other.score, "of 100")


def precision_at(corpus: Sequence[Labelled], scores: Sequence[Floats], recall: float) -> float:
    """The best precision of any threshold at which so many windows are found."""
    levels = np.unique(np.concatenate([found[found > 0] for found in scores]))
    levels = levels[:: max(1, len(levels) // 200)]
    outcomes = [nab.outcome(corpus, scores, float(level), nab.STANDARD) for level in levels]
    return max((each.precision for each in outcomes if each.recall >= recall), default=0.0)


def gaussian(values: Floats, window: int = 200) -> Floats:
    """Distance from the mean of the last points in their deviations, squashed into [0, 1)."""
    total, squares = np.cumsum(np.append(0.0, values)), np.cumsum(np.append(0.0, values**2))
    index = np.arange(len(values))
    since = np.maximum(0, index - window)
    count = np.maximum(1, index - since)
    mean = (total[index] - total[since]) / count
    spread = np.sqrt(np.maximum(0.0, (squares[index] - squares[since]) / count - mean**2))
    distance = np.abs(values - mean) / np.maximum(spread, 1e-9)
    return np.asarray(distance / (1 + distance))


def add_speed(report: Report) -> None:
    """Full scores of many hourly series, as a first scan has to make them."""
    rng = np.random.default_rng(5)
    hours = np.datetime64("2026-01-01T00", "h") + np.arange(HOURS)
    shape = 40 + 30 * np.sin(2 * np.pi * np.arange(HOURS) / 24)
    began = time.perf_counter()
    for _ in range(SERIES):
        score(hours, rng.poisson(shape).astype(np.float64))
    report.add("scan of 2,000 hourly series", time.perf_counter() - began, "s", at_most=30.0)


if __name__ == "__main__":
    main("anomaly", run)
