"""From whatever was measured to a series that every forecaster can take: finite, not negative, its largest value 1."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.forecasting.shapes import Floats


@dataclass(frozen=True, slots=True)
class Series:
    """`values` × `scale` is the history; steps before the first known value are dropped."""

    values: Floats
    scale: float
    dropped: int
    notes: tuple[str, ...]


def clean(values: Iterable[float], season: int) -> Series:
    """A gap takes the value one season earlier, or else the known values around it. Raises ValueError without any."""
    raw = np.array(list(values) if not isinstance(values, np.ndarray) else values, dtype=np.float64)
    if raw.ndim != 1:
        raise ValueError(f"values is one series, not an array of {raw.ndim} dimensions")
    known = np.isfinite(raw)
    if not known.any():
        raise ValueError("no known value to forecast from")
    first = int(known.argmax())
    raw, known = raw[first:], known[first:]
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} missing values were filled in from the season before")
        raw = _filled(raw, known, season)
    if (raw < 0).any():
        notes.append(f"{int((raw < 0).sum())} negative values (corrections) were taken as zero")
        raw = np.maximum(raw, 0.0)
    scale = float(raw.max()) or 1.0
    return Series(raw / scale, scale, first, tuple(notes))


def _filled(raw: Floats, known: np.ndarray, season: int) -> Floats:
    steps = np.arange(len(raw))
    between = np.interp(steps, steps[known], raw[known])
    for at in np.flatnonzero(~known):
        raw[at] = raw[at - season] if at >= season else between[at]
    return raw
