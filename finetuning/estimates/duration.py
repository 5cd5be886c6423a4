"""How long a job takes, by phases learned from own jobs: training is often a few percent of the wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

FEWEST_JOBS = 3
"""Fewer measurements of a phase give no range."""


class Phase(StrEnum):
    VALIDATION = "validation"
    QUEUE = "queue"
    STEPS = "steps"
    FINISHING = "finishing"


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds. `p50`, `p90` None: there were too few own jobs, `note` says so."""

    p50: float | None
    p90: float | None
    phases: Mapping[Phase, tuple[float, float]]
    jobs: int
    note: str


def duration(history: Sequence[Mapping[Phase, float]], *, steps: int | None = None) -> Duration:
    """From finished jobs of the same provider and base model: seconds a phase, of `steps` seconds a step when `steps`
    is given. The range of the whole is taken over whole jobs, since phases vary together."""
    if len(history) < FEWEST_JOBS:
        known = (
            "1 finished job of this kind is" if len(history) == 1 else f"{len(history)} finished jobs of this kind are"
        )
        note = f"{known} known; a range needs {FEWEST_JOBS}."
        return Duration(None, None, {}, len(history), note)
    scaled = [{phase: _seconds(job, phase, steps) for phase in Phase} for job in history]
    totals = sorted(sum(job.values()) for job in scaled)
    phases = {}
    for phase in Phase:
        values = sorted(job[phase] for job in scaled)
        phases[phase] = (_quantile(values, 0.5), _quantile(values, 0.9))
    return Duration(_quantile(totals, 0.5), _quantile(totals, 0.9), phases, len(history), "")


def _seconds(job: Mapping[Phase, float], phase: Phase, steps: int | None) -> float:
    return job.get(phase, 0.0) * (steps if phase is Phase.STEPS and steps is not None else 1)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest, so that the largest of few is not taken for the usual."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
