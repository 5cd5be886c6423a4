"""How well a commitment is used: what the calls it covers would have cost by the public list, against what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from costs.commitments.models import Commitment
from costs.commitments.terms import RATE, noon
from costs.currencies.convert import table_of
from costs.pricing.cards import EXACT, ZERO
from costs.pricing.listing import matches
from gateway.ledger.schema import TABLE
from gateway.models import Model

HOUR = timedelta(hours=1)
MINUTES = 60
SHARE = Decimal("1e-6")

# Calls by what they are about, so that calls from before the commitment was entered count too; not those that another
# commitment covers. Adjusting entries bring their differences.
_SQL = f"""SELECT date_bin('1 hour', l.started_at, '2000-01-01 00:00:00+00') AS hour, l.currency,
    count(*) FILTER (WHERE l.kind = 'attempt'), coalesce(sum(l.list_cost), 0),
    count(*) FILTER (WHERE l.kind = 'attempt' AND l.list_cost IS NULL AND l.input_tokens + l.output_tokens > 0),
    sum(l.input_tokens + l.output_tokens)::bigint
  FROM {TABLE} l WHERE l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s
    AND l.kind IN ('attempt', 'adjustment') AND l.provider = %(provider)s
    AND (starts_with(lower(l.model_served), %(prefix)s) AND (%(is_prefix)s OR lower(l.model_served) = %(prefix)s)
         OR l.model_served = ANY(%(names)s))
    AND NOT EXISTS (SELECT FROM jsonb_array_elements(l.charges) c
      WHERE starts_with(c ->> 'rate_id', '{RATE}') AND NOT starts_with(c ->> 'rate_id', %(own)s))
  GROUP BY 1, 2 ORDER BY 1, 2"""


class Hour(NamedTuple):
    """The calls of one hour and currency. `unlisted`: calls of which the public list states no price."""

    at: datetime
    currency: str
    calls: int
    listed: Decimal
    unlisted: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Utilisation:
    """A commitment over the part of `[start, end)` in which it is paid. Money is in `currency`.

    `list_value`: what the covered calls would have cost by the public list; None, with a note, when an exchange rate is
    missing. `used_share` = value ÷ cost, at most 1; `unused_share` the rest; `unused_cost` what was paid without value.
    All three None when the value is, or nothing was paid. `token_share`: tokens ÷ what `tokens_per_minute` would have
    served; None when that is not stated. `peak_tokens`, `peak_value`: of the busiest hour, for the size it would need.
    """

    start: datetime
    end: datetime
    currency: str
    cost: Decimal
    list_value: Decimal | None
    calls: int
    unlisted_calls: int
    tokens: int
    hours: int
    peak_tokens: int
    peak_value: Decimal | None
    used_share: Decimal | None
    unused_share: Decimal | None
    unused_cost: Decimal | None
    token_share: Decimal | None
    peak_token_share: Decimal | None
    notes: tuple[tuple[str, str], ...] = ()


def utilisation(commitment: Commitment, start: datetime, end: datetime) -> Utilisation:
    """How it was used in `[start, end)` (aware). Cost is of its days whose noon in UTC lies in the window, as the
    ledger has them or will have. Two queries, one more for each other currency that calls were priced in."""
    since, until = _within(commitment, start, end)
    hours = read(commitment, since, until) if since < until else []
    return judged(commitment, since, until, hours)


def judged(commitment: Commitment, start: datetime, end: datetime, hours: Iterable[Hour]) -> Utilisation:
    """`utilisation` of hours that were read; one query for each other currency."""
    rows = list(hours)
    cost = commitment.terms.cost_between(start, end)
    value, by_hour, notes = _value(commitment, rows)
    unlisted = sum(row.unlisted for row in rows)
    if unlisted:
        notes.append(("unlisted", f"{unlisted:,} calls have no list price; their value is not in the list value."))
    span = max(0, int((end - start) / HOUR))
    tokens, peak = sum(row.tokens for row in rows), max(_by_hour(rows).values(), default=0)
    used = None if value is None or not cost else min(Decimal(1), max(ZERO, value / cost)).quantize(SHARE)
    capacity = (commitment.tokens_per_minute or 0) * MINUTES
    return Utilisation(
        start=start, end=end, currency=commitment.currency, cost=cost, list_value=value,
        calls=sum(row.calls for row in rows), unlisted_calls=unlisted, tokens=tokens, hours=span, peak_tokens=peak,
        peak_value=max(by_hour.values(), default=ZERO) if value is not None else None, used_share=used,
        unused_share=None if used is None else 1 - used,
        unused_cost=None if value is None or not cost else max(ZERO, EXACT.subtract(cost, value)),
        token_share=_share(tokens, capacity * span), peak_token_share=_share(peak, capacity), notes=tuple(notes),
    )  # fmt: skip


def read(commitment: Commitment, start: datetime, end: datetime) -> list[Hour]:
    """The covered calls of `[start, end)` by hour. Two queries."""
    name = commitment.model.lower()
    scope = Q(provider__organization=commitment.organization) | Q(provider__organization=None)
    called = Model.objects.filter(scope, provider__slug=commitment.provider).values_list("name", "upstream_name")
    parameters: dict[str, Any] = {
        "organization": commitment.organization_id, "start": start, "end": end, "provider": commitment.provider,
        "prefix": name.removesuffix("*"), "is_prefix": name.endswith("*"), "own": f"{RATE}{commitment.pk}:",
        "names": [here for here, upstream in called if matches(commitment.model, upstream)],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SQL, parameters)
        return [Hour(*row) for row in cursor.fetchall()]


def _within(commitment: Commitment, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The part of the window in which it is paid, whole days in UTC."""
    since = max(start, _midnight(commitment.starts_on))
    return since, end if commitment.ends_on is None else min(end, _midnight(commitment.ends_on))


def _midnight(day: date) -> datetime:
    return noon(day) - 12 * HOUR


def _value(
    commitment: Commitment, rows: list[Hour]
) -> tuple[Decimal | None, dict[datetime, Decimal], list[tuple[str, str]]]:
    """List value in all and by hour, in the commitment's currency; None where a rate is missing, and a note."""
    total, by_hour, notes = ZERO, dict[datetime, Decimal](), list[tuple[str, str]]()
    for currency in sorted({row.currency for row in rows}):
        table = table_of(commitment.organization_id, currency, commitment.currency)
        own = [row for row in rows if row.currency == currency]
        amount = table.convert((row.at.astimezone(UTC).date(), row.listed) for row in own)
        if amount is None:
            notes.append(("rate_missing", f"No exchange rate of {currency} to {commitment.currency} on every day."))
            return None, {}, notes
        total = EXACT.add(total, amount)
        for row in own:
            part = table.convert([(row.at.astimezone(UTC).date(), row.listed)])
            by_hour[row.at] = EXACT.add(by_hour.get(row.at, ZERO), part or ZERO)
    return total, by_hour, notes


def _by_hour(rows: Iterable[Hour]) -> dict[datetime, int]:
    found: dict[datetime, int] = {}
    for row in rows:
        found[row.at] = found.get(row.at, 0) + row.tokens
    return found


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(SHARE) if whole else None
