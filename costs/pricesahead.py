"""Prices that are known to change: what a use costs from when on, against what it costs now. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import F, Q

from costs.models import PriceOverride
from costs.pricing import Override, PriceBook, default_book, price_with
from costs.pricing.listing import canonical_provider
from costs.services.prices import as_override
from gateway.console import PriceStep, Use
from gateway.models import Model, Organization, Provider


def price_steps(
    organization: Organization, uses: Callable[[], Sequence[Use]], start: datetime, origin: datetime, end: datetime
) -> list[PriceStep]:
    """For every use whose price begins, ends or is followed by another in `(start, end)`: the factor at `start` and
    from each change on, against the price at `origin`. One query, three when there are such prices.

    A price that was stated after it began is no change: lines that were booked by then keep theirs. A use without a
    price at the origin has no steps, a change to none or to another currency is left out.
    """
    rows = PriceOverride.objects.filter(Q(organization=organization) | Q(organization=None))
    known = list(rows.overlapping(start, end))
    overrides = list(_usable(known))
    late = {row.valid_from for row in known if row.created_at > row.valid_from}
    changing = [each for each in overrides if _edges([each], late, start, end)]
    if not changing:
        return []
    book = default_book().with_overrides(overrides)
    lists, names = _lists(organization), _names(organization)
    found: list[PriceStep] = []
    for use in uses():
        kind, model = lists.get(use.provider, use.provider), names.get((use.provider, use.model), use.model)
        mine = [each for each in changing if each.covers(canonical_provider(kind), model)]
        if edges := _edges(mine, late, start, end):
            found += _steps(book, organization, use, (kind, model), origin, [start, *edges])
    return found


def _usable(rows: Iterable[PriceOverride]) -> Iterator[Override]:
    for row in rows:
        try:
            yield as_override(row)
        except ValueError:  # written around the services: the pricer leaves it out too
            continue


def _edges(overrides: Sequence[Override], late: Container[datetime], start: datetime, end: datetime) -> list[datetime]:
    edges = {edge for each in overrides for edge in (each.valid_from, each.valid_to) if edge and start < edge < end}
    return sorted(edge for edge in edges if edge not in late)


def _steps(
    book: PriceBook,
    organization: Organization,
    use: Use,
    priced_as: tuple[str, str],
    origin: datetime,
    times: Sequence[datetime],
) -> Iterator[PriceStep]:
    def cost(at: datetime) -> tuple[float, str] | None:
        card = book.resolve(*priced_as, at, organization=str(organization.pk))
        total = None if card is None else price_with(card, use.usage).total
        return None if card is None or total is None else (float(total), card.currency)

    now = cost(origin)
    if now is None or now[0] <= 0:
        return
    for at in times:
        then = cost(at)
        if then is not None and then[1] == now[1]:
            yield PriceStep(use.provider, use.model, at, then[0] / now[0])


def _lists(organization: Organization) -> Mapping[str, str]:
    """Provider's slug → the price list it is billed by; the organization's own before the platform's."""
    rows = Provider.objects.filter(Q(organization=organization) | Q(organization=None))
    rows = rows.order_by(F("organization").asc(nulls_first=True))
    return {slug: listed or kind for slug, listed, kind in rows.values_list("slug", "price_list", "kind")}


def _names(organization: Organization) -> Mapping[tuple[str, str], str]:
    """(provider's slug, name in the catalogue) → the vendor's name, by which prices are stated."""
    rows = Model.objects.filter(Q(organization=organization) | Q(organization=None))
    found = rows.values_list("provider__slug", "name", "upstream_name")
    return {(slug, name): upstream for slug, name, upstream in found}
