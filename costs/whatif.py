"""The same calls on another model or provider: what they would have cost, by day, project and model. Reads only.

Tokens are those of the calls as they were made; another model counts, thinks and writes differently, which no price can
tell. What is known of quality and latency is of the organization's own calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q

from analytics.answers.questions import Questions
from analytics.query import Filter, Query
from costs import addedup
from costs.addedup import Bucket, Shelf, Which
from costs.bookshelf import book_of
from costs.pricing import RateCard
from costs.pricing.meters import OUTPUT
from costs.recommendations.money import exact
from costs.savings.proposals import Slice
from costs.services.repricing import targets_of
from gateway.models import Model, Organization, Project, QualityScore
from gateway.services.errors import Invalid

ZERO = Decimal(0)
LONGEST = timedelta(days=92)
MOST_MODELS = 20
EMBEDDINGS = "embeddings"
"""As models' capabilities name it."""
LATENCIES = ("latency_p50", "latency_p95")
SAME_TOKENS = (
    "same_tokens", "Tokens are those of the calls as made; another model counts them and writes differently."
)  # fmt: skip
CACHE_KEYS = ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")


@dataclass(frozen=True, slots=True)
class Sum:
    """Calls with something in common: what they cost, and what they would have."""

    key: str
    name: str
    lines: int
    actual: Decimal
    hypothetical: Decimal

    @property
    def difference(self) -> Decimal:
        return self.hypothetical - self.actual


