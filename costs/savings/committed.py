"""The organization's commitments as a search for savings sees them (`costs.savings.commitments`). Reads only."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Q

from costs.commitments import models
from costs.commitments.reading import utilisation
from costs.savings.candidates import MONTH
from costs.savings.commitments import BURST, Commitment
from gateway.models import Organization

SECOND = timedelta(seconds=1)


def commitments_of(organization: Organization, start: datetime, end: datetime) -> Iterator[Commitment]:
    """Those that were paid in `[start, end)` and cover calls; not those whose calls have no value that is known. One
    query, two for each of them."""
    rows = models.Commitment.objects.filter(
        Q(ends_on=None) | Q(ends_on__gt=start.date()), organization=organization, covers_calls=True,
        starts_on__lte=end.date(),
    ).order_by("starts_on", "pk")  # fmt: skip
    for row in rows:
        use = utilisation(row, start, end)
        if use.list_value is None or use.unlisted_calls or use.end <= use.start:
            continue
        peak = use.peak_token_share
        used = None if peak is None else min(Decimal(1), peak * BURST)
        yield Commitment(
            reference=str(row.pk), name=row.name, provider=row.provider, model=row.model,
            start=datetime.combine(row.starts_on, time.min, UTC),
            end=datetime.combine(row.ends_on, time.min, UTC) if row.ends_on else None,
            monthly_cost=use.cost * Decimal(MONTH / SECOND) / Decimal((use.end - use.start) / SECOND),
            currency=row.currency, covered=use.list_value, used=used,
            sizes=() if used is None else _sizes(row.units),
        )  # fmt: skip


def _sizes(units: Decimal) -> tuple[Decimal, ...]:
    """Whole units, as shares of what there is; none where they are not whole or too many to be cut one by one."""
    if units != units.to_integral_value() or not 1 < units <= 1_000:
        return ()
    return tuple(Decimal(number) / units for number in range(1, int(units) + 1))
