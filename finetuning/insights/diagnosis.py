"""What is the matter with a run, from its curve: one diagnosis, with every number it rests on."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from finetuning.insights.curves import Point

RISE = 0.05
"""Held-out loss this much above its lowest, with train loss falling meanwhile, is overfitting."""
STILL = 0.02
"""Held-out loss falling by at least this share over the last quarter of the run is still improving."""
FLAT = 0.10
"""Train loss that fell by less than this share over the whole run did not learn."""
DIVERGED = 2.0
"""Train loss at this many times its first level has diverged."""
NOISY = 0.6
"""Mean change from step to step, as a share of the smoothed loss: above it a step's loss says little."""
GAP = 0.5
"""Held-out loss this share above the train loss, and flat, wants more rows rather than more epochs."""
NEAR_FLOOR = 1.15
"""Train loss within this factor of what contradicting answers allow cannot fall further."""
NEAR_NOISE = (1 / 1.15, 1.15)
"""Held-out loss between these times what wrong labels leave is what they leave: the estimate is rough both ways."""
STALLED_AFTER = 6.0
"""A pause this many times the usual one between two measurements is a stall."""
FEW_POINTS = 4


class Kind(StrEnum):
    HEALTHY = "healthy"
    STILL_IMPROVING = "still_improving"
    OVERFITTING = "overfitting"
    UNDERFITTING = "underfitting"
    DIVERGED = "diverged"
    NOISY = "noisy"
    LABEL_FLOOR = "label_floor"
    DATA_BOUND = "data_bound"
    STALLED = "stalled"
    FAILED = "failed"
    TOO_EARLY = "too_early"


@dataclass(frozen=True, slots=True)
class Floor:
    """What the training file's answers leave of a loss, in the unit of the curve (nats a token; of a local head nats a
    line). `contradictions`: at least, by `contradicting` lines whose question is answered in two ways; `noise`: by
    wrong labels on `noise_share` of the lines, an estimate. 0: none, or not known."""

    contradictions: float = 0.0
    contradicting: int = 0
    noise: float = 0.0
    noise_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a job besides its curve. `floor`: what no training can go below; `kept`: steps whose checkpoints
    can still be used, None when the vendor keeps all; `silence_s`, `usual_gap_s`: time since the last measurement, and
    the usual time between two."""

    status: str = "succeeded"
    error: str = ""
    n_train: int = 0
    batch_size: int = 0
    n_epochs: int = 0
    floor: Floor = Floor()
    kept: Sequence[int] | None = None
    keeps_last_epochs: int | None = None
    silence_s: float | None = None
    usual_gap_s: float | None = None

    @property
    def is_running(self) -> bool:
        return self.status not in ("succeeded", "failed", "cancelled")

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.n_train // self.batch_size) if self.n_train and self.batch_size else 0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`figures`: the numbers it rests on. `advice`: what to do, in the order of effect."""

    kind: Kind
    text: str
    figures: dict[str, float] = field(default_factory=dict)
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Insight:
    """`best_step`: lowest held-out loss that was measured (train loss without a validation set); `best_kept_step`: the
    best of the checkpoints that can still be used; `loses_best_at`: a running job's step at which the vendor drops the
    best checkpoint; None when it does not, or nothing can be told."""

    diagnosis: Diagnosis
    best_step: int | None
    best_loss: float | None
    best_kept_step: int | None
    best_kept_loss: float | None
    loses_best_at: int | None
    basis: str


def diagnose(points: Sequence[Point], run: Run) -> Insight:
    """The first that is true of: failed, diverged, stalled, too early, overfitting, label floor, noisy, underfitting,
    still improving, data-bound, healthy."""
    held = [(point.step, loss) for point in points if (loss := point.held_out) is not None and math.isfinite(loss)]
    train = [(point.step, point.train_loss) for point in points if point.train_loss is not None]
    finite = [(step, loss) for step, loss in train if math.isfinite(loss)]
    basis = "held_out" if held else "train"
    curve = held or finite
    best = min(curve, key=lambda pair: pair[1], default=None)
    usable = curve if run.kept is None else [pair for pair in curve if pair[0] in set(run.kept)]
    kept = min(usable, key=lambda pair: pair[1], default=None)
    best_step, best_loss = best or (None, None)
    kept_step, kept_loss = kept or (None, None)
    verdict = _diagnosis(train, finite, held, run)
    return Insight(verdict, best_step, best_loss, kept_step, kept_loss, _dropped_at(best, run), basis)


