"""Prices that began or ended, stated here or by the public list, as marks on charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.db.models import Exists, Q
from django.urls import reverse

from costs.bookshelf import catalogue_in_force
from costs.models import PriceOverride, PriceRate
from costs.pricing import Override, PriceBook, RateCard, default_book
from costs.services.prices import as_override
from gateway.console.parts import Mark
from gateway.models import Model, Organization, User

MOST = 60
MOST_MODELS = 500
INSTANT = timedelta(microseconds=1)


def price_changes(user: User, organization: Organization, start: datetime, end: datetime) -> list[Mark]:
    """The newest `MOST` instants of `[start, end)` from which calls cost something else by what `user` may see of the
    prices stated here. A price that follows another at once is one change. One query."""
    rows = PriceOverride.objects.visible_to(user).filter(Q(organization=organization) | Q(organization=None))
    begins, ends = Q(valid_from__gte=start, valid_from__lt=end), Q(valid_to__gte=start, valid_to__lt=end)
    found = list(rows.filter(begins | ends).order_by("-valid_from", "-id")[: 2 * MOST])
    begun = {(row.provider, row.model, row.valid_from) for row in found}
    changes = [
        Mark(row.valid_from, f"Price of {_subject(row)} from here", _url(row))
        for row in found
        if start <= row.valid_from < end
    ]
    changes += [
        Mark(row.valid_to, f"Price of {_subject(row)} ended", _url(row))
        for row in found
        if row.valid_to and start <= row.valid_to < end and (row.provider, row.model, row.valid_to) not in begun
    ]
    return sorted(changes, key=lambda mark: mark.at)[-MOST:]


def list_changes(user: User, organization: Organization, start: datetime, end: datetime) -> list[Mark]:
    """The newest `MOST` instants of `[start, end)` from which the public lists, the dated and the imported one, have
    other prices for models that `user` sees, where calls are priced by them. One query; two more where an import
    changed some price within the window, one more when there is such an instant."""
    shared = Q(organization=organization) | Q(organization=None)
    rows = Model.objects.visible_to(user).filter(shared).order_by("-organization_id", "name")
    imports = PriceRate.objects.filter(valid_from__gte=start, valid_from__lt=end)
    columns = ("provider__price_list", "provider__kind", "upstream_name", Exists(imports))
    names = list(rows.values_list(*columns)[:MOST_MODELS])
    subjects = sorted({(stated or kind, model) for stated, kind, model, _ in names})
    book, lists = default_book(), [default_book().price_list.changes]
    if any(has_imports for *_, has_imports in names):
        imported = catalogue_in_force()
        book = book.with_catalogue(imported)
        lists.append(imported.changes)
    found = [
        (at, *one) for one in subjects for at in sorted({at for changes in lists for at in changes(*one, start, end)})
    ]
    if not found:
        return []
    book = book.with_overrides(filter(None, map(_usable, PriceOverride.objects.visible_to(user).filter(shared))))
    changed = [each for each in sorted(found) if _changes(book, str(organization.pk), *each)]
    return [
        Mark(
            at,
            f"List price of {model} ({price_list}) from here",
            f"{reverse('admin:models')}?{urlencode({'q': model})}",
        )
        for at, price_list, model in changed[-MOST:]
    ]


def _usable(row: PriceOverride) -> Override | None:
    try:
        return as_override(row)
    except ValueError:  # written around the services: the pricer leaves it out too
        return None


def _changes(book: PriceBook, organization: str, at: datetime, price_list: str, model: str) -> bool:
    """Whether a call at `at` costs something else than one just before."""
    before, after = (
        book.resolve(price_list, model, moment, organization=organization) for moment in (at - INSTANT, at)
    )
    return _rates(before) != _rates(after)


def _rates(card: RateCard | None) -> Mapping[tuple[int, str], Decimal]:
    tiers = card.tiers if card else ()
    return {(tier.above_tokens, rate.meter): rate.unit_price for tier in tiers for rate in tier.rates.values()}


def _subject(row: PriceOverride) -> str:
    return f"{row.model} ({row.provider})"


def _url(row: PriceOverride) -> str:
    return reverse("admin:costs_priceoverride_change", args=[row.pk])
