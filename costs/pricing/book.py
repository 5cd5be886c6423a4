"""The price book: overrides before the imported lists, resolved to one card per call and remembered."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from . import meters as m
from .cards import UNPRICED, Priced, RateCard, price_with
from .catalogue import Catalogue, bundled
from .covers import Cover
from .listing import BEGINNING, END, ListedCard, PriceList, canonical_provider
from .overrides import Override

NO_CONTEXT: Mapping[str, str] = {}
MAX_REMEMBERED = 4096
MAX_SPANS = 32


class _Span(NamedTuple):
    start: datetime
    end: datetime
    card: RateCard | None


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Resolves the price of a call: the organization's override, else the platform's, else the imported lists; nothing
    more where a commitment covers it.

    ``catalogue`` (None: the bundled one) answers where ``price_list`` has no such model, tier or region, and for the
    models that it is preferred for. Immutable but for a bounded memory of resolved cards (oldest out first);
    ``with_overrides`` makes a new book that shares the lists. Safe to read from several threads: a race costs a second
    resolution, never a wrong card.
    """

    price_list: PriceList = field(default_factory=PriceList)
    overrides: tuple[Override, ...] = ()
    catalogue: Catalogue | None = None
    covers: tuple[Cover, ...] = ()
    _cards: dict[Hashable, tuple[_Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_overrides(self, overrides: Iterable[Override]) -> PriceBook:
        """A book with exactly these overrides over the same lists."""
        return PriceBook(self.price_list, tuple(overrides), self.catalogue, self.covers)

    def with_covers(self, covers: Iterable[Cover]) -> PriceBook:
        """A book with exactly these commitments over the same prices."""
        return PriceBook(self.price_list, self.overrides, self.catalogue, tuple(covers))

    def with_catalogue(self, catalogue: Catalogue | None) -> PriceBook:
        """A book over another second list, the bundled one when None."""
        return PriceBook(self.price_list, self.overrides, catalogue, self.covers)

    def load(self) -> None:
        """Read both lists now (about 0.4 s, once per process) instead of at the first resolution."""
        self.price_list.load()
        if self.catalogue is None:
            bundled()

    def listed(self, provider: str, model: str, at: datetime, context: Mapping[str, str] = NO_CONTEXT) -> ListedCard:
        """The public price without overrides, and the span in which it is that."""
        first = self.price_list.card_at(provider, model, at, context)
        catalogue = bundled() if self.catalogue is None else self.catalogue
        is_preferred = catalogue.is_preferred(provider, model)
        if first.card is not None and not is_preferred and not (context and _unanswered(first.card)):
            return first
        second = catalogue.card_at(provider, model, at, context)
        span = max(first.start, second.start), min(first.end, second.end)
        if second.card is not None and (
            first.card is None or is_preferred or _unanswered(second.card) < _unanswered(first.card)
        ):
            return ListedCard(second.card, *span)
        return ListedCard(first.card, *span)

    def resolve(
        self,
        provider: str,
        model: str,
        at: datetime,
        context: Mapping[str, str] = NO_CONTEXT,
        organization: Hashable | None = None,
        served_by: str = "",
    ) -> RateCard | None:
        """The card for a call that started at ``at`` (aware), or None when nobody states a price for the model.

        ``context`` holds the tier that was *served*: ``processing`` (batch), ``service_tier`` (flex, priority, …),
        ``speed``, ``region``; empty values mean standard. A value that no price answers for is flagged on the card.
        ``served_by``: slug of the provider, by which commitments know their calls.
        """
        where = served_by if self.covers else ""
        key = (provider, model, organization, where, tuple(sorted(context.items())) if context else None)
        for span in self._cards.get(key, ()):
            if span.start <= at < span.end:
                return span.card
        span = self._resolve(provider, model, at, context, organization)
        if where:
            span = self._covered(span, provider, model, at, context, organization, where)
        self._remember(key, span)
        return span.card

    def spans(
        self,
        provider: str,
        model: str,
        start: datetime,
        end: datetime,
        context: Mapping[str, str] = NO_CONTEXT,
        organization: Hashable | None = None,
    ) -> list[tuple[datetime, datetime, RateCard | None]]:
        """The cards of a model over `[start, end)` (aware): half-open spans in order, without gaps."""
        found = []
        at = start
        while at < end:
            span = self._resolve(provider, model, at, context, organization)
            found.append((at, min(span.end, end), span.card))
            at = span.end
        return found

    def price(
        self,
        usage: m.Usage,
        *,
        provider: str,
        model: str,
        at: datetime | date,
        context: Mapping[str, str] = NO_CONTEXT,
        organization: Hashable | None = None,
        served_by: str = "",
    ) -> Priced:
        """Price ``usage`` (see ``meters``). ``at``: when the request started; naive times and dates are UTC.

        Raises ValueError for a count that is not a finite number; a price that is not known is never an error but a
        result whose ``total`` is None.
        """
        card = self.resolve(provider, model, _aware(at), context, organization, served_by)
        return UNPRICED if card is None else price_with(card, usage)

    def _remember(self, key: Hashable, span: _Span) -> None:
        if key not in self._cards and len(self._cards) >= MAX_REMEMBERED:
            self._cards.pop(next(iter(self._cards)), None)
        self._cards[key] = (span, *self._cards.get(key, ())[: MAX_SPANS - 1])

    def _covered(
        self,
        span: _Span,
        provider: str,
        model: str,
        at: datetime,
        context: Mapping[str, str],
        organization: Hashable | None,
        served_by: str,
    ) -> _Span:
        """``span`` with the commitment that covers the call, and over the time in which it does."""
        about = [
            cover for cover in self.covers if cover.organization == organization and cover.covers(served_by, model)
        ]
        edges = [edge for cover in about for edge in (cover.valid_from, cover.valid_to or END)]
        start = max([span.start, *(edge for edge in edges if edge <= at)])
        end = min([span.end, *(edge for edge in edges if edge > at)])
        chosen = max((cover for cover in about if cover.active(at)), key=lambda cover: cover.rank, default=None)
        if chosen is None:
            return _Span(start, end, span.card)
        listed = self.listed(provider, model, at, context).card
        return _Span(start, end, chosen.card(canonical_provider(provider), model, span.card, listed))

    def _resolve(
        self, provider: str, model: str, at: datetime, context: Mapping[str, str], organization: Hashable | None
    ) -> _Span:
        listed = self.listed(provider, model, at, context)
        kind = canonical_provider(provider)
        candidates = [
            override
            for override in self.overrides
            if override.organization in (None, organization) and override.covers(kind, model)
        ]
        active = [override for override in candidates if override.active(at)]
        edges = [edge for override in candidates for edge in (override.valid_from, override.valid_to or END)]
        start = max([listed.start, *(edge for edge in edges if edge <= at)], default=BEGINNING)
        end = min([listed.end, *(edge for edge in edges if edge > at)], default=END)
        if not active:
            return _Span(start, end, listed.card)
        chosen = max(active, key=lambda o: (o.organization is not None, o.specificity, o.valid_from))
        return _Span(start, end, chosen.card(kind, model, context, listed.card))


def _unanswered(card: RateCard) -> int:
    """How many parts of the context the card's list knows nothing of."""
    return sum(1 for flag in card.flags if flag == m.FLAG_UNKNOWN_TIER or flag.startswith("unknown_context:"))


def _aware(at: datetime | date) -> datetime:
    if not isinstance(at, datetime):
        return datetime.combine(at, time.min, UTC)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
