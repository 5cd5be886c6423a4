"""Forecasts of the M4 competition's hourly series and of real LLM usage, beside statsforecast in the same run.

M4 (Makridakis, Spiliotis & Assimakopoulos 2020, IJF 36(1)): 48 steps, season 24, the official formulas of sMAPE, MASE,
OWA (against Naive2) and MSIS. ServeGen (arXiv:2505.09999): hourly requests of clients, 48 hours from three origins in
days 10 to 12. Nothing is tuned per series; the halves (every other series) show how much a figure depends on which
series there are. Then 500 series of 90 days, as many as a large installation forecasts in a night, in a new process.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import common
from bench.common import ROOT, SHARED_DATA, Report
from bench.dataplane.peers import directory

STATSFORECAST_VERSION = "2.1.1"
HORIZON, SEASON = 48, 24
M4 = SHARED_DATA / "m4_hourly_dev.csv"
SERVEGEN = SHARED_DATA / "servegen_2024" / "servegen_hourly_dev.csv.gz"
LANGUAGE_MODELS = ("m-small", "m-mid", "m-large")
ORIGINS = (240, 264, 288)
HALVES = {"": slice(None), ", even half": slice(0, None, 2), ", odd half": slice(1, None, 2)}
PEERS = ("seasonal naive", "MSTL + ETS")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Set:
    """Histories and what followed, float[series, HORIZON]."""

    histories: list[Floats]
    actual: Floats


@dataclass(frozen=True, slots=True)
class Answer:
    """One method's forecasts of a set; bounds are those of 95 %."""

    mean: Floats
    lower: Floats
    upper: Floats
    ms: float


# ---- data ----------------------------------------------------------------------------------------------------------
def m4() -> Set:
    histories, actual = [], []
    with M4.open() as rows:
        for row in list(csv.reader(rows))[1:]:
            values = np.array(row[3:], dtype=np.float64)
            histories.append(values[: int(row[1])])
            actual.append(values[int(row[1]) : int(row[1]) + HORIZON])
    return Set(histories, np.array(actual))


def servegen() -> tuple[Set, Set]:
    """Totals of the models; clients that are active (traffic in > 90 % of 288 hours, > 50 requests an hour)."""
    clients: dict[tuple[str, str], Floats] = defaultdict(lambda: np.zeros(336))
    with gzip.open(SERVEGEN, "rt") as rows:
        for row in csv.DictReader(rows):
            if row["model"] in LANGUAGE_MODELS:
                clients[row["model"], row["client"]][int(row["hour"])] = float(row["requests"])
    totals = [sum(v for (model, _), v in clients.items() if model == name) for name in LANGUAGE_MODELS]
    active = [v for v in clients.values() if (v[:288] > 0).mean() > 0.9 and v[:288].mean() > 50]
    return _windows([np.asarray(total) for total in totals]), _windows(active)


def _windows(series: list[Floats]) -> Set:
    cuts = [(values, end) for values in series for end in ORIGINS]
    return Set([v[:end] for v, end in cuts], np.array([v[end : end + HORIZON] for v, end in cuts]))


# ---- forecasters ---------------------------------------------------------------------------------------------------
def ours(data: Set) -> tuple[Answer, Floats]:
    """Our answers, and the intervals of the totals float[series, 3]: lower, mean, upper at 95 %."""
    from analytics.forecasting import forecast

    rows, totals, began = [], [], time.process_time()
    for values in data.histories:
        found = forecast(values, horizon=HORIZON)
        rows.append((found.mean, found.lower[0.95], found.upper[0.95]))
        totals.append((found.total.lower[0.95], found.total.mean, found.total.upper[0.95]))
    ms = 1000 * (time.process_time() - began) / len(rows)
    mean, lower, upper = (np.array(part) for part in zip(*rows, strict=True))
    return Answer(mean, lower, upper, ms), np.array(totals)


