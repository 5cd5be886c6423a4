"""What a key or an organization may do, and what it costs, as it stands now. Reads only; what the asker may see.

Names are found as the data plane finds them (`gateway.dataplane.views.Catalog.names_for`): an organization's own rows
hide the platform's, routes hide models, and a route that leads nowhere hides what else has its name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from costs.bookshelf import book_of
from costs.choices import BudgetPeriod, Enforcement
from costs.currencies.convert import RateTable, table_of
from costs.estimates import visible_overrides
from costs.models import Budget
from costs.pricing import PriceBook, RateCard
from costs.pricing import meters as m
from costs.pricing.cards import COST_QUANTUM, EXACT
from gateway.choices import LimitScope
from gateway.models import Model, Organization, Route, VirtualKey
from gateway.provideroptions import price_region
from gateway.services.errors import Invalid
from sdkgen.custom.shape import UNKNOWN_PRICE, Offer, Shape

MILLION = Decimal(1_000_000)
WORDS = {
    m.INPUT: "input tokens", m.CACHE_READ: "tokens read from a cache", m.CACHE_WRITE_5M: "tokens cached for 5 minutes",
    m.CACHE_WRITE_1H: "tokens cached for 1 hour", m.AUDIO_INPUT: "audio input tokens",
    m.IMAGE_INPUT: "image input tokens", m.OUTPUT: "output tokens", m.REASONING: "reasoning tokens",
    m.AUDIO_OUTPUT: "audio output tokens", m.IMAGE_OUTPUT: "image output tokens", m.CHARACTER: "characters",
    m.AUDIO_SECOND: "a minute of audio", m.REQUEST: "a request", m.IMAGE: "an image", m.TOOL_CALL: "a tool call",
    m.WEB_SEARCH: "a web search",
}  # fmt: skip
MOST_TARGETS = 4


def shape_of_key(*, user: Any, organization: Organization, key_id: UUID) -> Shape:
    """Of a key that `user` sees and that can be used. Raises Invalid."""
    rows = VirtualKey.objects.visible_to(user).filter(organization=organization)
    key = rows.select_related("project__team", "user").filter(pk=key_id).first()
    if key is None:
        raise Invalid("unknown_key", "There is no such key, or not for you.", field="shape.api_key")
    if not VirtualKey.objects.usable(timezone.now()).filter(pk=key.pk).exists():
        raise Invalid("key_not_usable", "The key is revoked or has expired.", field="shape.api_key")
    limits = []
    if key.rpm_limit is not None:
        limits.append(f"At most {key.rpm_limit:,} requests a minute.")
    if key.tpm_limit is not None:
        limits.append(f"At most {key.tpm_limit:,} tokens a minute.")
    budgets = []
    if key.budget_amount is not None:
        budgets.append(f"The key may cost {_plain(key.budget_amount)} {organization.currency} in all.")
    return _shape(
        user, organization, f"the key {key.name} ({key.prefix}…)", key, tuple(sorted(key.scopes)), limits,
        budgets + _budgets(user, organization, _scopes_of(key)),
    )  # fmt: skip


def shape_of_organization(*, user: Any, organization: Organization) -> Shape:
    scope = Q(scope=LimitScope.ORGANIZATION)
    budgets = _budgets(user, organization, scope)
    return _shape(user, organization, f"the organization {organization.name}", None, (), [], budgets)


def _shape(
    user: Any,
    organization: Organization,
    subject: str,
    key: VirtualKey | None,
    scopes: tuple[str, ...],
    limits: list[str],
    budgets: list[str],
) -> Shape:
    allowed = frozenset(key.allowed_models) if key is not None else frozenset()
    return Shape(
        organization.slug, organization.name, organization.currency, organization.reporting_timezone,
        str(key.pk) if key is not None else "", subject, scopes, tuple(_offers(user, organization, allowed)),
        tuple(limits), tuple(budgets),
    )  # fmt: skip


# ---- budgets -----------------------------------------------------------------------------------------------------
def _scopes_of(key: VirtualKey) -> Q:
    """What falls on every call of the key; budgets of end users, tags and models depend on the call."""
    found = Q(scope=LimitScope.ORGANIZATION) | Q(scope=LimitScope.KEY, scope_value__in=[str(key.lineage), "*"])
    found |= Q(scope=LimitScope.PROJECT, scope_value__in=[str(key.project_id), "*"])
    if key.project.team_id:
        found |= Q(scope=LimitScope.TEAM, scope_value__in=[str(key.project.team_id), "*"])
    if key.user_id:
        found |= Q(scope=LimitScope.USER, scope_value__in=[str(key.user_id), "*"])
    return found


def _budgets(user: Any, organization: Organization, scopes: Q) -> list[str]:
    rows = Budget.objects.visible_to(user).filter(scopes, organization=organization, archived_at=None, is_shadow=False)
    return [
        f"Budget {row.name} ({LimitScope(row.scope).label.lower()}): {_plain(row.amount)} {row.currency}, "
        f"{BudgetPeriod(row.period).label.lower()}, "
        f"{'calls beyond it are refused' if row.enforcement == Enforcement.HARD else 'calls beyond it go on'}."
        for row in rows.order_by("name", "id")
    ]


# ---- models and prices -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Prices:
    """The book as the asker may know it, and the organization's rates of exchange, each table read once."""

    book: PriceBook
    organization: Organization
    now: datetime
    tables: dict[str, RateTable]

    def of(self, model: Model) -> str:
        provider = model.provider
        region = price_region(provider.kind, provider.base_url, provider.options or {})
        card = self.book.resolve(
            provider.price_list or provider.kind, model.upstream_name, self.now, {"region": region} if region else {},
            str(self.organization.pk),
        )  # fmt: skip
        if card is None or not card.tiers[-1].rates:
            return "free of charge" if card is not None and card.is_free else UNKNOWN_PRICE
        return self._words(card)

    def _words(self, card: RateCard) -> str:
        if card.is_free:
            return "free of charge"
        own = self.organization.currency
        table = self.tables.get(card.currency)
        if table is None:
            table = self.tables[card.currency] = table_of(self.organization.pk, card.currency, own)
        rate = table.on(self.now.astimezone(UTC).date())
        if rate is None:
            return f"{UNKNOWN_PRICE} in {own}: no exchange rate from {card.currency} is stated"
        texts = []
        for tier in reversed(card.tiers):
            above = f"above {tier.above_tokens:,} tokens of input " if tier.above_tokens >= 0 else ""
            texts.append(above + self._rates(tier.rates, rate.factor))
        converted = "" if card.currency == own else f", from {card.currency} by {rate.words(card.currency, own)}"
        return "; ".join(texts) + converted

    def _rates(self, rates: Mapping[str, Any], factor: Decimal) -> str:
        return ", ".join(
            _amount(meter, EXACT.multiply(rates[meter].unit_price, factor), self.organization.currency)
            for meter in WORDS
            if meter in rates
        )


