"""Values and times as the detectors want them: finite, in order, with the length of a day in points. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY_S = 86_400.0
LARGEST = 1e150
"""Values are cut to this, so that sums and differences stay finite."""
SPACING_POINTS = 25
"""Points whose spacing is taken for the whole series, so that later points cannot change it."""


@dataclass(frozen=True, slots=True)
class Clean:
    """A series without holes. `seconds` never fall; `values` repeat the last known one where `known` is False;
    `day`: points in a day, 0 when less than two or not known yet."""

    seconds: Floats
    values: Floats
    known: Flags
    day: int

    def __len__(self) -> int:
        return len(self.values)

    def lagged_days(self, days: int) -> NDArray[np.int64]:
        """For each point the index of the one `days` days before it, -1 where there is none within half a step."""
        step = DAY_S / self.day
        wanted = self.seconds - days * DAY_S
        at = np.searchsorted(self.seconds, wanted - step / 2, "left")
        found = at < np.arange(len(self))
        at = np.where(found, at, 0)
        return np.where(found & (np.abs(self.seconds[at] - wanted) <= step / 2), at, -1)


def clean(timestamps: Any, values: ArrayLike) -> Clean:
    """Raises ValueError when the two differ in length or are no vectors. NaN and infinities are unknown values."""
    seconds, given = _seconds(timestamps), np.asarray(values, dtype=np.float64)
    if seconds.ndim != 1 or given.ndim != 1 or len(seconds) != len(given):
        raise ValueError(f"timestamps and values are vectors of one length, not {seconds.shape} and {given.shape}")
    known = np.isfinite(given)
    last = np.maximum.accumulate(np.where(known, np.arange(len(given)), -1))
    filled = np.zeros(len(given))
    if known.any():
        first = int(np.argmax(known))
        filled = given[np.where(last >= 0, last, first)].clip(-LARGEST, LARGEST)
    ordered = np.maximum.accumulate(np.where(np.isfinite(seconds), seconds, -np.inf))
    return Clean(ordered, filled, known, _day(ordered))


def _day(seconds: Floats) -> int:
    if len(seconds) < SPACING_POINTS:
        return 0
    spacing = float(np.median(np.diff(seconds[:SPACING_POINTS])))
    if not np.isfinite(spacing) or spacing <= 0:
        return 0
    points = round(DAY_S / spacing)
    return points if points > 1 else 0


def _seconds(timestamps: Any) -> Floats:
    """Seconds since the epoch, from datetime64, datetimes, ISO 8601 texts or numbers (seconds already)."""
    array = np.asarray(timestamps)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype.kind == "O":
        return np.array([_second(value) for value in array.tolist()], dtype=np.float64)
    return array.astype("datetime64[us]").astype(np.int64) / 1e6


def _second(value: object) -> float:
    return (
        value.timestamp() if isinstance(value, datetime) else float(np.datetime64(str(value), "us").astype(int)) / 1e6
    )


def ewma(values: Floats | Sequence[float], weight: float) -> Floats:
    """Exponentially weighted mean, the newest with `weight`; starts at the first value."""
    level, result = float(values[0]) if len(values) else 0.0, np.empty(len(values))
    for index, value in enumerate(values if isinstance(values, list) else np.asarray(values).tolist()):
        level += weight * (value - level)
        result[index] = level
    return result


def shifted(values: Floats, by: int = 1) -> Floats:
    """Each value `by` points later, the first repeated."""
    return np.concatenate([np.full(min(by, len(values)), values[0]), values[:-by]]) if len(values) else values