def install() -> Path:
    """statsforecast's python, installed with pip into its own virtual environment when it is missing."""
    home = directory() / "statsforecast"
    python = home / "bin" / "python"
    if not (home / "bin" / "python").exists() or not list(home.glob("lib/python*/site-packages/statsforecast")):
        print(f"installing statsforecast {STATSFORECAST_VERSION} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"statsforecast=={STATSFORECAST_VERSION}"], check=True)
    return python


def peers(data: Set, seasons: tuple[int, ...]) -> dict[str, Answer]:
    python = install()
    lengths = np.array([len(values) for values in data.histories])
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "series.npz", Path(scratch) / "answers.npz"
        np.savez(source, values=np.concatenate(data.histories), lengths=lengths, seasons=np.array(seasons))
        script = ROOT / "bench" / "forecast_peer.py"
        subprocess.run([str(python), str(script), str(source), str(target), str(HORIZON)], check=True, env=_one_core())
        with np.load(target) as found:
            return {
                name: Answer(
                    *(found[f"{name}/{part}"] for part in ("mean", "lower", "upper")), float(found[f"{name}/ms"])
                )
                for name in PEERS
            }


def _one_core() -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NIXTLA_NUMBA_RELEASE_GIL")
    return {**os.environ, **dict.fromkeys(threads, "1")}


# ---- the official formulas -----------------------------------------------------------------------------------------
def naive2(values: Floats) -> Floats:
    """M4's Naive2: seasonally adjusted (multiplicative, classical) when the 90 % test finds a season, then naive."""
    count, centred = len(values), values - values.mean()
    squares = float((centred**2).sum())
    lags = np.array([(centred[lag:] * centred[:-lag]).sum() / squares for lag in range(1, SEASON + 1)])
    if abs(lags[-1]) <= 1.645 * np.sqrt((1 + 2 * (lags[:-1] ** 2).sum()) / count):
        return np.full(HORIZON, values[-1])
    window = np.r_[0.5, np.ones(SEASON - 1), 0.5] / SEASON
    ratios = np.full(count, np.nan)
    half = SEASON // 2
    ratios[half : count - half] = values[half : count - half] / np.convolve(values, window, "valid")
    factors = np.array([np.nanmean(ratios[phase::SEASON]) for phase in range(SEASON)])
    factors /= factors.mean()
    return values[-1] / factors[(count - 1) % SEASON] * factors[(count + np.arange(HORIZON)) % SEASON]


def smape(actual: Floats, mean: Floats) -> Floats:
    """Per cent, one a series."""
    return (200 * np.abs(actual - mean) / (np.abs(actual) + np.abs(mean))).mean(axis=1)


def scales(data: Set) -> Floats:
    """The in-sample error of the seasonal naive, M4's denominator of MASE and MSIS."""
    return np.array([np.abs(values[SEASON:] - values[:-SEASON]).mean() for values in data.histories])


def owa(data: Set, mean: Floats, chosen: slice) -> tuple[float, float, float]:
    """OWA, sMAPE, MASE of some of the series."""
    base = np.array([naive2(values) for values in data.histories])
    scale = scales(data)[:, None]
    figures = []
    for forecasts in (mean, base):
        errors = (np.abs(data.actual - forecasts) / scale).mean(axis=1)
        figures.append((smape(data.actual, forecasts)[chosen].mean(), errors[chosen].mean()))
    (sm, ma), (sm2, ma2) = figures
    return (sm / sm2 + ma / ma2) / 2, sm, ma


def covered(data: Set, answer: Answer, chosen: slice = slice(None)) -> float:
    """Per cent of the values within the bounds."""
    return 100 * float(((data.actual >= answer.lower) & (data.actual <= answer.upper))[chosen].mean())


def msis(data: Set, answer: Answer, chosen: slice) -> float:
    below, above = np.maximum(answer.lower - data.actual, 0), np.maximum(data.actual - answer.upper, 0)
    score = (answer.upper - answer.lower + 40 * (below + above)).mean(axis=1) / scales(data)
    return float(score[chosen].mean())


# ---- reports -------------------------------------------------------------------------------------------------------
def add_m4(report: Report, data: Set) -> None:
    mine, totals = ours(data)
    for half, chosen in HALVES.items():
        figures = owa(data, mine.mean, chosen)
        report.add(f"M4 hourly: OWA{half}", figures[0], "", at_most=0.41)
        if not half:
            report.add("M4 hourly: sMAPE", figures[1], "%")
            report.add("M4 hourly: MASE", figures[2], "")
        report.add(f"M4 hourly: 95 % interval covers, at least{half}", covered(data, mine, chosen), "%", at_least=93)
        report.add(f"M4 hourly: 95 % interval covers, at most{half}", covered(data, mine, chosen), "%", at_most=97)
        report.add(f"M4 hourly: MSIS{half}", msis(data, mine, chosen), "", at_most=7.2)
    sums = data.actual.sum(axis=1)
    report.add("M4 hourly: 95 % interval of the total covers", _total_cover(totals, sums), "%")
    report.add("M4 hourly: processor time a series, with intervals", mine.ms, "ms", at_most=60)
    for name, answer in peers(data, (24, 168)).items():
        report.add(f"M4 hourly, {name}: OWA", owa(data, answer.mean, slice(None))[0], "")
        report.add(f"M4 hourly, {name}: 95 % interval covers", covered(data, answer), "%")
        report.add(f"M4 hourly, {name}: MSIS", msis(data, answer, slice(None)), "")
        report.add(f"M4 hourly, {name}: processor time a series", answer.ms, "ms")


def _total_cover(totals: Floats, sums: Floats) -> float:
    return 100 * float(((totals[:, 0] <= sums) & (sums <= totals[:, 2])).mean())


def add_servegen(report: Report, label: str, data: Set, *, targets: bool) -> None:
    mine, totals = ours(data)
    theirs = peers(data, (24,))
    figures = {name: _errors(data, answer.mean) for name, answer in {"ours": mine, **theirs}.items()}
    for at, figure in enumerate(("median WAPE", "mean MASE")):
        best = min(figures[name][at] for name in PEERS)
        report.add(f"{label}: {figure}", figures["ours"][at], "", at_most=round(best, 4) if targets else None)
        for name in PEERS:
            report.add(f"{label}, {name}: {figure}", figures[name][at], "")
    sums = data.actual.sum(axis=1)
    report.add(f"{label}: 95 % interval covers", covered(data, mine), "%")
    report.add(f"{label}: 95 % interval of the total covers", _total_cover(totals, sums), "%")
    report.add(f"{label}: median error of the total", 100 * float(np.median(np.abs(totals[:, 1] - sums) / sums)), "%")


def _errors(data: Set, mean: Floats) -> tuple[float, float]:
    """Median WAPE, mean MASE."""
    errors = np.abs(data.actual - mean)
    return float(np.median(errors.sum(axis=1) / data.actual.sum(axis=1))), float(
        (errors.mean(axis=1) / scales(data)).mean()
    )


NIGHT = """
import numpy as np
from analytics.forecasting import forecast
random, hours = np.random.default_rng(7), np.arange(2160)
shape = 1.2 + np.sin(hours * np.pi / 12) * (0.4 + 0.6 * (hours // 24 % 7 < 5))
for _ in range(500):
    forecast(random.poisson(40 * shape * random.gamma(3, 1 / 3, 2160)), horizon=48)
"""


def add_night(report: Report) -> None:
    began = time.monotonic()
    used = os.times()
    subprocess.run([sys.executable, "-c", NIGHT], check=True, cwd=ROOT, env=_one_core())
    after = os.times()
    processor = after.children_user + after.children_system - used.children_user - used.children_system
    report.add("500 series × 90 days of hours, cold start included", processor, "s processor", at_most=60)
    report.add("500 series × 90 days of hours, by the clock", time.monotonic() - began, "s")


def run(options: argparse.Namespace) -> Report:
    report = Report("forecast", "48 hours ahead; M4 hourly sample of 207 series, ServeGen sample; one core")
    if not M4.exists():
        report.skipped = f"{M4} is absent"
        return report
    os.environ.update(_one_core())
    add_m4(report, m4())
    totals, clients = servegen()
    add_servegen(report, "ServeGen clients", clients, targets=True)
    add_servegen(report, "ServeGen model totals", totals, targets=False)
    add_night(report)
    report.versions = {"numpy": np.__version__, "statsforecast": STATSFORECAST_VERSION}
    return report


if __name__ == "__main__":
    common.main("forecast", run)
