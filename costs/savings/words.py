"""Sentences that several detectors say. Pure."""

from decimal import Decimal

from costs.savings.candidates import Scores, View
from costs.savings.proposals import Evidence, Quality, Risk, Slice

ENOUGH_SCORES = 30
WORSE = 0.02


def quality_of(view: View, part: Slice, provider: str, model: str) -> Quality:
    """Recorded scores of the model of a slice and of another one: on the project where both have enough, else in the
    whole organization."""
    for project, where in ((part.project, "in this project"), ("", "in the organization")):
        current = view.scores.get((project, part.provider, part.model))
        proposed = view.scores.get((project, provider, model))
        if _enough(current) and _enough(proposed):
            return _compared(current, proposed, where, model)
    current, proposed = (view.scores.get(("", *key)) for key in ((part.provider, part.model), (provider, model)))
    return Quality(
        current.mean if current else None, proposed.mean if proposed else None, current.count if current else 0,
        proposed.count if proposed else 0,
        f"Fewer than {ENOUGH_SCORES} scores are recorded for one of the two models, so nothing shows that {model} "
        "answers as well. Record scores (POST /v1/feedback) on a canary share before moving everything.",
    )  # fmt: skip


def _enough(scores: Scores | None) -> bool:
    return scores is not None and scores.count >= ENOUGH_SCORES


def _compared(current: Scores | None, proposed: Scores | None, where: str, model: str) -> Quality:
    assert current is not None
    assert proposed is not None
    text = (
        f"Recorded scores {where}: {proposed.mean:.2f} of {model} ({proposed.count} scores) against "
        f"{current.mean:.2f} today ({current.count} scores)."
    )
    return Quality(current.mean, proposed.mean, current.count, proposed.count, text)


def is_known_worse(quality: Quality) -> bool:
    """Whether enough scores say that the proposed model answers worse."""
    return is_known(quality) and (quality.proposed or 0) < (quality.current or 0) - WORSE


def is_known(quality: Quality) -> bool:
    return min(quality.current_scores, quality.proposed_scores) >= ENOUGH_SCORES


def risk_of_another_model(quality: Quality) -> Risk:
    """High where no scores say how well it answers."""
    return Risk.MEDIUM if is_known(quality) else Risk.HIGH


def figure(kind: str, text: str, **figures: float | int | str | Decimal) -> Evidence:
    """One reason with its numbers as text."""
    return Evidence(kind, text, {name: _text(value) for name, value in figures.items()})


def _text(value: float | int | str | Decimal) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"
