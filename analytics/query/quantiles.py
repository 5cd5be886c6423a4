"""Percentiles of every cell of an answer, from the histograms that the statement sent: packed rows, or merged cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import histogram
from analytics.metrics import Measure

Cell = tuple[int, int, int]
Entries = tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[Any]]
ALL = -1
# An element of a packed array: its length in bytes, then the value, both in network order.
BUCKETS = np.dtype([("size", ">i4"), ("value", ">i2")])
COUNTS = np.dtype([("size", ">i4"), ("value", ">i4")])


def add(rows: Mapping[Cell, dict[str, Any]], measures: Sequence[Measure]) -> None:
    """Put each quantile measure into its row, under its name; None where nothing was measured."""
    numbers = {cell: number for number, cell in enumerate(rows)}
    for scale in {measure.scale for measure in measures if measure.scale}:
        wanted = [(measure.name, measure.q) for measure in measures if measure.scale == scale and measure.q is not None]
        entries = _entries(rows, numbers, scale.name)
        values = histogram.quantiles(*entries, len(rows), [q for _, q in wanted], scale)
        for (name, _), column in zip(wanted, values, strict=True):
            for row, value in zip(rows.values(), column, strict=True):
                row[name] = value


def _entries(rows: Mapping[Cell, dict[str, Any]], numbers: Mapping[Cell, int], name: str) -> Entries:
    """(cell, bucket, count) of all cells. A packed row counts in its own cell and in those that contain it."""
    cells: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    index: list[npt.NDArray[Any]] = [np.empty(0, np.int16)]
    counts: list[npt.NDArray[Any]] = [np.empty(0, np.int64)]
    for cell, row in rows.items():
        if row[f"packed_{name}_b"] is not None:
            buckets, amounts = _added_up(row[f"packed_{name}_b"], row[f"packed_{name}_n"])
            places = {cell, (cell[0], ALL, cell[2]), (cell[0], ALL, ALL)} & numbers.keys()
        elif row[f"merged_{name}_b"] is not None:
            buckets = np.array(row[f"merged_{name}_b"], np.int16)
            amounts = np.array(row[f"merged_{name}_n"], np.int64)
            places = {cell}
        else:
            continue
        for place in places:
            cells.append(np.full(len(buckets), numbers[place], np.int64))
            index.append(buckets)
            counts.append(amounts)
    return np.concatenate(cells), np.concatenate(index), np.concatenate(counts)


def _added_up(packed_b: bytes, packed_n: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Buckets and counts of packed histograms, each bucket once: what comes after has a hundredth to do then. Counts
    are exact below 2⁵³."""
    buckets = np.frombuffer(packed_b, BUCKETS)["value"]
    amounts = np.frombuffer(packed_n, COUNTS)["value"]
    table = np.bincount(buckets.astype(np.intp), weights=amounts.astype(np.float64))
    found = np.flatnonzero(table)
    return found.astype(np.int16), table[found].astype(np.int64)
