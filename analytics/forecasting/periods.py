"""What is known about a step's length before any value is seen: seasons, lags, how much history is little."""

from dataclasses import dataclass

SPARSE_LAGS = (
    1, 2, 3, 4, 5, 23, 24, 25, 47, 48, 49, 72, 96, 120, 143, 144, 145, 167, 168, 169, 170,
    191, 192, 193, 312, 335, 336, 337,
)  # fmt: skip
DENSE_LAGS = (*range(1, 26), 47, 48, 49, 167, 168, 169)
DAILY_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 21, 22, 28)


@dataclass(frozen=True, slots=True)
class Period:
    """`seasons` are lengths in steps, shortest first; `unit` is the block whose totals carry the level (a day
    of hours).

    Below `short` values the answer is the mean of the last `unit_mean` values with a wide band. `differences` and
    `lags` configure the ridge autoregressions; `logs` says whether they are also fitted on log1p.
    """

    name: str
    seasons: tuple[int, ...]
    unit: int
    short: int
    unit_mean: int
    differences: tuple[int, ...] = ()
    lags: tuple[tuple[int, ...], ...] = ()
    logs: bool = False

    @property
    def season(self) -> int:
        """The season that scaled errors refer to; 1 when there is none."""
        return self.seasons[0] if self.seasons else 1


PERIODS = {
    "hour": Period("hour", (24, 168), 24, 72, 24, (1, 24, 168), (SPARSE_LAGS, DENSE_LAGS), logs=True),
    "day": Period("day", (7,), 1, 14, 7, (1, 7), (DAILY_LAGS,)),
    "week": Period("week", (52,), 1, 8, 4),
    "month": Period("month", (12,), 1, 6, 3),
}


def period_of(period: str | int) -> Period:
    """The period by name, or one of `period` steps a season. Raises ValueError for anything else."""
    if isinstance(period, str) and period in PERIODS:
        return PERIODS[period]
    if isinstance(period, int) and not isinstance(period, bool) and period >= 1:
        seasons = (period,) if period > 1 else ()
        lags = tuple(sorted({1, 2, 3, period, period + 1, 2 * period, max(1, period - 1)}))
        return Period(str(period), seasons, 1, max(8, 2 * period), max(4, period), (1, *seasons), (lags,))
    raise ValueError(f"period is one of {', '.join(PERIODS)} or the number of steps in a season, not {period!r}")