@dataclass(frozen=True, slots=True)
class Known:
    """What the organization's own calls say of a model; None: not recorded."""

    requests: int
    latency_p50: float | None
    latency_p95: float | None
    error_rate: float | None
    quality_score: float | None
    scores: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Money of `[start, end)`. `unpriced` lines have no cost, `not_priceable` no price at the target, or a kind that it
    does not answer: they are in no sum."""

    start: datetime
    end: datetime
    currency: str
    provider: str
    model: str
    lines: int
    requests: int
    actual: Decimal
    hypothetical: Decimal
    unpriced: int
    not_priceable: int
    not_priceable_cost: Decimal
    by_day: tuple[Sum, ...]
    by_project: tuple[Sum, ...]
    by_model: tuple[Sum, ...]
    current: Known
    proposed: Known
    notes: tuple[tuple[str, str], ...]

    @property
    def difference(self) -> Decimal:
        """Negative: it would have been cheaper."""
        return self.hypothetical - self.actual

    @property
    def share(self) -> float | None:
        """Of the actual cost."""
        return float(self.difference / self.actual) if self.actual else None


def what_if(
    user: Any, organization: Organization, *, calls: Slice, start: datetime, end: datetime, provider: str = "",
    model: str = "",
) -> WhatIf:  # fmt: skip
    """Price `calls` of `[start, end)` anew on `model`, at `provider`; what is left empty stays as it was. One statement
    over the ledger, three for prices, at most seven for names, abilities, latency and scores. Embeddings are priced on
    models that embed, and other calls on models that do not.

    Raises `Invalid` (`target_missing`, `window_too_long`).
    """
    if not provider and not model:
        raise Invalid("target_missing", "Name a model, a provider, or both.", field="model")
    if end - start > LONGEST:
        raise Invalid("window_too_long", f"At most {LONGEST.days} days.", field="start")
    shelf = Shelf(book_of(organization), targets_of(organization), str(organization.pk))
    which = Which(organization, start, end, calls, organization.currency)
    bounds = _bounds(shelf, which, provider, model)
    able = _able(organization, provider, model) if model else frozenset()
    found = _Sums()
    for bucket in addedup.read(which, grain="day", thresholds=bounds):
        card = _card(shelf, which, bucket, provider, model)
        if card is not None and model and not _answers(bucket, card, able):
            found.others += bucket.lines
            card = None
        amount, is_plain = _priced(bucket, card, bounds)
        found.add(bucket, amount, is_plain=is_plain)
    return _answer(user, which, found, provider, model)


class _Sums:
    """What has been added up so far. `others`: of the lines that are left, those that the target does not answer."""

    def __init__(self) -> None:
        self.lines = self.requests = self.unpriced = self.left = self.others = 0
        self.left_cost = ZERO
        self.has_plain_cache = False
        self.parts: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])

    def add(self, bucket: Bucket, amount: Decimal | None, *, is_plain: bool) -> None:
        self.unpriced += bucket.unpriced
        if amount is None:
            self.left += bucket.lines
            self.left_cost += bucket.cost
            return
        self.lines += bucket.lines
        self.requests += bucket.requests
        self.has_plain_cache |= is_plain
        for kind, key in (("day", bucket.start.isoformat()), ("project", bucket.project), ("model", bucket.model),
                          ("all", "")):  # fmt: skip
            part = self.parts[kind, key]
            part[0] += bucket.lines
            part[1] += bucket.cost
            part[2] += amount

    def of(self, kind: str, names: Mapping[str, str] | None = None) -> Iterable[Sum]:
        for (part, key), figures in self.parts.items():
            if part == kind:
                yield Sum(key, (names or {}).get(key, key), figures[0], exact(figures[1]), exact(figures[2]))


def _bounds(shelf: Shelf, which: Which, provider: str, model: str) -> tuple[int, ...]:
    """Thresholds of the target. Where the model stays as it was, those of every model the catalogue has there."""
    names = [model] if model else sorted({name for slug, name in shelf.targets.names if slug == provider})
    asked = [(provider, name) for name in names]
    if not provider:
        asked = [(slug, model) for slug in shelf.targets.price_lists]
    return addedup.thresholds_of(
        card for slug, name in asked for card in shelf.cards(slug, name, which.start, which.end)
    )


def _able(organization: Organization, provider: str, model: str) -> frozenset[str]:
    """What the catalogue says that the model can; empty where it says nothing. One query."""
    own = Q(organization=organization) | Q(organization=None)
    rows = Model.objects.filter(own, name=model)
    if provider:
        rows = rows.filter(provider__slug=provider)
    return frozenset(word for words in rows.values_list("capabilities", flat=True) for word in words)


def _card(shelf: Shelf, which: Which, bucket: Bucket, provider: str, model: str) -> RateCard | None:
    at = max(bucket.start, which.start)
    card = shelf.card(provider or bucket.provider, model or bucket.model, at, addedup.context_of(bucket.tier))
    return card if card is not None and card.currency == which.currency else None


def _answers(bucket: Bucket, card: RateCard, able: frozenset[str]) -> bool:
    """Whether the target is of the calls' kind. Where the catalogue does not say it, a price of output tells a model
    that writes; one that is free altogether may be either."""
    if able:
        return EMBEDDINGS in able if bucket.is_embedding else able != {EMBEDDINGS}
    output = card.tiers[-1].rates.get(OUTPUT)
    return card.is_free or bucket.is_embedding == (output is None or not output.unit_price)


def _priced(bucket: Bucket, card: RateCard | None, bounds: tuple[int, ...]) -> tuple[Decimal | None, bool]:
    """The amount, None without a price; and whether cached input had to be priced as plain input."""
    if card is None:
        return None, False
    amount: Decimal | None = addedup.priced(bucket, card, bounds)
    if amount is None and any(bucket.usage[key] for key in CACHE_KEYS):
        amount = addedup.priced(bucket, card, bounds, {**bucket.usage, **dict.fromkeys(CACHE_KEYS, 0)})
        return amount, amount is not None
    return amount, False


def _answer(user: Any, which: Which, found: _Sums, provider: str, model: str) -> WhatIf:
    projects = dict(Project.objects.filter(organization=which.organization).values_list("pk", "name"))
    names = {str(pk): name for pk, name in projects.items()}
    lines, actual, hypothetical = found.parts["all", ""]
    by_model = sorted(found.of("model"), key=lambda one: (-one.actual, one.key))
    current = {one.key for one in by_model[:MOST_MODELS]}
    known = _known(user, which, current, {model} if model else current)
    return WhatIf(
        which.start, which.end, which.currency, provider, model, lines, found.requests, exact(actual),
        exact(hypothetical), found.unpriced, found.left, exact(found.left_cost),
        tuple(sorted(found.of("day"), key=lambda one: one.key)),
        tuple(sorted(found.of("project", names), key=lambda one: (one.difference, one.key))),
        tuple(by_model), *known, _notes(found, *known, provider, model),
    )  # fmt: skip


def _known(user: Any, which: Which, current: set[str], proposed: set[str]) -> tuple[Known, Known]:
    questions = Questions(user, which.organization)
    counts = dict(
        QualityScore.objects.visible_to(user)
        .filter(organization=which.organization.pk, model__in=current | proposed, score__isnull=False,
                line_started_at__gte=which.start, line_started_at__lt=which.end)
        .values_list("model").annotate(Count("id")).order_by()
    )  # fmt: skip
    return tuple(_of(questions, which, names, counts) for names in (current, proposed))  # type: ignore[return-value]


def _of(questions: Questions, which: Which, names: set[str], counts: Mapping[str, int]) -> Known:
    if not names:
        return Known(0, None, None, None, None, 0)
    asked = Query(
        measures=("requests", "error_rate"), start=which.start, end=which.end,
        filters=(Filter("model", "in", tuple(sorted(names))),),
    )  # fmt: skip
    totals = questions.ask(asked, (*LATENCIES, "quality_score")).totals
    measured: Any = totals
    scores = sum(counts.get(name, 0) for name in names)
    return Known(
        int(measured["requests"] or 0), measured.get("latency_p50"), measured.get("latency_p95"),
        measured.get("error_rate"), measured.get("quality_score") if scores else None, scores,
    )  # fmt: skip


def _notes(found: _Sums, current: Known, proposed: Known, provider: str, model: str) -> tuple[tuple[str, str], ...]:
    notes = [SAME_TOKENS]
    target = " at ".join(part for part in (model or "these models", provider) if part)
    if found.left > found.others:
        text = f"Lines without a price on {target} are in no sum: {found.left - found.others:,}."
        notes.append(("not_priceable", text))
    if found.others:
        text = f"Embeddings and other calls do not stand in for each other: lines that {target} cannot answer are in no"
        notes.append(("other_kind", f"{text} sum: {found.others:,}."))
    if found.unpriced:
        notes.append(("unpriced", f"Lines without a cost of their own are in no sum: {found.unpriced:,}."))
    if found.has_plain_cache:
        notes.append(("cache_as_input", "Where no price of cached input is known, it is priced as plain input."))
    if proposed.quality_score is None:
        notes.append(("no_quality", f"No score of {target} is recorded: whether its answers would do is not known."))
    elif current.quality_score is None:
        notes.append(("no_quality", "No score of the present model is recorded: there is nothing to compare with."))
    if not proposed.requests:
        notes.append(("no_latency", f"{target} has answered no call here: its latency is not known."))
    return tuple(notes)
