"""An anomaly in plain words, by template. Figures are formatted by the caller; names are those people know. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

EFFECTS = {
    "price": "price", "volume": "number of requests", "mix": "other models or projects",
    "size": "tokens per request", "cache": "caching by the provider", "retry": "retries",
}  # fmt: skip
NAMES = {
    "cost": "Cost", "requests": "Requests", "tokens": "Tokens", "error_rate": "Error rate",
    "latency_p95": "Latency p95", "ttft_p95": "First token p95", "cache_hit_rate": "Cache hit rate",
    "cached_share": "Input read from the provider's cache", "price": "Price against the list",
    "served_model": "Served by the usual model",
}  # fmt: skip

PLURAL = ("requests", "tokens")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence says. `causes`: (share in words, dimension in words, name), the first first; `effects`: name in
    `EFFECTS` and amount in words, the largest first; `instead`: the model that serves now."""

    metric: str
    scope: str
    actual: str
    expected: str
    is_higher: bool
    since: str
    causes: Sequence[tuple[str, str, str]] = ()
    effects: Sequence[tuple[str, str]] = ()
    instead: str = ""


def summarise(facts: Facts) -> str:
    """One to three sentences."""
    side = "above" if facts.is_higher else "below"
    verb = "have" if facts.metric in PLURAL else "has"
    sentences = [
        f"{NAMES.get(facts.metric, facts.metric)} of {facts.scope} {verb} been {side} what was expected since "
        f"{facts.since}: {facts.actual} instead of {facts.expected}."
    ]
    if facts.instead:
        sentences = [
            f"{facts.scope[:1].upper()}{facts.scope[1:]} have been served by {facts.instead} since {facts.since}: "
            f"{facts.actual} instead of {facts.expected} by the usual model."
        ]
    if facts.causes:
        told = " and ".join(f"{dimension} {name} ({share})" for share, dimension, name in facts.causes[:2])
        sentences.append(f"Most of the change comes from {told}.")
    if facts.effects:
        told = ", ".join(f"{EFFECTS.get(name, name)} {amount}" for name, amount in facts.effects[:3])
        sentences.append(f"By effect: {told}.")
    return " ".join(sentences)
