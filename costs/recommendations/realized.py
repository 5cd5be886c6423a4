"""What an applied recommendation really saves: the calls since then at the price they would have had, less their cost.

| category | counterfactual |
|---|---|
| cheaper model, cheaper provider | the moved calls' own tokens at the former model's price of that hour |
| repeated calls | what an answer from the cache had cost when a provider gave it, contracts included |
| prompt caching | the same tokens, none read from or written to the provider's cache |
| batch | batch calls at the price of the standard tier |
| others | as many requests at the slice's cost per request of the searched window |

Moved calls are known by the route decision on their line, so that of a canary only what was moved counts. The interval
says how much the amount would differ for other such hours: hours are taken as independent, z · s · √n (Student's t for
the few). Idle keys and commitments have no calls of their own, so nothing can be measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any

from django.db import connection, transaction

from analytics.forecasting.conformal import normal, student
from analytics.rollups.state import touch
from costs import addedup
from costs.addedup import Bucket, Shelf, Which
from costs.bookshelf import book_of
from costs.models import RealizedHour, Recommendation
from costs.models import RecommendationState as State
from costs.recommendations.changes import MOVED, ROUTE
from costs.recommendations.money import exact, plain
from costs.savings.proposals import Category, Slice
from costs.services.repricing import targets_of
from gateway.ledger.schema import TABLE
from gateway.models import Organization

ZERO = Decimal(0)
LEVEL = Decimal("0.9")
LEAST_LINES = 30
"""Calls that have to be measured before a saving counts as verified."""
LEAST_HOURS = 2
NOT_MEASURED = frozenset({Category.IDLE_KEYS, Category.UNUSED_COMMITMENT, Category.OVERSIZED_COMMITMENT})
METHODS = {
    "moved": "The calls that were moved, priced at the former model.",
    "cache": "What the answers from the cache had cost when a provider gave them.",
    "uncached": "The same tokens without the provider's prompt cache.",
    "standard": "The batch calls at the price of the standard tier.",
    "rate": "As many requests at the cost per request of the searched window.",
}
MEASURED = {
    Category.CHEAPER_MODEL: "moved", Category.CHEAPER_PROVIDER: "moved", Category.DUPLICATE_CACHING: "cache",
    Category.PROMPT_CACHING: "uncached", Category.BATCH: "standard",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hour:
    """Calls of one hour: what they cost and what they would have cost."""

    start: datetime
    lines: int
    actual: Decimal
    counterfactual: Decimal

    @property
    def saving(self) -> Decimal:
        return self.counterfactual - self.actual


class Day(Hour):
    """The same of a day in UTC."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Realized:
    """Money of `[start, end)`. `lower`, `upper` None: too few hours to say. `unpriced`: lines in neither sum."""

    method: str
    start: datetime
    end: datetime
    currency: str
    lines: int
    unpriced: int
    amount: Decimal
    lower: Decimal | None
    upper: Decimal | None
    days: tuple[Day, ...]
    notes: tuple[tuple[str, str], ...] = ()
    hours: tuple[Hour, ...] = ()
    """By the hour; by the day where no shorter time is measured."""


def method_of(row: Recommendation) -> str | None:
    """How it is measured; None: it cannot be."""
    category = Category(row.category)
    if category in NOT_MEASURED:
        return None
    method = MEASURED.get(category, "rate")
    return "rate" if method == "moved" and (row.applied or {}).get("how") != ROUTE else method


def measure(row: Recommendation, *, now: datetime) -> Realized | None:
    """From `applied_at` to `now`; None when it is not applied, or of a kind that cannot be measured. One to two
    statements over the ledger for its calls, and for each place that others have moved calls of it to; three for
    prices."""
    method = method_of(row)
    if method is None or row.applied_at is None:
        return None
    which = Which(row.organization, row.applied_at, now, row.calls, row.currency)
    if method == "rate":
        return _by_rate(row, which)
    if method == "cache":
        found = [_cached(row, place) for place in _places(row, which)]
    elif method == "uncached":
        found = [_repriced(row, place, method) for place in _places(row, which)]
    else:
        found = [_repriced(row, _narrowed(row, which, method), method)]
    hours = _merged(hour for hours, _ in found for hour in hours)
    return _summed(method, which, hours, sum(unpriced for _, unpriced in found), [])


