"""The public price list: genai-prices' bundled snapshot (MIT), read once into our own cards, never called to price.

Vendor names, model matching, price history, time-of-day prices, context-length tiers and service-tier variants come
from that snapshot (https://github.com/pydantic/genai-prices). Where it would answer too cheaply and say nothing, this
module differs on purpose:

* a context value that no active variant answers for is flagged, not silently standard;
* audio tokens of a model without an audio rate, and 1-hour cache writes of one without a 1-hour rate, have no rate;
* a model listed with no rates is unpriced, not free (but for the few that their vendor documents as free, below).

Rates that stand in for a missing one, because the vendor's price page means exactly that:

* cache reads without a rate are billed as input: the vendor gives no discount for them;
* 5-minute cache writes use the undifferentiated cache-write rate;
* OpenAI charges no fee for cache writes before GPT-5.6, whose rate is listed, so there they are billed as input
  (https://developers.openai.com/api/docs/guides/prompt-caching);
* Google states an audio rate only where it differs from "text / image / video / audio"
  (https://ai.google.dev/gemini-api/docs/pricing), so there audio without a rate is billed as input or output.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

from . import meters as m
from .cards import EXACT, ZERO, Rate, RateCard, RateTier

if TYPE_CHECKING:
    from genai_prices import types as genai

Listed: TypeAlias = "Decimal | genai.TieredPrices"

PACKAGE = "genai-prices"
CURRENCY = "USD"
NO_FEE_FOR_CACHE_WRITES = frozenset({"openai", "azure"})
SECONDS_PER_HOUR = Decimal(3600)
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

PROVIDER_ALIASES = {
    "azure_openai": "azure",
    "azure-openai": "azure",
    "gemini": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "google-vertex": "google",
    "bedrock": "aws",
    "aws_bedrock": "aws",
    "xai": "x-ai",
    "grok": "x-ai",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
}
"""Names in common use for the list's providers. Only exact names resolve: ``openai-compatible`` is somebody's own
server and must not be billed at OpenAI's prices, as a search for "openai" in the name would do."""

STANDARD_CONTEXT = {
    "processing": frozenset({"standard", "realtime", "online", "sync"}),
    "service_tier": frozenset({"default", "standard", "standard_only", "auto", "on_demand"}),
    "speed": frozenset({"standard", "normal"}),
    "region": frozenset({"global", "not_available"}),
}
"""Values by which vendors name their standard price."""

_TIER_KEYS = frozenset({"processing", "service_tier", "speed"})

# Batch is reported as a service tier by Anthropic alone (docs: messages API, usage.service_tier).
_CONTEXT_ALIASES = {("anthropic", "service_tier", "batch"): ("processing", "batch")}

# (price key of the snapshot, meter, decimal exponent from the listed price to the price per unit)
RATES = (
    ("input_mtok", m.INPUT, -6),
    ("cache_read_mtok", m.CACHE_READ, -6),
    ("cache_write_mtok", m.CACHE_WRITE_5M, -6),
    ("cache_write_5m_mtok", m.CACHE_WRITE_5M, -6),
    ("cache_write_1h_mtok", m.CACHE_WRITE_1H, -6),
    ("input_audio_mtok", m.AUDIO_INPUT, -6),
    ("output_mtok", m.OUTPUT, -6),
    ("output_reasoning_mtok", m.REASONING, -6),
    ("output_audio_mtok", m.AUDIO_OUTPUT, -6),
    ("requests_kcount", m.REQUEST, -3),
    ("web_searches_kcount", m.WEB_SEARCH, -3),
    ("input_image_mtok", m.IMAGE_INPUT, -6),
    ("output_image_mtok", m.IMAGE_OUTPUT, -6),
    ("input_mchars", m.CHARACTER, -6),
)
# Prices of an hour that is heard; the narrower name wins.
HOURLY = ("audio_hours", "input_audio_hours")
# Token classes that the ledger does not tell apart: flagged where they cost more than the class they are counted in.
_UNMETERED = (
    ("input_image_mtok", "input_mtok", "image_input"),
    ("input_video_mtok", "input_mtok", "video_input"),
    ("output_image_mtok", "output_mtok", "image_output"),
    ("output_video_mtok", "output_mtok", "video_output"),
    ("output_citation_mtok", "output_mtok", "citation"),
)


