"""The ledger and the catalogue as a search for savings sees them. Reads only, in the caller's snapshot.

Attempts come through a server-side cursor, oldest first, and become columns piece by piece (`costs.savings.lines`):
some 150 bytes a line are kept. Charges are not read: token columns say what was used, and pricing them anew is faster
than reading JSON. Prefix hashes are replayed on the way past (`costs.savings.prefixes`) and not kept.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Avg, Count, Q

from costs.pricing.listing import CURRENCY
from costs.savings.candidates import ModelFacts, Scores
from costs.savings.lines import TOKENS, Builder, Lines, Profile
from costs.savings.prefixes import PrefixReplay
from costs.savings.pricing import Target
from costs.savings.units import units_of
from gateway.ledger.schema import TABLE
from gateway.models import CachePolicy, Model, Organization, Project, Provider, QualityScore

MAX_LINES = 2_000_000
"""More attempts than these shorten the window to its newest days, with a note."""
PIECE = 20_000
MOST_COST = 900_000_000
_SEPARATOR = "\x1f"
_TEXTS = (
    "project", "team", "api_key", "provider", "model_served", "model_requested", "endpoint", "route", "status",
    "service_tier_served", "cache_status", "finish_reason",
)  # fmt: skip
_FLAGS = (
    "is_final", "is_stream", "end_user IS NOT NULL", "coalesce(tool_count, 0) > 0",
    "request_count = 1 AND image_units = 0 AND characters = 0 AND audio_ms = 0",
)  # fmt: skip
# Speed and region of a call are on no column; the ids of the rates that they chose name them.
_RATE = "CASE WHEN l.charges #>> '{0,rate_id}' LIKE '%%=%%' THEN l.charges #>> '{0,rate_id}' ELSE '' END"
_CONTEXT = re.compile(r"\b(speed|region)=([^:,]+)")
_FOREIGN = frozenset({"model_served", "model_requested", "endpoint", "service_tier_served", "finish_reason"})
"""Texts that callers, providers and files choose: they may hold the separator."""


def _text_sql(name: str) -> str:
    text = f"coalesce(l.{name}::text, '')"
    return f"replace({text}, '{_SEPARATOR}', ' ')" if name in _FOREIGN else text


_PROFILE = f" || '{_SEPARATOR}' || ".join(
    [*map(_text_sql, _TEXTS), *(f"CASE WHEN {flag} THEN '1' ELSE '' END"
     for flag in _FLAGS), _RATE]
)  # fmt: skip
_WINDOW = "l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s"
COUNT_SQL = f"""
SELECT l.kind, l.currency, l.price_status <> 'unpriced', count(*), sum(l.cost), count(*) FILTER (WHERE abs(l.cost)
  > {MOST_COST}) FROM {TABLE} l WHERE {_WINDOW} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
NEWEST_SQL = f"""
SELECT l.started_at FROM {TABLE} l WHERE {_WINDOW} AND l.kind = 'attempt' ORDER BY l.started_at DESC, l.id DESC
OFFSET %(most)s LIMIT 1
"""
ADJUSTED_SQL = f"""
SELECT l.corrects, sum(l.cost) FROM {TABLE} l WHERE {_WINDOW} AND l.kind = 'adjustment' AND l.currency = %(currency)s
  AND l.cost IS NOT NULL GROUP BY 1
"""
LINES_SQL = f"""
SELECT uuid_send(l.id), {_PROFILE}, hashtextextended(l.project::text || l.request_id, 0),
  coalesce(l.duration_ms, 0)::bigint, coalesce(l.max_tokens, 0), substr(l.request_hmac, 1, 8), l.prefix_hmacs,
  (l.cost * 10000000000)::bigint, {", ".join(f"l.{name}" for name in TOKENS)}
FROM {TABLE} l WHERE {_WINDOW} AND l.kind = 'attempt'
  AND (l.cost IS NULL OR (l.currency = %(currency)s AND abs(l.cost) <= {MOST_COST}))
ORDER BY l.started_at, l.id
"""


@dataclass(slots=True)
class Found:
    """What a window holds. `start` is later than asked for when it held more than `MAX_LINES` attempts."""

    lines: Lines
    start: datetime
    end: datetime
    currency: str
    notes: list[tuple[str, str]] = field(default_factory=list)