def _places(row: Recommendation, which: Which) -> list[Which]:
    """Where calls of the slice are: as it was searched, and where other applied recommendations have moved some."""
    calls, found = which.calls, [which]
    moves = Recommendation.objects.done().filter(
        organization=row.organization, applied__from={"provider": calls.provider, "model": calls.model}
    )  # fmt: skip
    for move in moves if calls.model else ():
        done = move.applied or {}
        if move.calls.project in ("", calls.project):
            found += [
                replace(which, calls=replace(calls, provider=done["provider"], model=done["model"], route=one["alias"]))
                for one in done["routes"]
            ]
    return found


def _merged(hours: Iterable[Hour]) -> list[Hour]:
    found: dict[datetime, Hour] = {}
    for hour in hours:
        known = found.get(hour.start, Hour(hour.start, 0, ZERO, ZERO))
        found[hour.start] = Hour(
            hour.start, known.lines + hour.lines, known.actual + hour.actual, known.counterfactual + hour.counterfactual
        )
    return [found[at] for at in sorted(found)]


def measure_all(organization: Organization, *, now: datetime) -> int:
    """Measure what is applied, and say which are verified; returns how many were measured."""
    done = 0
    for row in Recommendation.objects.done().filter(organization=organization).select_related("organization"):
        found = measure(row, now=now)
        if found is not None:
            _keep(row, found)
            done += 1
    return done


@transaction.atomic
def _keep(row: Recommendation, found: Realized) -> None:
    """Unless somebody took it back meanwhile."""
    kept = Recommendation.objects.select_related("organization").select_for_update(of=("self",)).get(pk=row.pk)
    if not kept.is_done or kept.applied_at != row.applied_at:
        return
    is_proved = found.lower is not None and found.lower > 0 and found.lines >= LEAST_LINES
    kept.state = State.VERIFIED if is_proved else State.APPLIED
    kept.realized = as_json(found)
    kept.save(update_fields=["state", "realized", "updated_at"])
    keep_hours(kept, found)


def keep_hours(row: Recommendation, found: Realized | None) -> None:
    """What the metrics layer reads of a row: the hours of its last measurement, none of None. In the transaction that
    keeps the measurement. Another currency than the organization's cannot be added to other figures: none either."""
    row.hours.all().delete()
    if found is not None and found.currency == row.organization.currency:
        calls = row.calls
        RealizedHour.objects.bulk_create(
            RealizedHour(
                organization=row.organization, recommendation=row, bucket=hour.start, team=row.team,
                project=calls.project or None, provider=calls.provider or None, model=calls.model or None,
                realized_savings=exact(hour.saving),
            )
            for hour in found.hours
        )  # fmt: skip
    touch(row.organization_id)


def as_json(found: Realized) -> dict[str, Any]:
    """As a row keeps it."""
    return {
        "amount": plain(found.amount), "lower": None if found.lower is None else plain(found.lower),
        "upper": None if found.upper is None else plain(found.upper), "level": plain(LEVEL), "lines": found.lines,
        "until": found.end.isoformat(), "method": found.method,
    }  # fmt: skip


def shelf_of(organization: Organization) -> Shelf:
    """Three queries, one more after an import of prices."""
    return Shelf(book_of(organization), targets_of(organization), str(organization.pk))


# ---- by kind ---------------------------------------------------------------------------------------------------------
Found = tuple[list[Hour], int]
"""Hours, and how many lines have no price on one of the two sides."""


def _repriced(row: Recommendation, which: Which, method: str) -> Found:
    shelf = shelf_of(row.organization)
    models = [(row.calls.provider, row.calls.model)] if method == "moved" else _served(which)
    bounds = addedup.thresholds_of(
        card for provider, model in models for card in shelf.cards(provider, model, which.start, which.end)
    )
    hours: dict[datetime, list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])
    unpriced = 0
    for bucket in addedup.read(which, grain="hour", thresholds=bounds):
        amount = _counterfactual(row, shelf, bucket, bounds, method)
        unpriced += bucket.unpriced
        if amount is None:
            unpriced += bucket.lines
            continue
        found = hours[bucket.start]
        found[0] += bucket.lines
        found[1] += bucket.cost
        found[2] += amount
    return [Hour(at, *figures) for at, figures in sorted(hours.items())], unpriced


