"""Mergeable logarithmic histograms: any quantile of any merge within 1 % of the nearest-rank value. Pure.

Mapping of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019, §2.1) with γ = 1.0202: a value v ≥ 1 falls in ceil(log_γ v) and is answered as 2γ^k / (γ + 1),
so |answer - v| / v ≤ (γ - 1) / (γ + 1) < 1 %. Values are scaled to a small unit first (µs, milli-tokens/s); bucket 0
holds what is below half a unit, bucket k + 1 holds DDSketch's bucket k.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

GAMMA = 1.0202
LOG_GAMMA = math.log(GAMMA)
ZERO_BUCKET = 0
LAST_BUCKET = 2_000
"""Top bucket, 2·10¹⁷ units; larger values, infinities and NaN are kept there so that none can stop a rollup."""

WIDTH = LAST_BUCKET + 1
DENSE = 1 << 16
"""Up to so many buckets in all are held as a table, and more when there are as many entries."""

Sparse = tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Scale:
    """How a measured value becomes the histogram's unit: `units` per 1 of the measured quantity."""

    name: str
    units: float


LATENCY = Scale("latency", 1_000)
"""Milliseconds, kept in µs."""
TTFT = Scale("ttft", 1_000)
"""Milliseconds, kept in µs."""
OUTPUT_RATE = Scale("output_rate", 1_000)
"""Tokens per second, kept in thousandths."""
SCALES = (LATENCY, TTFT, OUTPUT_RATE)


def buckets(values: npt.ArrayLike, scale: Scale) -> npt.NDArray[np.int16]:
    """Bucket of each value; float array in, int16 array of the same shape out."""
    scaled = np.asarray(values, dtype=np.float64) * scale.units
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.maximum(np.ceil(np.log(scaled) / LOG_GAMMA) + 1, 1)
    index = np.where(np.isnan(index), LAST_BUCKET, np.minimum(index, LAST_BUCKET))
    return np.where(scaled < 0.5, ZERO_BUCKET, index).astype(np.int16)


def encode(values: npt.ArrayLike, scale: Scale) -> Sparse:
    """Sparse histogram (bucket ascending, count) of the values."""
    index, counts = np.unique(buckets(values, scale), return_counts=True)
    return index.astype(np.int16), counts.astype(np.int64)


def merge(histograms: Iterable[Sparse]) -> Sparse:
    """Sum of histograms of one scale; the order of merging does not matter."""
    parts = list(histograms)
    if not parts:
        return np.empty(0, np.int16), np.empty(0, np.int64)
    index, inverse = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.zeros(len(index), np.int64)
    np.add.at(counts, inverse, np.concatenate([part[1] for part in parts]))
    return index.astype(np.int16), counts


def value_of(bucket: int, scale: Scale) -> float:
    """The value that answers for a bucket, in the measured quantity (ms, tokens/s)."""
    if bucket == ZERO_BUCKET:
        return 0.0
    return 2 * GAMMA ** (bucket - 1) / (GAMMA + 1) / scale.units


def quantile(histogram: Sparse, q: float, scale: Scale) -> float | None:
    """Nearest-rank quantile, as `percentile_disc`: the value of rank ceil(q·n), at least 1. None when empty."""
    index, counts = histogram
    return quantiles(np.zeros(len(index), np.int64), index, counts, 1, (q,), scale)[0][0]


def quantiles(
    cell: npt.NDArray[np.int64], index: npt.NDArray[Any], counts: npt.NDArray[Any], cells: int,
    qs: Sequence[float], scale: Scale,
) -> list[list[float | None]]:  # fmt: skip
    """Nearest-rank quantiles of many histograms at once: for each of `qs`, one value per cell (None when empty).

    `cell` (0 … cells - 1), `index` (bucket) and `counts` are entries in any order, of equal length; a bucket may occur
    any number of times in a cell, so histograms are merged by putting their entries one after the other.
    """
    if cells * WIDTH <= max(len(index), DENSE):
        return _dense(cell, index, counts, cells, qs, scale)
    order = np.argsort(cell * (LAST_BUCKET + 1) + index)
    cell, index = cell[order], index[order]
    running = np.concatenate([[0], np.cumsum(counts[order], dtype=np.int64)])
    edges = np.searchsorted(cell, np.arange(cells + 1))
    before, total = running[edges[:-1]], running[edges[1:]] - running[edges[:-1]]
    found: list[list[float | None]] = []
    for q in qs:
        rank = np.maximum(1, np.ceil(q * total)).astype(np.int64)
        at = np.searchsorted(running, before + rank) - 1
        found.append([value_of(int(index[i]), scale) if n else None for i, n in zip(at, total, strict=True)])
    return found


def _dense(
    cell: npt.NDArray[np.int64], index: npt.NDArray[Any], counts: npt.NDArray[Any], cells: int,
    qs: Sequence[float], scale: Scale,
) -> list[list[float | None]]:  # fmt: skip
    """`quantiles` by a table of all buckets of all cells: no sorting, which is most of the work when there are many
    entries for few cells. Counts are exact below 2⁵³."""
    place = cell * WIDTH + index
    running = np.bincount(place, weights=counts, minlength=cells * WIDTH).reshape(cells, WIDTH).cumsum(axis=1)
    total = running[:, -1]
    found: list[list[float | None]] = []
    for q in qs:
        rank = np.maximum(1, np.ceil(q * total))
        at = (running < rank[:, None]).sum(axis=1)
        found.append([value_of(int(i), scale) if n else None for i, n in zip(at, total, strict=True)])
    return found


def bucket_sql(value: str, scale: Scale) -> str:
    """SQL of `buckets` for a double precision expression; NULL stays NULL."""
    scaled = f"({value}) * {scale.units:.1f}::float8"
    index = f"least(greatest(ceil(ln({scaled}) / {LOG_GAMMA!r}::float8) + 1, 1), {LAST_BUCKET})"
    # greatest and least pass over NULL, hence the second condition
    return f"(CASE WHEN {scaled} < 0.5 THEN {ZERO_BUCKET} WHEN {scaled} IS NOT NULL THEN {index} END)::smallint"


def value_sql(bucket: str, scale: Scale) -> str:
    """SQL of `value_of` for an integer expression; NULL stays NULL."""
    value = f"2 * power({GAMMA!r}::float8, ({bucket}) - 1) / {GAMMA + 1!r}::float8 / {scale.units:.1f}::float8"
    return f"(CASE WHEN ({bucket}) = {ZERO_BUCKET} THEN 0 ELSE {value} END)"


def rank_sql(q: float, total: str) -> str:
    """SQL of the nearest rank of quantile `q` among `total` values."""
    return f"greatest(1, ceil({q!r}::float8 * {total}))"