@cache
def providers() -> Sequence[genai.Provider]:
    """The snapshot's vendors with their models."""
    # Imported at first use: pydantic and the 2 MB snapshot cost 0.3 s, which commands that price nothing must not pay.
    from genai_prices import data

    return data.providers


@cache
def source() -> str:
    """How rate ids name the list: `genai-prices@0.2.3`."""
    return f"{PACKAGE}@{version(PACKAGE)}"


@dataclass(frozen=True, slots=True)
class ListedCard:
    """A card and the half-open span ``[start, end)`` in which the list gives it; ``card`` None = not on the list."""

    card: RateCard | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class PriceList:
    """The imported list. ``card_at`` finds a model's card; unknown providers and models have none."""

    _models: dict[tuple[str, str], ListedModel | None] = field(default_factory=dict, init=False, repr=False)

    def load(self) -> None:
        """Read the snapshot now (about 0.3 s, once per process) instead of at the first resolution."""
        providers()

    def card_at(self, provider: str, model: str, at: datetime, context: Mapping[str, str]) -> ListedCard:
        """The list's card of ``model`` at ``at`` (aware). Model names match by the snapshot's clauses, in any case."""
        listed = self._find(canonical_provider(provider), model)
        if listed is None:
            return ListedCard(None, BEGINNING, END)
        return listed.card_at(at, context)

    def changes(self, provider: str, model: str, start: datetime, end: datetime) -> list[datetime]:
        """Instants of ``[start, end)`` from which the list dates other prices of ``model``; times of day are none."""
        listed = self._find(canonical_provider(provider), model)
        return [] if listed is None else [at for at in listed.dated if start <= at < end]

    def _find(self, provider: str, model: str) -> ListedModel | None:
        key = (provider, model)
        if key not in self._models:
            if len(self._models) >= 4096:
                self._models.pop(next(iter(self._models)), None)
            self._models[key] = _find_model(provider, model)
        return self._models[key]


def canonical_provider(provider: str) -> str:
    """The list's id for a provider kind: lower case, aliases resolved."""
    name = provider.strip().lower()
    return PROVIDER_ALIASES.get(name, name)


