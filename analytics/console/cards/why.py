"""Why a number is what it is: definition, what was counted, of which state of the rollups. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.console import format
from analytics.console.cards.card import Why
from analytics.console.periods import Period
from analytics.metrics import MEASURES, Measure
from analytics.query import Result

COUNTED = ("requests", "attempts")


def asked(*names: str) -> list[str]:
    """The measures to ask for, so that `why` can say what was counted."""
    return list(dict.fromkeys((*names, *COUNTED)))


def why(measures: Sequence[Measure], result: Result, period: Period, rows_url: str, filters: str = "") -> Why:
    """`result` answers `asked(…)`; `filters`: those in force, in words."""
    requests, attempts = (format.number(result.totals.get(name) or 0) for name in COUNTED)
    start, end = (format.local(at, period.zone) for at in (period.start, period.end))
    facts = [
        f"Counted: {requests} requests with {attempts} upstream attempts, from {start:%-d %b %Y %H:%M} to "
        f"{end:%-d %b %Y %H:%M} ({period.zone}).",
    ]
    if filters:
        facts.append(f"Narrowed to {filters}.")
    if any(measure.is_money for measure in measures):
        facts.append("Prices: those in force when each call started; every line keeps the rate it was charged.")
    facts += [note.message for note in result.notes]
    as_of = format.local(result.generated_at, period.zone)
    facts.append(
        f"As of {as_of:%H:%M:%S}, data version {result.data_version}, rollup lag {format.lag(result.rollup_lag_s)}."
    )
    if result.stale:
        facts.append("Older figures: the newest could not be read.")
    return Why(tuple((measure.label, measure.description) for measure in measures), tuple(facts), rows_url)


def of(name: str) -> Measure:
    """The declared measure."""
    return MEASURES[name]
