"""The price book of this process: the lists as imported, with the overrides of an organization. Reads only.

`load_catalogue` needs no app registry: the data plane's pricer uses it through its own connection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import connection
from django.db.models import Q

from costs.pricing import Cover, PriceBook, default_book
from costs.pricing.catalogue import Catalogue, DatedRate, bundled

Fetch = Callable[[str], Sequence[tuple[Any, ...]]]

STATE_SQL = """
SELECT (SELECT id::text FROM costs_pricesnapshot WHERE source = 'litellm' AND state = 'accepted'
        ORDER BY imported_at DESC, id DESC LIMIT 1),
  (SELECT array_agg(provider || ' ' || model ORDER BY provider, model) FROM costs_pricereview WHERE state = 'taken')
"""
RATES_SQL = """
SELECT r.provider, r.model, r.context, r.meter, r.above_tokens, r.amount, s.version, r.valid_from, r.valid_to
FROM costs_pricerate r JOIN costs_pricesnapshot s ON s.id = r.snapshot_id WHERE r.source = 'litellm'
"""

COVERS_SQL = """
SELECT c.id::text, c.organization_id::text, c.provider, c.model, c.starts_on, c.ends_on,
  (SELECT array_agg(DISTINCT m.upstream_name ORDER BY m.upstream_name)
   FROM gateway_model m JOIN gateway_provider p ON p.id = m.provider_id
   WHERE p.slug = c.provider AND (p.organization_id IS NULL OR p.organization_id = c.organization_id)
     AND starts_with(lower(m.name), rtrim(lower(c.model), '*'))
     AND (c.model LIKE '%*' OR lower(m.name) = lower(c.model)))
FROM costs_commitment c WHERE c.covers_calls ORDER BY c.id
"""

_known: tuple[object, Catalogue] | None = None


def load_catalogue(fetch: Fetch) -> Catalogue:
    """The second list as imported, else as bundled. One query when nothing changed, two when something did."""
    global _known
    ((snapshot, taken),) = fetch(STATE_SQL)
    state = snapshot, tuple(taken or ())
    if _known is not None and _known[0] == state:
        return _known[1]
    preferred = frozenset(_pair(text) for text in taken or ())
    models = _models(fetch(RATES_SQL)) if snapshot else bundled().models
    catalogue = Catalogue(models, preferred)
    _known = state, catalogue
    return catalogue


def load_covers(fetch: Fetch) -> tuple[Cover, ...]:
    """The commitments that cover calls, by the upstream names of the models that they name. One query."""
    return tuple(
        Cover(identity, organization, provider, (model, *(names or ())), _midnight(start), end and _midnight(end))
        for identity, organization, provider, model, start, end, names in fetch(COVERS_SQL)
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _pair(text: str) -> tuple[str, str]:
    provider, _, model = text.partition(" ")
    return provider, model


def _models(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], tuple[DatedRate, ...]]:
    found: dict[tuple[str, str], list[DatedRate]] = defaultdict(list)
    for provider, model, context, meter, above, amount, version, valid_from, valid_to in rows:
        found[provider, model].append(
            DatedRate(context, meter, above, amount.normalize(), version, valid_from, valid_to)
        )
    return {key: tuple(rates) for key, rates in found.items()}


def _fetch(statement: str) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def catalogue_in_force() -> Catalogue:
    """The second list as this installation has imported it."""
    return load_catalogue(_fetch)


def book_of(organization: Any | None, overrides: Iterable[Any] | None = None) -> PriceBook:
    """The book of an organization (None: the platform's), with its overrides and the platform's, of any time, and its
    commitments; with `overrides`, rows of `PriceOverride`, with these alone. Rows that cannot be billed are left out,
    as the data plane does. Three queries, one more after an import."""
    from costs.models import PriceOverride  # the data plane imports this module without the app registry
    from costs.services.prices import as_override

    if overrides is None:
        overrides = PriceOverride.objects.filter(Q(organization=organization) | Q(organization=None))
    usable = []
    for row in overrides:
        try:
            usable.append(as_override(row))
        except ValueError:
            continue
    covers = [one for one in load_covers(_fetch) if one.organization == str(getattr(organization, "pk", ""))]
    return default_book().with_catalogue(catalogue_in_force()).with_covers(covers).with_overrides(usable)
