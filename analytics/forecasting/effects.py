"""Effects whose time is known before they happen: a price that changes next week, the last day of a month."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecasting.shapes import Floats

LEAST = 3
PRIOR_STEPS = 4.0
LARGEST = 10.0


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that multiplies the values of some steps of the history and the horizon.

    Either `factors` float[len(values) + horizon] are known (a price index: 1 before, 0.8 after), or `steps`
    bool[len(values) + horizon] mark where it acts (a month's last day) and its factor is learned from the history.
    """

    name: str
    factors: Sequence[float] | None = None
    steps: Sequence[bool] | None = None


def factors_of(effects: Sequence[Effect], values: Floats, horizon: int, season: int) -> tuple[Floats, list[str]]:
    """The product of all effects, float[len(values) + horizon], and what to say about them.

    Raises ValueError for an effect of another length, or with a factor that is not a positive number.
    """
    count = len(values)
    product, notes = np.ones(count + horizon), []
    for effect in effects:
        if (effect.factors is None) == (effect.steps is None):
            raise ValueError(f"effect {effect.name!r} states either factors or steps")
        given = np.asarray(effect.factors if effect.factors is not None else effect.steps, dtype=np.float64)
        if given.shape != (count + horizon,):
            raise ValueError(f"effect {effect.name!r} needs {count + horizon} steps: the history and the horizon")
        if effect.factors is None:
            factor = learned(values / product[:count], given[:count] > 0, season)
            given = np.where(given > 0, factor, 1.0)
            if factor != 1.0:
                notes.append(f"{effect.name}: factor {factor:.2f}, learned from the history")
        elif not (np.isfinite(given).all() and (given > 0).all()):
            raise ValueError(f"effect {effect.name!r} has a factor that is not a positive number")
        elif (given[count:] != given[count - 1]).any():
            notes.append(f"{effect.name}: factor {given[-1] / given[count - 1]:.2f} by the end of the horizon")
        product = product * given
    return product, notes


def learned(values: Floats, marked: np.ndarray, season: int) -> float:
    """The median ratio of marked steps to the same step one season before and after, drawn to 1 while they are few.

    1 when there are fewer than three, or when they do not all lie on the same side: that is chance.
    """
    ratios = []
    for at in np.flatnonzero(marked):
        around = [o for o in (at - season, at + season) if 0 <= o < len(values) and not marked[o]]
        usual = float(values[around].mean()) if around else 0.0
        if usual > 0:
            ratios.append(float(values[at]) / usual)
    if len(ratios) < LEAST or min(ratios) < 1.0 < max(ratios):
        return 1.0
    trust = len(ratios) / (len(ratios) + PRIOR_STEPS)
    return float(np.clip(1.0 + trust * (float(np.median(ratios)) - 1.0), 1 / LARGEST, LARGEST))
