"""Percentiles of a question against exact nearest rank, from booked lines to the answer: within 1 %."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from analytics.query import Query, Result, run
from analytics.rollups.marks import drain_marks
from tests.analytics.test_histogram import DISTRIBUTIONS, exact
from tests.factories import Acme, book_lines, line

START = datetime(2026, 3, 10, tzinfo=UTC)
QS = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99, "latency_p999": 0.999}
LINES = 600
LONGEST_MS = 30 * 86_400_000.0


def booked(company: Acme, values: np.ndarray) -> np.ndarray:
    """Spread over 50 hours and three models; returns what was booked."""
    sample = np.minimum(np.random.default_rng(7).permutation(values)[:LINES], LONGEST_MS)
    step = timedelta(hours=50) / len(sample)
    book_lines(
        *(
            line(company, at=START + number * step, duration_ms=float(value), model_served=f"m{number % 3}")
            for number, value in enumerate(sample)
        )
    )
    drain_marks()
    return sample


def ask(company: Acme) -> Result:
    query = Query(
        measures=list(QS), start=START, end=START + timedelta(hours=60), organization=company.organization,
        dimensions=["model"], timezone="Asia/Kathmandu", granularity="day",
    )  # fmt: skip
    return run(company.people["alice"], query)


def check(company: Acme, values: np.ndarray) -> None:
    sample = booked(company, values)
    result = ask(company)

    for name, q in QS.items():
        assert result.totals[name] == pytest.approx(exact(sample, q), rel=0.01, abs=1e-3), name
        for group in result.groups:
            part = sample[int(str(group.dimensions["model"])[1:]) :: 3]
            assert group.measures[name] == pytest.approx(exact(part, q), rel=0.01, abs=1e-3), name


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_adversarial_distributions(company: Acme, name: str) -> None:
    check(company, DISTRIBUTIONS[name])


@pytest.mark.needs_shared
@pytest.mark.parametrize("column", ["ContextTokens", "GeneratedTokens"])
def test_a_real_trace(company: Acme, shared_dir: Path, column: str) -> None:
    paths = sorted((shared_dir / "data" / "azure_llm_2023").glob("*.csv"))

    check(company, np.array([float(row[column]) for path in paths for row in csv.DictReader(path.open())]))