def matches(pattern: str, model: str) -> bool:
    """Whether an exact name, or a prefix ending in ``*``, is about ``model``; case does not matter."""
    wanted, name = pattern.lower(), model.lower()
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _find_model(provider_id: str, model: str) -> ListedModel | None:
    known = list(providers())
    provider = next((p for p in known if p.id == provider_id), None)
    if provider is None:
        return None
    found = provider.find_model(model, all_providers=known)
    if found is None:
        return None
    owners = [provider, *(p for p in known if p.id in (provider.fallback_model_providers or ()))]
    owner = next(p for p in owners if any(found is candidate for candidate in p.models))
    # A model priced by its maker's list (Azure serving OpenAI's) has none of the maker's service-tier variants.
    return ListedModel(owner.id, found, has_variants=owner is provider)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model of the snapshot, able to give its card for any instant and context."""

    provider: str
    info: genai.ModelInfo
    has_variants: bool

    @property
    def dated(self) -> list[datetime]:
        """First instants of its dated prices, in order."""
        conditions = self.info.prices if isinstance(self.info.prices, list) else []
        dates = {getattr(condition.constraint, "start_date", None) for condition in conditions}
        return sorted(_midnight(day) for day in dates if day is not None)

    def card_at(self, at: datetime, context: Mapping[str, str]) -> ListedCard:
        start, end = _span(at, self._boundaries(at))
        tag, prices = self._standard(at)
        listed = {key: (tag, value) for key, value in stated_prices(prices).items()}
        if not listed and self._is_documented_free():
            listed = dict.fromkeys(("input_mtok", "output_mtok"), (tag, ZERO))
        flags = self._apply_variants(listed, at, context)
        card = _build_card(self.provider, self.info.id, listed, flags) if listed else None
        return ListedCard(card, start, end)

    def _standard(self, at: datetime) -> tuple[str, genai.ModelPrice]:
        """The base prices at ``at`` and the tag that says which; the last active condition wins, else the first."""
        prices = self.info.prices
        if not isinstance(prices, list):
            return "initial", prices
        active = (c for c in reversed(prices) if c.constraint is None or c.constraint.active(at))
        chosen = next(active, prices[0])
        return _constraint_tag(chosen.constraint), chosen.prices

    def _apply_variants(
        self, listed: dict[str, tuple[str, Listed]], at: datetime, context: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Override ``listed`` by the active variants of ``context``; flags for the values that none answers for."""
        wanted = self._wanted(context)
        answered: set[str] = set()
        overrides: dict[str, tuple[str, Listed]] = {}
        for variant in (self.info.price_variants or ()) if self.has_variants else ():
            if variant.constraint is not None and not variant.constraint.active(at):
                continue
            if all(wanted.get(key) == value for key, value in variant.when.items()):
                answered.update(variant.when)
                name = ",".join(f"{key}={value}" for key, value in sorted(variant.when.items()))
                for key, value in stated_prices(variant.prices).items():
                    overrides.setdefault(key, (f"{_constraint_tag(variant.constraint)}:{name}", value))
        listed.update(overrides)
        return unknown_context_flags(wanted, answered)

    def _wanted(self, context: Mapping[str, str]) -> dict[str, str]:
        wanted = {}
        for key, value in context.items():
            if value:
                name, renamed = _CONTEXT_ALIASES.get((self.provider, key, value), (key, value))
                wanted[name] = renamed
        return wanted

    def _is_documented_free(self) -> bool:
        # OpenRouter: ":free" variants are always free (https://openrouter.ai/docs/faq). OpenAI: the moderation
        # endpoint is free of charge (https://platform.openai.com/docs/guides/moderation).
        if self.provider == "openrouter":
            return self.info.id.endswith(":free")
        return (self.provider, self.info.id) == ("openai", "moderation")

    def _boundaries(self, at: datetime) -> list[datetime]:
        conditions = self.info.prices if isinstance(self.info.prices, list) else []
        constraints = [c.constraint for c in conditions] + [v.constraint for v in self.info.price_variants or ()]
        found: set[datetime] = set()
        for constraint in constraints:
            if (start_date := getattr(constraint, "start_date", None)) is not None:
                found.add(_midnight(start_date))
            elif constraint is not None:
                for moment in (constraint.start_time, constraint.end_time):  # type: ignore[union-attr]
                    today = _at_time(at.astimezone(UTC).date(), moment)
                    found.update(today + timedelta(days=offset) for offset in (-1, 0, 1))
        return sorted(found)


