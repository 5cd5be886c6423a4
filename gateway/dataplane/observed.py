"""Running estimates of what deployments do. Pure; each update costs a few additions."""

from math import exp

PEAK_DECAY_S = 60.0
MEAN_WEIGHT = 0.05


class PeakMean:
    """Peak-sensitive moving mean: rises to a peak at once, falls with time constant `PEAK_DECAY_S`.

    Source: Twitter Finagle, `PeakEwma` load metric ("quick to react to latency spikes, cautious to recover").
    An estimate nobody refreshes fades as well, so that a deployment that was slow is tried again.
    """

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._at: float | None = None

    def add(self, now: float, sample: float) -> None:
        if self._at is None or sample >= self._value:
            self._value = sample
        else:
            weight = exp(-max(0.0, now - self._at) / PEAK_DECAY_S)
            self._value = self._value * weight + sample * (1 - weight)
        self._at = now

    def at(self, now: float) -> float | None:
        """The estimate at `now`; None before the first sample."""
        if self._at is None:
            return None
        return self._value * exp(-max(0.0, now - self._at) / PEAK_DECAY_S)


class MovingMean:
    """Exponential moving mean by count; exact mean of the first 1/`MEAN_WEIGHT` samples."""

    __slots__ = ("_count", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._count = 0

    def add(self, sample: float) -> None:
        self._count += 1
        self._value += (sample - self._value) * max(MEAN_WEIGHT, 1 / self._count)

    @property
    def value(self) -> float | None:
        """None before the first sample."""
        return self._value if self._count else None