def _amount(meter: str, unit_price: Decimal, currency: str) -> str:
    if meter in m.PER_MILLION:
        return f"{_plain(unit_price * MILLION)} {currency} per 1M {WORDS[meter]}"
    return f"{_plain(unit_price * 60 if meter in m.PER_MINUTE else unit_price)} {currency} for {WORDS[meter]}"


def _plain(amount: Decimal) -> str:
    rounded = EXACT.quantize(amount, COST_QUANTUM)
    return f"{rounded.normalize():f}"


def _offers(user: Any, organization: Organization, allowed: frozenset[str]) -> Iterable[Offer]:
    """Everything that `allowed` (empty: all) holds, by name. Seven queries, one more for each foreign currency."""
    owner = Q(organization=organization) | Q(organization=None)
    usable = Q(is_enabled=True, provider__is_enabled=True)
    models = list(Model.objects.visible_to(user).filter(owner, usable).select_related("provider").order_by("id"))
    routes = Route.objects.visible_to(user).filter(owner, is_enabled=True)
    routes = routes.prefetch_related("targets__model__provider").order_by("id")
    names: dict[str, tuple[list[Model], bool]] = {}
    for whose in (None, organization.pk):
        of_models: dict[str, list[Model]] = {}
        for model in models:
            if model.organization_id == whose:
                of_models.setdefault(model.name, []).append(model)
        names |= {name: (found, False) for name, found in of_models.items()}
        for route in routes:
            if route.organization_id != whose:
                continue
            targets = [one.model for one in route.targets.all()]
            targets = [one for one in targets if one.is_enabled and one.provider.is_enabled]
            if targets:
                names[route.alias] = targets, True
            else:
                names.pop(route.alias, None)
    book = book_of(organization, visible_overrides(user, organization))
    prices = _Prices(book, organization, timezone.now(), {})
    for name in sorted(names):
        if not allowed or name in allowed:
            yield _offer(name, *names[name], prices)


def _offer(name: str, targets: list[Model], is_route: bool, prices: _Prices) -> Offer:
    """The window of several is the smallest, and not known when one of theirs is not."""
    said = [(f"{one.name} at {one.provider.slug}", prices.of(one)) for one in targets[:MOST_TARGETS]]
    if len({price for _, price in said}) == 1 and len(targets) <= MOST_TARGETS:
        price = said[0][1]
    else:
        price = "; ".join(f"{target}: {price}" for target, price in said)
        price += f"; {len(targets) - MOST_TARGETS} more" if len(targets) > MOST_TARGETS else ""
    return Offer(
        name,
        tuple(dict.fromkeys(one.name for one in targets)) if is_route else (),
        _smallest([one.context_tokens for one in targets]),
        _smallest([one.max_output_tokens for one in targets]),
        price,
    )


def _smallest(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None
