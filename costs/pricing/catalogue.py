"""The second price list: dated rates of LiteLLM's file, bundled or as last imported. Pure; answers where the first list
knows no model, no such tier or no such region, and where a reviewer chose it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from . import meters as m
from .cards import EXACT, Rate, RateCard, RateTier
from .listing import (
    BEGINNING,
    CURRENCY,
    END,
    STANDARD_CONTEXT,
    ListedCard,
    add_vendors_stand_ins,
    canonical_provider,
    unknown_context_flags,
)
from .litellm import ANY_REGION, MULTIPLIER, Facts

SOURCE = "litellm"
BUNDLE = Path(__file__).parent / "data" / "litellm.json.gz"
_TOKENS = frozenset(m.TOKEN_METERS)


class DatedRate(NamedTuple):
    """One rate of one model over ``[valid_from, valid_to)``; None is open. ``context``: empty, or ``key=value`` parts.

    ``above`` is the bound of the whole prompt that must be exceeded, -1 without one; ``amount`` is per unit (for the
    meter ``multiplier``: a factor of every token's rate). ``version``: of the file in which the rate began.
    """

    context: str
    meter: str
    above: int
    amount: Decimal
    version: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def tag(self) -> str:
        """Says since when, as the first list's rate ids do."""
        return "initial" if self.valid_from is None else self.valid_from.date().isoformat()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Rates by (provider, model), names in lower case. ``preferred``: models for which this list stands first."""

    models: Mapping[tuple[str, str], tuple[DatedRate, ...]] = field(default_factory=dict)
    preferred: frozenset[tuple[str, str]] = frozenset()

    def is_preferred(self, provider: str, model: str) -> bool:
        """Whether a reviewer chose this list for the model."""
        return bool(self.preferred) and _key(provider, model) in self.preferred

    def card_at(self, provider: str, model: str, at: datetime, context: Mapping[str, str]) -> ListedCard:
        """The card of ``model`` at ``at`` (aware), by its exact name in any case; None when it is not here."""
        key = _key(provider, model)
        rates = self.models.get(key)
        if rates is None:
            return ListedCard(None, BEGINNING, END)
        edges = {edge for rate in rates for edge in (rate.valid_from, rate.valid_to) if edge is not None}
        start = max((edge for edge in edges if edge <= at), default=BEGINNING)
        end = min((edge for edge in edges if edge > at), default=END)
        active = [rate for rate in rates if _is_active(rate, at)]
        return ListedCard(_card(*key, active, context), start, end)

    def changes(self, provider: str, model: str, start: datetime, end: datetime) -> list[datetime]:
        """Instants of ``[start, end)`` from which a rate of ``model`` begins or ends."""
        rates = self.models.get(_key(provider, model), ())
        edges = {edge for rate in rates for edge in (rate.valid_from, rate.valid_to) if edge is not None}
        return sorted(edge for edge in edges if start <= edge < end)


def _key(provider: str, model: str) -> tuple[str, str]:
    return canonical_provider(provider), model.strip().lower().removeprefix("models/")


def _is_active(rate: DatedRate, at: datetime) -> bool:
    return (rate.valid_from is None or rate.valid_from <= at) and (rate.valid_to is None or at < rate.valid_to)


def _card(provider: str, model: str, active: Iterable[DatedRate], context: Mapping[str, str]) -> RateCard | None:
    """The rates of the contexts that apply, the more special before the more general; None without any rate."""
    wanted = {key: value for key, value in context.items() if value and value not in STANDARD_CONTEXT.get(key, ())}
    chosen: dict[tuple[str, int], DatedRate] = {}
    factors: list[DatedRate] = []
    answered: set[str] = set()
    for rate in sorted(active, key=lambda one: one.context.count("=")):
        parts = _parts(rate.context)
        if not all(_meets(wanted.get(key), value) for key, value in parts.items()):
            continue
        answered.update(parts)
        if rate.meter == MULTIPLIER:
            factors.append(rate)
        else:
            chosen[rate.meter, rate.above] = rate
    if not chosen:
        return None
    bounds = sorted({above for _, above in chosen} | {-1}, reverse=True)
    subject = f"{provider}/{model}"
    return RateCard(
        provider=provider,
        model=model,
        currency=CURRENCY,
        tiers=tuple(RateTier(bound, _tier(provider, subject, chosen, factors, bound)) for bound in bounds),
        flags=unknown_context_flags(wanted, answered),
    )


def _meets(asked: str | None, stated: str) -> bool:
    return asked is not None and stated in (asked, ANY_REGION)


def _parts(context: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in context.split(",")) if context else {}


def _tier(
    provider: str, subject: str, chosen: Mapping[tuple[str, int], DatedRate], factors: list[DatedRate], bound: int
) -> dict[str, Rate]:
    best: dict[str, DatedRate] = {}
    for (meter, above), rate in sorted(chosen.items(), key=lambda item: item[0][1]):
        if above <= bound:
            best[meter] = rate
    rates = {meter: _rate(subject, rate, factors if meter in _TOKENS else []) for meter, rate in best.items()}
    add_vendors_stand_ins(provider, rates)
    return rates


def _rate(subject: str, rate: DatedRate, factors: list[DatedRate]) -> Rate:
    amount, where = rate.amount, [rate.context] if rate.context else []
    for factor in factors:
        amount = EXACT.multiply(amount, factor.amount)
        where.append(factor.context)
    detail = "".join(f":{part}" for part in where) + (f":gt{rate.above}" if rate.above >= 0 else "")
    identity = f"{SOURCE}@{rate.version}:{subject}:{rate.meter}:{rate.tag}{detail}"
    return Rate(rate.meter, identity, amount, CURRENCY)


# ---- making one ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bundle:
    """A file of facts and what it is: `version` of the source, `read_on` the day it was taken (ISO), its licence."""

    version: str
    read_on: str
    facts: Facts


def read_bundle(path: Path = BUNDLE) -> Bundle:
    """The bundled facts. About 40 ms. Raises OSError and ValueError for a file that is not one."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        document: Any = json.load(file)
    facts: Facts = {
        provider: {
            model: {
                context: {meter: Decimal(amount) for meter, amount in meters.items()}
                for context, meters in contexts.items()
            }
            for model, contexts in models.items()
        }
        for provider, models in document["models"].items()
    }
    return Bundle(document["version"], document["read_on"], facts)


@cache
def bundled() -> Catalogue:
    """The bundled list, read at first use."""
    bundle = read_bundle()
    return Catalogue(
        {
            (provider, model): tuple(dated(contexts, bundle.version))
            for provider, models in bundle.facts.items()
            for model, contexts in models.items()
        }
    )


def dated(contexts: Mapping[str, Mapping[str, Decimal]], version: str) -> Iterator[DatedRate]:
    """The rates of one model, without a beginning: the first file that states a price reaches back."""
    for context, meters in contexts.items():
        for name, amount in meters.items():
            meter, _, above = name.partition(">")
            yield DatedRate(context, meter, int(above) if above else -1, amount, version)
