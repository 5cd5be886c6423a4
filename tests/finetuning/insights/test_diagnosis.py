"""Every diagnosis on a curve made for it, and the real job that overfitted."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from finetuning.insights import Floor, Kind, Point, Run, diagnose, true_accuracy


def points(train: list[float], held: list[float] | None = None, every: int = 10) -> list[Point]:
    rows = held or [None] * len(train)  # type: ignore[list-item]
    return [
        Point(every * (number + 1), train_loss=loss, full_valid_loss=valid)
        for number, (loss, valid) in enumerate(zip(train, rows, strict=True))
    ]


FALLING = [2.0, 1.5, 1.2, 1.0, 0.9, 0.85, 0.84, 0.84]


@pytest.mark.parametrize(
    ("curve", "run", "kind"),
    [
        (points(FALLING, [2.1, 1.6, 1.3, 1.0, 0.96, 0.95, 0.95, 0.95]), {}, Kind.HEALTHY),
        (points(FALLING, [2.1, 1.8, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1]), {}, Kind.STILL_IMPROVING),
        (points(FALLING, [2.1, 1.6, 1.3, 1.2, 1.25, 1.3, 1.35, 1.4]), {}, Kind.OVERFITTING),
        (points([2.0, 1.99, 1.98, 1.98, 1.97, 1.96, 1.96, 1.96]), {}, Kind.UNDERFITTING),
        (points([1.0, 1.0, 2.0, 3.0, 4.0, 4.0]), {}, Kind.DIVERGED),
        (points([1.0, math.nan, 0.5, 0.4]), {}, Kind.DIVERGED),
        (points([2.0, 1.0, 0.2, 1.4, 0.1, 1.2, 0.1, 1.3, 0.1, 1.1, 0.1, 1.2]), {"batch_size": 1}, Kind.NOISY),
        (points(FALLING), {"floor": Floor(contradictions=0.8, contradicting=40)}, Kind.LABEL_FLOOR),
        (points([2.0, 1.2, 0.6, 0.3, 0.2, 0.2], [2.0, 1.5, 1.2, 1.2, 1.2, 1.2]), {}, Kind.DATA_BOUND),
        (points(FALLING), {"status": "running", "silence_s": 601.0, "usual_gap_s": 100.0}, Kind.STALLED),
        (points(FALLING), {"status": "failed", "error": "The file is unsafe."}, Kind.FAILED),
        (points([2.0, 1.0]), {}, Kind.TOO_EARLY),
    ],
    ids=lambda value: str(value) if isinstance(value, Kind) else "",
)  # fmt: skip
def test_each_curve_has_its_diagnosis(curve: list[Point], run: dict[str, Any], kind: Kind) -> None:
    assert diagnose(curve, Run(**run)).diagnosis.kind is kind


def test_contradictions_bound_the_train_loss() -> None:
    found = diagnose(points(FALLING), Run(floor=Floor(contradictions=0.8, contradicting=40))).diagnosis

    assert found.figures == {"last": 0.84, "floor": 0.8, "contradicting_lines": 40.0}
    assert found.text == "Train loss is 0.84; 40 lines that contradict each other leave at least 0.8."
    assert diagnose(points(FALLING), Run(floor=Floor(contradictions=0.7))).diagnosis.kind is not Kind.LABEL_FLOOR


@pytest.mark.parametrize(("noise", "is_floor"), [(0.8, False), (0.9, True), (1.0, True), (1.2, False)])
def test_wrong_labels_bound_the_held_out_loss(noise: float, is_floor: bool) -> None:
    """Train loss goes below it: lines can be remembered."""
    curve = points([2.0, 1.2, 0.6, 0.3, 0.2, 0.2], [2.0, 1.4, 1.1, 1.0, 1.0, 1.0])

    found = diagnose(curve, Run(floor=Floor(noise=noise, noise_share=0.05))).diagnosis

    assert (found.kind is Kind.LABEL_FLOOR) is is_floor
    if is_floor:
        assert found.figures == {"last": 1.0, "floor": noise, "noise_share": 0.05}


def test_a_loss_of_nothing_has_not_diverged() -> None:
    assert diagnose(points([0.0] * 6), Run()).diagnosis.kind is not Kind.DIVERGED


def test_no_diagnosis_without_its_numbers() -> None:
    found = diagnose(points(FALLING, [2.1, 1.6, 1.3, 1.2, 1.25, 1.3, 1.35, 1.44]), Run())

    assert found.diagnosis.figures == {
        "best_step": 40, "best": 1.2, "last_step": 80, "last": 1.44, "rise": pytest.approx(0.2),
    }  # fmt: skip
    assert (found.best_step, found.best_loss, found.basis) == (40, 1.2, "held_out")


def test_train_and_held_out_loss_that_rise_together_are_no_overfitting() -> None:
    curve = points([1.0, 0.8, 0.9, 1.0, 1.1, 1.2], [1.2, 1.0, 1.1, 1.2, 1.3, 1.4])

    assert diagnose(curve, Run()).diagnosis.kind is not Kind.OVERFITTING


def test_a_pause_of_six_times_the_usual_is_none_yet() -> None:
    run = Run(status="running", silence_s=600.0, usual_gap_s=100.0)

    assert diagnose(points(FALLING), run).diagnosis.kind is not Kind.STALLED


def test_the_best_of_all_and_the_best_that_is_kept() -> None:
    curve = points(FALLING, [2.1, 1.6, 1.3, 1.2, 1.25, 1.3, 1.28, 1.4])
    found = diagnose(curve, Run(kept=(60, 70, 80)))

    assert (found.best_step, found.best_kept_step, found.best_kept_loss) == (40, 70, 1.28)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (None, "Use the checkpoint of step 40."), ((40, 80), "Use the checkpoint of step 40."),
        ((50, 60, 70), "The checkpoint of step 40 is not kept: use that of step 50, the best that is."),
        ((), "The checkpoint of step 40 is not kept, nor one of another measured step: train again."),
    ],
)  # fmt: skip
def test_no_checkpoint_is_advised_that_is_gone(kept: tuple[int, ...] | None, said: str) -> None:
    curve = points(FALLING, [2.1, 1.6, 1.3, 1.2, 1.3, 1.35, 1.4, 1.5])

    assert diagnose(curve, Run(kept=kept)).diagnosis.advice[0] == said


def test_a_long_silence_is_told_in_minutes() -> None:
    found = diagnose(points(FALLING), Run(status="running", silence_s=2751.0, usual_gap_s=4.0)).diagnosis

    assert (found.kind, found.text) == (Kind.STALLED, "Nothing was measured for 46 min, 688 times the usual pause.")


def test_it_says_when_the_vendor_drops_the_best_checkpoint() -> None:
    curve = points([1.0, 0.5, 0.3, 0.2], [1.0, 0.8, 0.9, 1.0])
    run = Run(status="running", n_train=40, batch_size=4, n_epochs=10, keeps_last_epochs=3)

    # epoch 2 ends at step 20; its checkpoint goes when epoch 5 is stored, at step 50
    assert diagnose(curve, run).loses_best_at == 50


def test_a_checkpoint_of_the_last_epochs_is_not_dropped() -> None:
    curve = points([1.0, 0.5, 0.3, 0.2], [1.0, 0.9, 0.8, 0.7])
    run = Run(status="running", n_train=40, batch_size=4, n_epochs=6, keeps_last_epochs=3)

    assert diagnose(curve, run).loses_best_at is None


@pytest.mark.needs_shared
def test_the_real_job_overfitted_and_kept_none_of_its_best(shared_dir: Path) -> None:
    path = shared_dir / "data" / "finetuning" / "jobtrace_azure_gpt4omini_overfit.json"
    trace = json.loads(path.read_text())
    curve = [
        Point(step, train_loss=train, full_valid_loss=valid, full_valid_accuracy=accuracy)
        for step, train, valid, accuracy in trace["metrics"]
    ]
    found = diagnose(curve, Run(kept=trace["checkpoints_kept"], n_train=10, batch_size=1, n_epochs=10))

    assert found.diagnosis.kind is Kind.OVERFITTING
    assert (found.best_step, found.best_kept_step) == (50, 80)
    assert found.diagnosis.advice[1] == "Train fewer epochs."


@pytest.mark.parametrize(
    ("reported", "tokens", "examples", "true"),
    [
        (122 / 170, 150, 10, 102 / 150),  # 122 of 170 right, 20 of them hidden
        (2 / 3, 1, 1, 0.0),  # one token, wrong
        (1.0, 1, 1, 1.0),
        (0.05, 150, 10, 0.0),  # fewer right than are hidden: the vendor does not count them
    ],
    ids=["real", "wrong label", "right label", "below"],
)
def test_accuracy_without_hidden_tokens(reported: float, tokens: int, examples: int, true: float) -> None:
    assert true_accuracy(reported, answer_tokens=tokens, examples=examples) == pytest.approx(true)


def test_no_accuracy_without_tokens() -> None:
    assert true_accuracy(0.5, answer_tokens=0, examples=3) is None
