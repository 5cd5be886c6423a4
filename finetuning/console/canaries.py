"""Watches over tuned models on routes, in words."""

from typing import Any

from analytics.console.format import number, percent
from finetuning.choices import CanaryState
from finetuning.models import Canary, TunedModel

SHOWN = 5
TONES = {
    CanaryState.WATCHING: "accent", CanaryState.PROMOTED: "ok", CanaryState.ROLLED_BACK: "bad", CanaryState.ENDED: "",
}  # fmt: skip


def canaries_of(tuned: TunedModel | None) -> list[dict[str, Any]]:
    """The newest few. One query."""
    return [] if tuned is None else [_canary(one) for one in tuned.canaries.all()[:SHOWN]]


def _canary(row: Canary) -> dict[str, Any]:
    """A watch over it on a route, in words; what has no outcomes is left out."""
    state = CanaryState(row.state)
    measures = [
        {
            "name": "Failures" if one["name"] == "errors" else "Scores",
            "tuned": _outcomes(one["name"], one["tuned_mean"], one["tuned"]),
            "others": _outcomes(one["name"], one["others_mean"], one["others"]),
            "interval": _between(one["name"], one["interval"]),
        }
        for one in row.measures if one["tuned"] or one["others"]
    ]  # fmt: skip
    return {"row": row, "state": state.label, "tone": TONES[state], "measures": measures}


def _outcomes(name: str, mean: float | None, count: int) -> str:
    if mean is None:
        return "none yet"
    return f"{percent(mean)} of {number(count)}" if name == "errors" else f"{mean:.3f} of {number(count)}"


def _between(name: str, interval: dict[str, float]) -> str:
    low, high = interval["lower"], interval["upper"]
    if name == "errors":
        return f"{low * 100:+.1f} to {high * 100:+.1f} points"
    return f"{low:+.3f} to {high:+.3f}"