def read(organization: Organization, start: datetime, end: datetime) -> Found:
    """The attempts of `[start, end)` that have a price, adjustments folded in. Four statements, five when cut."""
    where: dict[str, Any] = {"organization": organization.pk, "start": start, "end": end}
    counts, notes = _rows(COUNT_SQL, where), []
    attempts = sum(row[3] for row in counts if row[0] == "attempt")
    if attempts > MAX_LINES:
        start = where["start"] = _newest(where)
        counts = _rows(COUNT_SQL, where)
        text = f"The window holds {attempts:,} calls; the newest were searched, since {start:%Y-%m-%d %H:%M} UTC."
        notes.append(("window_shortened", text))
    currency = _currency(counts)
    where["currency"] = currency
    adjusted = {identity.bytes: units_of(cost) for identity, cost in _rows(ADJUSTED_SQL, where)}
    reader = _Reader(adjusted)
    for rows in _pieces(where):
        reader.take(rows)
    notes += _notes(counts, currency, reader.unpriced)
    return Found(reader.builder.lines(), start, end, currency, notes)


def _newest(where: Mapping[str, Any]) -> datetime:
    """The first midnight UTC after which there are at most `MAX_LINES` attempts; the instant where that is too late."""
    ((cut,),) = _rows(NEWEST_SQL, {**where, "most": MAX_LINES})
    midnight = datetime.combine(cut.astimezone(UTC).date() + timedelta(days=1), time.min, UTC)
    return midnight if midnight < where["end"] else cut + timedelta(milliseconds=1)


def _currency(counts: Sequence[tuple[Any, ...]]) -> str:
    """The one in which most attempts are priced; the price list's for none."""
    lines: dict[str, int] = defaultdict(int)
    for kind, currency, is_priced, count, *_ in counts:
        if kind == "attempt" and is_priced:
            lines[currency] += count
    return max(lines, key=lambda name: (lines[name], name == CURRENCY), default=CURRENCY)


def _notes(counts: Sequence[tuple[Any, ...]], currency: str, unpriced: int) -> Iterator[tuple[str, str]]:
    others: dict[str, int] = defaultdict(int)
    for kind, name, is_priced, count, _, _ in counts:
        if kind == "attempt" and is_priced and name != currency:
            others[name] += count
    for name, count in sorted(others.items()):
        yield "other_currency", f"{count:,} calls are priced in {name}, not in {currency}, and were left out."
    if unpriced:
        yield "unpriced", f"{unpriced:,} calls have no known price and were left out; the costs of them are unknown."
    if beyond := sum(row[5] for row in counts if row[0] == "attempt" and row[1] == currency):
        yield "out_of_range", f"{beyond:,} calls cost more than {MOST_COST:,} {currency} each and were left out."
    for kind, name, _, count, cost, _ in counts:
        if kind not in ("attempt", "cache_hit", "denied", "adjustment") and cost:
            yield "not_replayed", f"{count:,} lines of {kind} over {cost:.2f} {name} are no calls and were left out."


@dataclass(slots=True)
class _Reader:
    """Rows of `LINES_SQL` into columns."""

    adjusted: Mapping[bytes, int]
    builder: Builder = field(default_factory=Builder)
    prefixes: PrefixReplay = field(default_factory=PrefixReplay)
    unpriced: int = 0
    _known: dict[str, int] = field(default_factory=dict)
    _scopes: dict[str, int] = field(default_factory=dict)
    _models: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        kept = [row for row in rows if row[7] is not None or bytes(row[0]) in self.adjusted]
        self.unpriced += len(rows) - len(kept)
        if not kept:
            return
        ids, texts, requests, durations, limits, asked, prefixes, costs, *tokens = zip(*kept, strict=True)
        raw = [bytes(one) for one in ids]
        at = np.frombuffer(b"".join(raw), dtype=">u8")[::2].astype(np.uint64) >> np.uint64(16)
        cost = np.asarray([one or 0 for one in costs], dtype=np.int64)
        if self.adjusted:
            cost += np.asarray([self.adjusted.get(one, 0) for one in raw], dtype=np.int64)
        profiles = [self._known.get(text) or self._profile(text) for text in texts]
        blocks = self._cached(texts, prefixes, at.tolist())
        self.builder.add(
            profile=np.asarray(profiles, dtype=np.int64) - 1, at=at.astype(np.int64), duration=durations,
            request=requests, max_tokens=limits, cost=cost, tokens=np.asarray(tokens, dtype=np.int64),
            asked=np.frombuffer(b"".join(bytes(one) if one else bytes(8) for one in asked), dtype=">i8"),
            blocks=blocks[0], seen=blocks[1], ended=blocks[2],
        )  # fmt: skip

    def _profile(self, text: str) -> int:
        """Its number, from 1."""
        parts = text.split(_SEPARATOR)
        project, team, key, provider, served, requested, *more = parts[: len(_TEXTS)]
        endpoint, route, status, tier, cache_status, finish = more
        is_final, is_stream, has_end_user, has_tools, is_plain = (part == "1" for part in parts[len(_TEXTS) : -1])
        profile = Profile(
            project, team, key, provider, served or requested, requested, endpoint, route, status, tier, cache_status,
            finish, is_final, is_stream, has_end_user, has_tools, is_plain,
            tuple(sorted(set(_CONTEXT.findall(parts[-1])))),
        )  # fmt: skip
        self._known[text] = self.builder.number(profile) + 1
        self._scopes[text] = self._models.setdefault((provider, profile.model), len(self._models))
        return self._known[text]

    def _cached(self, texts: Sequence[str], prefixes: Sequence[Any], at: Sequence[int]) -> Any:
        take, scopes = self.prefixes.take, self._scopes
        found = [
            take(scopes[text], bytes(hashes), when) if hashes else (0, 0, 0)
            for text, hashes, when in zip(texts, prefixes, at, strict=True)
        ]
        return np.asarray(found, dtype=np.int64).T


