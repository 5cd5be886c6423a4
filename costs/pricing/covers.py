"""Commitments that cover calls: what was paid beforehand costs nothing more, and its list cost stays known. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from . import meters as m
from .cards import Rate, RateCard, RateTier
from .listing import matches

PREFIX = "commitment"
COVERED = frozenset(m.TOKEN_METERS) | m.INSTEAD_OF_TOKENS
"""What a model makes. Searches and other services beside it keep their price."""
_WITHIN = frozenset({m.REASONING, m.IMAGE_INPUT, m.IMAGE_OUTPUT})
"""Billed within their whole where the list has no rate of their own."""
FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Cover:
    """Calls of ``organization`` to ``models`` (exact names or prefixes ending in ``*``) at the provider with the slug
    ``served_by``, over ``[valid_from, valid_to)``. Two may cover a call: the exact name, else the longer prefix, else
    the older one does. Times are aware."""

    id: str
    organization: Hashable
    served_by: str
    models: tuple[str, ...]
    valid_from: datetime
    valid_to: datetime | None = None

    def covers(self, served_by: str, model: str) -> bool:
        """Whether this is about the model, at any time."""
        return served_by == self.served_by and any(matches(name, model) for name in self.models)

    def active(self, at: datetime) -> bool:
        """Whether ``at`` (aware) lies in ``[valid_from, valid_to)``."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    @property
    def rank(self) -> tuple[bool, int, float, str]:
        """The highest one covers."""
        name = self.models[0]
        return not name.endswith("*"), len(name), -self.valid_from.timestamp(), self.id

    def card(self, provider: str, model: str, card: RateCard | None, list_card: RateCard | None) -> RateCard:
        """``card`` (what the call would cost without it) with what is covered at 0. Without a price of the model,
        everything that is covered costs 0 all the same."""
        base = card or list_card
        tiers = base.tiers if base is not None else (RateTier(-1, {}),)
        currency = base.currency if base is not None else "USD"
        return RateCard(
            provider=provider,
            model=model,
            currency=currency,
            tiers=tuple(RateTier(tier.above_tokens, self._rates(tier, currency)) for tier in tiers),
            flags=base.flags if base is not None else (),
            overridden=True,
            list_card=list_card,
        )

    def _rates(self, tier: RateTier, currency: str) -> dict[str, Rate]:
        rates = dict(tier.rates)
        for meter in COVERED:
            if (listed := tier.rates.get(meter)) is not None:
                # The rate's own id stays in the id: it says which tier the call would have been of.
                rates[meter] = Rate(meter, f"{PREFIX}:{self.id}:{meter}:{listed.rate_id}", FREE, currency)
            elif meter not in _WITHIN:
                rates[meter] = Rate(meter, f"{PREFIX}:{self.id}:{meter}", FREE, currency)
        return rates