def _diagnosis(
    train: Sequence[tuple[int, float]], finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]], run: Run
) -> Diagnosis:
    if run.status == "failed":
        return Diagnosis(
            Kind.FAILED, run.error or "The provider gave no reason.", advice=("Mend the cause and retry.",)
        )
    found = _diverged(train, finite) or _stalled(run)
    if found:
        return found
    if len(finite) < FEW_POINTS and len(held) < FEW_POINTS:
        figures = {"points": float(max(len(finite), len(held)))}
        return Diagnosis(Kind.TOO_EARLY, "Too few points were measured to tell.", figures)
    return (
        _overfitting(finite, held, run)
        or _label_floor(finite, held, run.floor)
        or _noisy(finite, run)
        or _underfitting(finite, held)
        or _still_improving(held or finite)
        or _data_bound(finite, held)
        or Diagnosis(Kind.HEALTHY, "Loss fell and has settled.", _ends(finite, held))
    )


def _diverged(train: Sequence[tuple[int, float]], finite: Sequence[tuple[int, float]]) -> Diagnosis | None:
    advice = ("Lower the learning rate multiplier to a half or less.", "Look at the rows of the first steep step.")
    for step, loss in train:
        if not math.isfinite(loss):
            return Diagnosis(Kind.DIVERGED, f"Train loss is no number from step {step} on.", {"step": step}, advice)
    if len(finite) < FEW_POINTS:
        return None
    first, last = _level(finite[: _quarter(finite)]), _level(finite[-_quarter(finite) :])
    if last <= first or last < DIVERGED * first:
        return None
    text = f"Train loss rose from {first:.3g} to {last:.3g}."
    return Diagnosis(Kind.DIVERGED, text, {"first": first, "last": last}, advice)


def _stalled(run: Run) -> Diagnosis | None:
    if not run.is_running or not run.silence_s or not run.usual_gap_s:
        return None
    if run.silence_s <= STALLED_AFTER * run.usual_gap_s:
        return None
    times = run.silence_s / run.usual_gap_s
    text = f"Nothing was measured for {_long(run.silence_s)}, {times:,.0f} times the usual pause."
    figures = {"silence_s": run.silence_s, "usual_gap_s": run.usual_gap_s}
    return Diagnosis(Kind.STALLED, text, figures, ("Ask the provider's status page.", "Cancel when it does not go on."))