def _pieces(where: Mapping[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(LINES_SQL, where)
        while rows := cursor.fetchmany(PIECE):
            yield rows


def _rows(statement: str, where: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, where)
        return cursor.fetchall()


# ---- what the organization has -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Offer:
    """Models that can be called, and how lines are priced by the names on them. Its own rows before the platform's."""

    models: tuple[ModelFacts, ...]
    price_lists: Mapping[str, str]
    upstream: Mapping[tuple[str, str], str]

    def target(self, profile: Profile) -> Target:
        """What a line is priced by; what is not known any more by its own words."""
        context = tuple(sorted((*_context(profile.tier), *profile.context)))
        model = self.upstream.get((profile.provider, profile.model), profile.model)
        return Target(self.price_lists.get(profile.provider, profile.provider), model, context)


def offer_of(organization: Organization) -> Offer:
    """Enabled models of enabled providers, and every name that lines may have. Two queries."""
    scope = Q(organization=organization) | Q(organization=None)
    order = ("organization_id", "pk")
    providers = sorted(Provider.objects.filter(scope).order_by(*order), key=lambda one: one.organization_id is not None)
    rows = sorted(
        Model.objects.filter(scope).select_related("provider").order_by(*order),
        key=lambda one: one.organization_id is not None,
    )
    facts = {
        (one.provider.slug, one.name): ModelFacts(
            one.provider.slug, one.name, one.upstream_name, one.provider.price_list or one.provider.kind,
            frozenset(one.capabilities), one.context_tokens, one.max_output_tokens,
        )
        for one in rows
        if one.is_enabled and one.provider.is_enabled
    }  # fmt: skip
    return Offer(
        tuple(facts.values()),
        {one.slug: one.price_list or one.kind for one in providers},
        {(one.provider.slug, one.name): one.upstream_name for one in rows},
    )


def _context(tier: str) -> tuple[tuple[str, str], ...]:
    if tier == "batch":
        return (("processing", "batch"),)
    return (("service_tier", tier),) if tier else ()


def scores_of(organization: Organization, start: datetime, end: datetime) -> dict[tuple[str, str, str], Scores]:
    """Mean scores by (project, provider, model), and by ("", provider, model), of requests in the window and the 60
    days before it. One query."""
    rows = (
        QualityScore.objects.filter(
            organization=organization.pk, score__isnull=False, provider__isnull=False, model__isnull=False,
            line_started_at__gte=start - timedelta(days=60), line_started_at__lt=end,
        )
        .order_by()
        .values_list("project", "provider", "model")
        .annotate(mean=Avg("score"), count=Count("pk"))
    )  # fmt: skip
    found, sums = {}, defaultdict(list)
    for project, provider, model, mean, count in rows:
        found[str(project), provider, model] = Scores(float(mean), count)
        sums[provider, model].append((Decimal(mean) * count, count))
    for (provider, model), parts in sums.items():
        count = sum(number for _, number in parts)
        found["", provider, model] = Scores(float(sum((part for part, _ in parts), Decimal(0)) / count), count)
    return found


def caches_of(organization: Organization) -> dict[str, int]:
    """Seconds for which answers are kept by project, "" for those without a policy of their own; 0: off. One query."""
    rows = CachePolicy.objects.filter(organization=organization)
    return {str(one.project_id or ""): one.ttl_s if one.is_enabled else 0 for one in rows}


def names_of(organization: Organization) -> dict[str, str]:
    """Names of its projects by id. One query."""
    rows: Any = Project.objects.filter(organization=organization).values_list("pk", "name")
    return {str(identity): name for identity, name in rows}