def _narrowed(row: Recommendation, which: Which, method: str) -> Which:
    """The calls that the change is about."""
    calls = which.calls
    if method == "moved":
        done = row.applied or {}
        moved = Slice(project=calls.project, team=calls.team, api_key=calls.api_key, endpoint=calls.endpoint,
                      provider=done["provider"], model=done["model"])  # fmt: skip
        arm = MOVED if done["share"] < 100 else ""
        return Which(which.organization, which.start, which.end, moved, which.currency, done["rule"], arm)
    # a batch is one line of an endpoint of its own, whatever its calls were
    batches = replace(calls, endpoint="")
    return Which(which.organization, which.start, which.end, batches, which.currency, tier="batch")


def _served(which: Which) -> list[tuple[str, str]]:
    where, values = addedup.condition(which)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT coalesce(l.provider, ''), coalesce(l.model_served, l.model_requested) FROM {TABLE} l "
            f"WHERE {where} AND l.kind = 'attempt'",
            values,
        )
        return list(cursor.fetchall())


def _counterfactual(
    row: Recommendation, shelf: Shelf, bucket: Bucket, bounds: tuple[int, ...], method: str
) -> Decimal | None:
    provider, model = bucket.provider, bucket.model
    context, usage = addedup.context_of(bucket.tier), dict(bucket.usage)
    if method == "moved":
        provider, model = row.calls.provider or provider, row.calls.model
    elif method == "standard":
        context = {}
    else:
        usage |= {"cache_read_tokens": 0, "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0}
    card = shelf.card(provider, model, bucket.start, context)
    found: Decimal | None = None if card is None else addedup.priced(bucket, card, bounds, usage)
    return found if card is None or card.currency == row.currency else None


CACHED_SQL = f"""
WITH lines AS (
  SELECT l.kind, l.started_at, l.provider, l.model_served, l.cost, l.list_cost FROM {TABLE} l WHERE {{where}}
    AND (l.kind = 'cache_hit' OR (l.kind = 'attempt' AND l.status = 'ok' AND l.cost IS NOT NULL))
), billed AS (
  SELECT provider, model_served, sum(cost) / nullif(sum(list_cost), 0) AS share, avg(cost) AS usual
  FROM lines WHERE kind = 'attempt' GROUP BY provider, model_served
), hits AS (
  SELECT h.started_at, coalesce(h.list_cost * b.share, b.usual, h.list_cost) AS saved
  FROM lines h LEFT JOIN billed b USING (provider, model_served)
  WHERE h.kind = 'cache_hit' AND h.started_at >= %(since)s
)
SELECT date_trunc('hour', started_at, 'UTC'), count(saved), coalesce(sum(saved), 0), count(*) - count(saved)
FROM hits GROUP BY 1 ORDER BY 1
"""


def _cached(row: Recommendation, which: Which) -> Found:
    """The list cost of the answers, times the share of it that calls of the same model are billed; of a model that no
    list has, what such a call costs."""
    where, values = addedup.condition(which)
    kept = timedelta(seconds=((row.applied or {}).get("after") or {}).get("ttl_s", 0))
    with connection.cursor() as cursor:
        cursor.execute(CACHED_SQL.format(where=where), {**values, "since": which.start, "start": which.start - kept})
        rows = cursor.fetchall()
    return [Hour(at, lines, ZERO, exact(saved)) for at, lines, saved, _ in rows], sum(row[3] for row in rows)


def _by_rate(row: Recommendation, which: Which) -> Realized:
    before = _requests(Which(row.organization, row.start, row.end, row.calls, row.currency))
    since = _requests(which)
    if not before.count:
        return _summed("rate", which, [], 0, [("no_window", "The searched window has no requests to compare with.")])
    usual = before.cost / before.count
    found = [Day(at, count, cost, exact(usual * count)) for at, count, cost in since.days]
    amount = sum((day.saving for day in found), ZERO)
    lower = upper = None
    if since.count > 1 and before.count > 1:
        spread = since.variance / since.count + before.variance / before.count
        reach = Decimal(repr(normal(float(LEVEL)) * since.count * sqrt(float(spread))))
        lower, upper = exact(amount - reach), exact(amount + reach)
    notes = [("by_rate", "Requests of another kind than before would change the cost per request too."),
             *_left_out(since.unpriced)]  # fmt: skip
    return Realized(
        "rate", which.start, which.end, which.currency, since.count, since.unpriced, amount, lower, upper,
        tuple(found), tuple(notes), tuple(found),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requests:
    """How many, Σ and Σ² of their costs with all attempts, `(day, count, cost)`; `unpriced` ones are in no figure."""

    days: tuple[tuple[datetime, int, Decimal], ...]
    squares: Decimal
    unpriced: int

    @property
    def count(self) -> int:
        return sum(count for _, count, _ in self.days)

    @property
    def cost(self) -> Decimal:
        return sum((cost for _, _, cost in self.days), ZERO)

    @property
    def variance(self) -> Decimal:
        """Of the cost of a request, of two at least."""
        return max(ZERO, (self.squares - self.cost * self.cost / self.count) / (self.count - 1))


def _requests(which: Which) -> Requests:
    """One statement. A request one of whose attempts has no price, nor got one since, has no known cost."""
    where, values = addedup.condition(which)
    known = "count(*) FILTER (WHERE r.known)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_trunc('day', min(r.at), 'UTC'), {known}, coalesce(sum(r.cost) FILTER (WHERE r.known), 0), "
            f"coalesce(sum(r.cost * r.cost) FILTER (WHERE r.known), 0), count(*) - {known} FROM ("
            f"SELECT min(l.started_at) AS at, coalesce(sum(l.cost), 0) AS cost, "
            f"count(*) FILTER (WHERE l.kind = 'attempt' AND l.cost IS NULL) <= count(DISTINCT l.corrects) FILTER "
            f"(WHERE l.cost IS NOT NULL) AS known FROM {TABLE} l WHERE {where} "
            f"AND l.kind IN ('attempt', 'adjustment') GROUP BY l.request_id) r "
            f"GROUP BY date_trunc('day', r.at, 'UTC') ORDER BY 1",
            values,
        )
        rows = cursor.fetchall()
    return Requests(
        tuple((row[0], row[1], row[2]) for row in rows),
        sum((row[3] for row in rows), ZERO),
        sum(row[4] for row in rows),
    )


# ---- sums ------------------------------------------------------------------------------------------------------------
def _summed(method: str, which: Which, hours: list[Hour], unpriced: int, notes: Iterable[tuple[str, str]]) -> Realized:
    said = [*notes, *_left_out(unpriced)]
    savings = [hour.saving for hour in hours]
    amount = exact(sum(savings, ZERO))
    lower = upper = None
    if len(savings) >= LEAST_HOURS:
        mean = amount / len(savings)
        spread = sqrt(float(sum(((one - mean) ** 2 for one in savings), ZERO)) / (len(savings) - 1))
        reach = Decimal(repr(student(float(LEVEL), len(savings) - 1) * spread * sqrt(len(savings))))
        lower, upper = exact(amount - reach), exact(amount + reach)
    elif hours:
        said.append(("few_hours", "Calls of two hours at least are needed for an interval."))
    return Realized(
        method, which.start, which.end, which.currency, sum(hour.lines for hour in hours), unpriced, amount, lower,
        upper, _days(hours), tuple(said), tuple(hours),
    )  # fmt: skip


def _left_out(unpriced: int) -> list[tuple[str, str]]:
    message = f"Lines without a price on one of the two sides are left out: {unpriced:,}."
    return [("unpriced", message)] if unpriced else []


def _days(hours: Iterable[Hour]) -> tuple[Day, ...]:
    found: dict[datetime, list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])
    for hour in hours:
        day = found[hour.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)]
        day[0] += hour.lines
        day[1] += hour.actual
        day[2] += hour.counterfactual
    return tuple(Day(at, *figures) for at, figures in sorted(found.items()))


def filled(days: Mapping[datetime, Day] | Iterable[Day], start: datetime, end: datetime) -> list[Day]:
    """Every day of `[start, end)`, those without calls too."""
    known = {day.start: day for day in (days.values() if isinstance(days, Mapping) else days)}
    at = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while at < end:
        found.append(known.get(at, Day(at, 0, ZERO, ZERO)))
        at += timedelta(days=1)
    return found
