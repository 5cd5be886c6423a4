"""Runs in statsforecast's environment: `python forecast_peer.py SERIES.npz ANSWERS.npz HORIZON`; numpy and it alone.

SERIES holds `values` (all series one after the other), `lengths` and `seasons`; ANSWERS gets one float[series, horizon]
for each method's `mean`, `lower` and `upper` (95 %), and the milliseconds a series.
"""

import sys
import time
from importlib.metadata import version

import numpy as np
from statsforecast.models import MSTL, AutoETS, SeasonalNaive


def main(source: str, target: str, horizon: int) -> None:
    with np.load(source) as given:
        series = np.split(given["values"], np.cumsum(given["lengths"])[:-1])
        seasons = [int(season) for season in given["seasons"]]
    methods = {
        "seasonal naive": lambda: SeasonalNaive(season_length=24),
        "MSTL + ETS": lambda: MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN")),
    }
    answers: dict[str, np.ndarray] = {}
    for name, make in methods.items():
        rows, began = [], time.process_time()
        for values in series:
            found = make().forecast(y=values, h=horizon, level=[95])
            rows.append((found["mean"], found["lo-95"], found["hi-95"]))
        answers[f"{name}/ms"] = np.array(1000 * (time.process_time() - began) / len(series))
        for part, kept in zip(("mean", "lower", "upper"), zip(*rows, strict=True), strict=True):
            answers[f"{name}/{part}"] = np.array(kept)
    np.savez(target, version=np.array(version("statsforecast")), **answers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
