"""Whether a price file can be believed: its shape, and how far it is from the last good one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from .statements import Statement, Subject

FEWEST_MODELS = 500
MOST_MISSING = Decimal("0.2")
"""Share of the known models that a file may lack: vendors retire models, a truncated file loses them."""
MOST_CHANGED = Decimal("0.3")
"""Share of the known rates that may change at once."""
FACTOR = Decimal(20)
"""A rate that moves by more than this at once is taken for a slip of the unit."""
SHOWN = 20


def shape_problems(document: object) -> list[str]:
    """What keeps the JSON from being LiteLLM's price file; empty when nothing does."""
    if not isinstance(document, Mapping):
        return ["The file is not an object of models."]
    found = []
    for name, entry in document.items():
        if name == "sample_spec":
            continue
        if not isinstance(entry, Mapping):
            found.append(f"{name}: not an object.")
            continue
        for key, value in entry.items():
            if "cost_per" in key or key.endswith("_token_cost"):
                found.extend(f"{name}: {key} {reason}." for reason in _value_problems(value))
    return _shortened(found)


def _value_problems(value: Any) -> list[str]:
    if value is None or isinstance(value, Mapping | list):
        return []
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ["is not a number"]
    if not Decimal(value).is_finite():
        return ["is not finite"]
    return ["is negative"] if value < 0 else []


def band_problems(known: Mapping[Subject, Decimal], stated: Iterable[Statement]) -> list[str]:
    """What is not believable about the new statements, beside the rates that are known (empty at the first time)."""
    amounts = {one.subject: one.amount for one in stated if one.valid_to is None}
    models = {(subject.provider, subject.model) for subject in amounts}
    found = []
    if len(models) < FEWEST_MODELS:
        found.append(f"It has prices of {len(models)} models; fewer than {FEWEST_MODELS} is no whole file.")
    known_models = {(subject.provider, subject.model) for subject in known}
    missing = len(known_models - models)
    if missing > MOST_MISSING * len(known_models):
        found.append(f"{missing} of {len(known_models)} known models are missing.")
    changed = [subject for subject, amount in known.items() if amounts.get(subject, amount) != amount]
    if len(changed) > MOST_CHANGED * len(known):
        found.append(f"{len(changed)} of {len(known)} known rates change at once.")
    jumps = [
        f"{subject.provider}/{subject.model} {subject.meter}: {known[subject].normalize():f} becomes "
        f"{amounts[subject]:f}."
        for subject in changed
        if not known[subject] / FACTOR <= amounts[subject] <= known[subject] * FACTOR
    ]
    return found + _shortened(jumps)


def _shortened(problems: list[str]) -> list[str]:
    if len(problems) <= SHOWN:
        return problems
    return [*problems[:SHOWN], f"and {len(problems) - SHOWN} more."]
