"""Histograms against exact nearest-rank quantiles, in numpy and in PostgreSQL."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from analytics import histogram
from analytics.histogram import LATENCY, OUTPUT_RATE

QS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
_RNG = np.random.default_rng(7)
DISTRIBUTIONS = {
    "lognormal": _RNG.lognormal(6, 1.2, 5_000),
    "bimodal": np.concatenate([_RNG.normal(50, 1, 4_760), _RNG.normal(60_000, 5, 240)]),
    "constant": np.full(1_000, 333.333),
    "pareto": _RNG.pareto(0.5, 5_000) + 0.01,
    "powers of gamma": histogram.GAMMA ** np.arange(0, 900) / 1000,
    "two values": np.array([1.0] * 95 + [3_600_000.0] * 5),
    "one value": np.array([0.001]),
    "with zeros": np.concatenate([np.zeros(60), _RNG.uniform(1, 2, 40)]),
}


def exact(values: np.ndarray, q: float) -> float:
    """`percentile_disc`: the value of rank ceil(q·n)."""
    return float(np.sort(values)[max(1, math.ceil(q * len(values))) - 1])


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("q", QS)
def test_quantiles_are_within_one_percent(name: str, q: float) -> None:
    values = DISTRIBUTIONS[name]

    answer = histogram.quantile(histogram.encode(values, LATENCY), q, LATENCY)

    assert answer == pytest.approx(exact(values, q), rel=0.01, abs=1e-12)


@pytest.mark.needs_shared
@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("column", ["ContextTokens", "GeneratedTokens"])
def test_quantiles_of_a_real_trace(shared_dir: Path, column: str, q: float) -> None:
    paths = sorted((shared_dir / "data" / "azure_llm_2023").glob("*.csv"))
    values = np.array([float(row[column]) for path in paths for row in csv.DictReader(path.open())])

    parts = [histogram.encode(part, LATENCY) for part in np.array_split(values, 97)]

    assert len(values) == 28_185
    assert histogram.quantile(histogram.merge(parts), q, LATENCY) == pytest.approx(exact(values, q), rel=0.01)


@given(st.lists(st.floats(0, 1e9), max_size=60), st.lists(st.floats(0, 1e9), max_size=60))
def test_merging_is_encoding_the_whole(left: list[float], right: list[float]) -> None:
    merged = histogram.merge([histogram.encode(left, LATENCY), histogram.encode(right, LATENCY)])
    whole = histogram.encode(left + right, LATENCY)

    assert merged[0].tolist() == whole[0].tolist()
    assert merged[1].tolist() == whole[1].tolist()


def test_zero_infinity_and_nan_have_buckets() -> None:
    assert histogram.buckets([0.0, -1.0, math.inf, math.nan], LATENCY).tolist() == [0, 0, 2_000, 2_000]
    assert histogram.value_of(0, LATENCY) == 0.0
    assert histogram.quantile(histogram.encode([], LATENCY), 0.5, LATENCY) is None


def test_postgresql_computes_the_same_buckets(db: None) -> None:
    values = [
        0.0,
        0.0004,
        0.0006,
        0.001,
        1.0,
        800.0,
        3_600_000.0,
        math.inf,
        math.nan,
        *DISTRIBUTIONS["lognormal"][:200],
    ]

    for scale in (LATENCY, OUTPUT_RATE):
        with connection.cursor() as cursor:
            expression = histogram.bucket_sql("v", scale)
            cursor.execute(
                f"SELECT {expression} FROM unnest(%s::float8[]) WITH ORDINALITY t(v, i) ORDER BY i", [values]
            )
            found = [row[0] for row in cursor.fetchall()]

        assert found == histogram.buckets(values, scale).tolist()


def test_postgresql_has_no_bucket_for_nothing(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {histogram.bucket_sql('NULL::float8', LATENCY)}")

        assert cursor.fetchone() == (None,)


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100, 1000])
def test_the_rank_is_that_of_percentile_disc(db: None, q: float, n: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT percentile_disc({q}) WITHIN GROUP (ORDER BY i), {histogram.rank_sql(q, str(n))} "
            f"FROM generate_series(1, {n}) i"
        )
        disc, rank = cursor.fetchone()

    assert disc == rank == max(1, math.ceil(q * n))


@given(st.lists(st.lists(st.integers(0, histogram.LAST_BUCKET), max_size=20), min_size=1, max_size=6))
def test_quantiles_of_many_are_those_of_each(cells: list[list[int]]) -> None:
    entries = [(number, bucket) for number, buckets in enumerate(cells) for bucket in buckets]
    cell = np.array([number for number, _ in entries], np.int64)
    index = np.array([bucket for _, bucket in entries], np.int16)

    found = histogram.quantiles(cell, index, np.full(len(entries), 3), len(cells), QS, LATENCY)

    for q, values in zip(QS, found, strict=True):
        for buckets, value in zip(cells, values, strict=True):
            ranked = sorted(bucket for bucket in buckets for _ in range(3))
            expected = histogram.value_of(ranked[max(1, math.ceil(q * len(ranked))) - 1], LATENCY) if ranked else None
            assert value == expected


@given(
    entries=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, histogram.LAST_BUCKET), st.integers(1, 10**9)), max_size=80
    ),
    qs=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
)
def test_both_ways_to_quantiles_agree(entries: list[tuple[int, int, int]], qs: list[float]) -> None:
    cell, index, counts = (np.array([entry[i] for entry in entries], np.int64) for i in range(3))

    dense = histogram.quantiles(cell, index, counts, 7, qs, LATENCY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "DENSE", -1)
        sorted_ = histogram.quantiles(cell, index, counts, 7, qs, LATENCY)

    assert dense == sorted_
    assert [column[6] for column in dense] == [None] * len(qs)