def _long(seconds: float) -> str:
    """As people say it: `50 s`, `46 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _overfitting(
    finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]], run: Run
) -> Diagnosis | None:  # fmt: skip
    if len(held) < 3:
        return None
    best_step, best = min(held, key=lambda pair: pair[1])
    last_step, last = held[-1]
    later = [loss for step, loss in held if step > best_step]
    rise = last / best - 1 if best > 0 else 0.0
    if len(later) < 2 or rise < RISE or min(later) <= best:
        return None
    before = [loss for step, loss in finite if step <= best_step] or [loss for _, loss in finite[:1]]
    after = [loss for step, loss in finite if step > best_step]
    if before and after and statistics.fmean(after) > statistics.fmean(before):
        return None  # both rise: that is no overfitting
    text = (
        f"Held-out loss was lowest at step {best_step} ({best:.4g}) and is {rise:.0%} higher at step {last_step} "
        f"({last:.4g}), while train loss kept falling."
    )
    figures = {"best_step": best_step, "best": best, "last_step": last_step, "last": last, "rise": rise}
    return Diagnosis(
        Kind.OVERFITTING,
        text,
        figures,
        (_usable(best_step, held, run), "Train fewer epochs.", "Add rows."),
    )


def _usable(best_step: int, held: Sequence[tuple[int, float]], run: Run) -> str:
    """Which checkpoint to use: the best one, else the best that there still is."""
    if run.kept is None or best_step in run.kept:
        return f"Use the checkpoint of step {best_step}."
    kept = min((pair for pair in held if pair[0] in set(run.kept)), key=lambda pair: pair[1], default=None)
    if kept is None:
        return f"The checkpoint of step {best_step} is not kept, nor one of another measured step: train again."
    return f"The checkpoint of step {best_step} is not kept: use that of step {kept[0]}, the best that is."


def _label_floor(
    finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]], floor: Floor
) -> Diagnosis | None:
    """Contradicting lines bound the train loss; wrong labels the held-out loss, since single lines can be remembered
    but not foreseen."""
    if floor.contradictions > 0 and len(finite) >= FEW_POINTS:
        last = _level(finite[-_quarter(finite) :])
        if last <= NEAR_FLOOR * floor.contradictions:
            text = (
                f"Train loss is {last:.4g}; {floor.contradicting:,} lines that contradict each other leave at least "
                f"{floor.contradictions:.4g}."
            )
            figures = {"last": last, "floor": floor.contradictions, "contradicting_lines": float(floor.contradicting)}
            advice = ("Mend the contradicting answers; more epochs cannot help.",)
            return Diagnosis(Kind.LABEL_FLOOR, text, figures, advice)
    if floor.noise > 0 and len(held) >= FEW_POINTS:
        last = _level(held[-_quarter(held) :])
        low, high = NEAR_NOISE
        if low * floor.noise <= last <= high * floor.noise and _still_improving(held) is None:
            text = (
                f"Held-out loss has settled at {last:.4g}; wrong labels on about {floor.noise_share:.1%} of the lines "
                f"would leave {floor.noise:.4g}."
            )
            figures = {"last": last, "floor": floor.noise, "noise_share": floor.noise_share}
            advice = ("Look at the lines told as wrong labels and set them; more epochs cannot help.",)
            return Diagnosis(Kind.LABEL_FLOOR, text, figures, advice)
    return None


def _underfitting(finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]]) -> Diagnosis | None:
    if len(finite) < FEW_POINTS:
        return None
    first, last = _level(finite[: _quarter(finite)]), _level(finite[-_quarter(finite) :])
    fell = 1 - last / first if first > 0 else 1.0
    if fell >= FLAT or (held and held[-1][1] < held[0][1] * (1 - FLAT)):
        return None
    text = f"Train loss fell by {fell:.0%} over the whole run, from {first:.4g} to {last:.4g}."
    advice = (
        "Raise the learning rate multiplier.",
        "Train more epochs.",
        "Check that answers follow from the prompts.",
    )
    return Diagnosis(Kind.UNDERFITTING, text, {"first": first, "last": last, "fell": fell}, advice)


def _noisy(finite: Sequence[tuple[int, float]], run: Run) -> Diagnosis | None:
    if len(finite) < 3 * FEW_POINTS:
        return None
    losses = [loss for _, loss in finite]
    tail = losses[len(losses) // 2 :]
    level = statistics.fmean(tail)
    steps = statistics.fmean(abs(after - before) for before, after in pairwise(tail))
    noise = steps / level if level > 0 else 0.0
    if noise < NOISY:
        return None
    text = f"Train loss changes by {noise:.0%} of its level from one measurement to the next."
    advice = (f"Raise the batch size{f' from {run.batch_size}' if run.batch_size else ''}.", "Judge by held-out loss.")
    return Diagnosis(Kind.NOISY, text, {"noise": noise, "level": level, "batch_size": run.batch_size}, advice)


def _still_improving(curve: Sequence[tuple[int, float]]) -> Diagnosis | None:
    if len(curve) < FEW_POINTS:
        return None
    size = _quarter(curve)
    last = curve[-1][1] if size == 1 else _level(curve[-size:])
    before = curve[-1 - size][1] if size == 1 else _level(curve[-2 * size : -size])
    fell = 1 - last / before if before > 0 else 0.0
    if fell < STILL:
        return None
    text = f"Loss still fell by {fell:.0%} over the last quarter of the run."
    figures = {"before": before, "last": last, "fell": fell}
    return Diagnosis(Kind.STILL_IMPROVING, text, figures, ("Train more epochs, or go on from the last checkpoint.",))


def _data_bound(finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]]) -> Diagnosis | None:
    if not held or not finite:
        return None
    train, valid = _level(finite[-_quarter(finite) :]), held[-1][1]
    gap = valid / train - 1 if train > 0 else math.inf
    if gap < GAP:
        return None
    text = f"Held-out loss has settled at {valid:.4g}, train loss at {train:.4g}."
    figures = {"train": train, "held_out": valid}
    return Diagnosis(Kind.DATA_BOUND, text, figures, ("Add rows like those that go wrong; more epochs cannot help.",))


def _dropped_at(best: tuple[int, float] | None, run: Run) -> int | None:
    """The step at which a running job's vendor, which keeps the last epochs alone, drops the best checkpoint."""
    if best is None or not run.is_running or run.keeps_last_epochs is None or not run.steps_per_epoch:
        return None
    epoch = -(-best[0] // run.steps_per_epoch)
    dropped = (epoch + run.keeps_last_epochs) * run.steps_per_epoch
    return dropped if dropped <= run.n_epochs * run.steps_per_epoch else None


def _ends(finite: Sequence[tuple[int, float]], held: Sequence[tuple[int, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, curve in (("train", finite), ("held_out", held)):
        if curve:
            found |= {f"first_{name}": curve[0][1], f"last_{name}": curve[-1][1]}
    return found


def _quarter(curve: Sequence[object]) -> int:
    return max(1, len(curve) // 4)


def _level(curve: Sequence[tuple[int, float]]) -> float:
    return statistics.median(loss for _, loss in curve)