def unknown_context_flags(context: Mapping[str, str], answered: set[str]) -> tuple[str, ...]:
    """Flags for context values that are neither standard nor answered by a price; () when all are understood."""
    flags = []
    for key, value in sorted(context.items()):
        if not value or key in answered or value in STANDARD_CONTEXT.get(key, ()):
            continue
        flag = m.FLAG_UNKNOWN_TIER if key in _TIER_KEYS else f"unknown_context:{key}"
        if flag not in flags:
            flags.append(flag)
    return tuple(flags)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _at_time(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _span(at: datetime, boundaries: list[datetime]) -> tuple[datetime, datetime]:
    index = bisect_right(boundaries, at)
    start = boundaries[index - 1] if index else BEGINNING
    return start, boundaries[index] if index < len(boundaries) else END


def _constraint_tag(constraint: genai.StartDateConstraint | genai.TimeOfDateConstraint | None) -> str:
    if constraint is None:
        return "initial"
    if (start_date := getattr(constraint, "start_date", None)) is not None:
        return str(start_date.isoformat())
    start, end = constraint.start_time, constraint.end_time  # type: ignore[union-attr]
    return f"daily-{start:%H%M}-{end:%H%M}"


def stated_prices(prices: genai.ModelPrice) -> dict[str, Listed]:
    """The snapshot's price keys that say something."""
    return {key: value for key, value in vars(prices).items() if value is not None and not key.startswith("_")}


def _build_card(
    provider: str, model: str, listed: Mapping[str, tuple[str, Listed]], flags: tuple[str, ...]
) -> RateCard:
    starts = sorted({tier.start for _, value in listed.values() for tier in getattr(value, "tiers", ())}, reverse=True)
    return RateCard(
        provider=provider,
        model=model,
        currency=CURRENCY,
        tiers=tuple(RateTier(start, _rates(provider, model, listed, start)) for start in (*starts, -1)),
        flags=flags + _unmetered_flags(listed),
        is_free=all(_highest(value) == 0 for _, value in listed.values()),
    )


def _rates(provider: str, model: str, listed: Mapping[str, tuple[str, Listed]], start: int) -> dict[str, Rate]:
    """Rates by meter for the tier that begins above ``start`` (-1: the base tier), with the documented stand-ins."""
    rates: dict[str, Rate] = {}
    for key, meter, exponent in RATES:
        if key not in listed:
            continue
        tag, value = listed[key]
        amount, tier = _amount(value, start)
        rate_id = f"{source()}:{provider}/{model}:{meter}:{tag}{tier}"
        rates[meter] = Rate(meter, rate_id, EXACT.scaleb(amount, exponent), CURRENCY)
    for key in HOURLY:
        if key in listed:
            tag, value = listed[key]
            amount, tier = _amount(value, start)
            rate_id = f"{source()}:{provider}/{model}:{m.AUDIO_SECOND}:{tag}{tier}"
            rates[m.AUDIO_SECOND] = Rate(m.AUDIO_SECOND, rate_id, EXACT.divide(amount, SECONDS_PER_HOUR), CURRENCY)
    add_vendors_stand_ins(provider, rates)
    return rates


def add_vendors_stand_ins(provider: str, rates: dict[str, Rate]) -> None:
    """What the vendor's page means where it states no rate (see above), after `add_stand_ins`."""
    add_stand_ins(rates)
    if provider in NO_FEE_FOR_CACHE_WRITES and m.INPUT in rates:
        rates.setdefault(m.CACHE_WRITE_5M, rates[m.INPUT])
    if provider == "google":
        for audio, text in ((m.AUDIO_INPUT, m.INPUT), (m.AUDIO_OUTPUT, m.OUTPUT)):
            if text in rates:
                rates.setdefault(audio, rates[text])


def add_stand_ins(rates: dict[str, Rate]) -> None:
    """Bill cache reads as input where no rate is stated (no discount), and drop a reasoning rate equal to output's."""
    if m.INPUT in rates:
        rates.setdefault(m.CACHE_READ, rates[m.INPUT])
    if m.REASONING in rates and m.OUTPUT in rates and rates[m.REASONING].unit_price == rates[m.OUTPUT].unit_price:
        del rates[m.REASONING]


def _amount(value: Listed, start: int) -> tuple[Decimal, str]:
    if isinstance(value, Decimal):
        return value, ""
    amount, tag = value.base, ""
    for tier in value.tiers:
        if tier.start <= start:
            amount, tag = tier.price, f":gt{tier.start}"
    return amount, tag


def _highest(value: Listed) -> Decimal:
    return value if isinstance(value, Decimal) else max(value.base, *(tier.price for tier in value.tiers))


def _unmetered_flags(listed: Mapping[str, tuple[str, Listed]]) -> tuple[str, ...]:
    flags = []
    for key, counted_as, name in _UNMETERED:
        if key in listed and (counted_as not in listed or _highest(listed[key][1]) > _highest(listed[counted_as][1])):
            flags.append(f"unmetered:{name}")
    return tuple(flags)
