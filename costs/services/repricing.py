"""Pricing a past period anew: counted first, applied when somebody says so. Both run in the background, in pieces.

What is applied is what was counted: of lines that were booked by the time it was asked for, the very entries, by their
digest, which is looked at before the first of them is booked. Each piece is one transaction: its adjusting entries, the
count so far and the cursor, under the organization's lock. A process that is killed loses at most a piece, and the ids
of the entries make a repeat the same entries.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import connection as django_connection
from django.db import transaction
from django.db.models import Q

from costs.bookshelf import book_of
from costs.choices import RepricingState
from costs.models import RepricingRun
from costs.pricer import BookPricer
from costs.repricing import Count, Target, adjustment, entry_digest, served
from gateway.ledger.booking import book, derived_id, lock_corrections
from gateway.ledger.connect import connect
from gateway.ledger.schema import TABLE
from gateway.models import Job, Model, Organization, Provider, User
from gateway.provideroptions import price_region
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

KIND = "costs.reprice"
PIECE = 1_000
LEASE_S = 120.0
MAX_TRIES = 5
MOST_GROUPS = 200
AT_ONCE = 3_000
"""Lines that are priced while somebody waits for the answer."""
log = structlog.get_logger(__name__)

PIECE_SQL = f"""
SELECT to_jsonb(l)::text FROM {TABLE} l
WHERE l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s AND l.kind = 'attempt'
  AND l.booked_at <= %(until)s AND (%(line)s::uuid IS NULL OR l.id = %(line)s)
  AND (%(cursor)s::uuid IS NULL OR (l.started_at, l.id) > (gateway_uuid7_at(%(cursor)s::uuid), %(cursor)s::uuid))
  AND (%(provider)s = '' OR l.provider = %(provider)s) AND (%(model)s = '' OR l.model_served = %(model)s)
  AND (NOT %(only_unpriced)s OR l.price_status = 'unpriced' OR EXISTS (
    SELECT FROM {TABLE} t WHERE t.ledger_shard = l.ledger_shard AND t.started_at = l.started_at
      AND t.kind = 'adjustment' AND t.corrects = l.id AND t.price_status = 'unpriced'))
ORDER BY l.started_at, l.id LIMIT {PIECE}
"""
EARLIER_SQL = f"""
SELECT to_jsonb(a)::text FROM {TABLE} a WHERE a.organization = %(organization)s AND a.started_at >= %(first)s
  AND a.started_at <= %(last)s AND a.kind = 'adjustment' AND a.corrects = ANY(%(ids)s::uuid[])
"""
_WINDOW = "l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s"
_ENTRY = "a.ledger_shard = l.ledger_shard AND a.started_at = l.started_at AND a.kind = 'adjustment'"
_PRICED = f"EXISTS (SELECT FROM {TABLE} a WHERE {_ENTRY} AND a.corrects = l.id AND a.price_status <> 'unpriced')"
# calls without a price; and truths without one whose estimate has a price, by an entry or from the start
UNPRICED_SQL = f"""
SELECT provider, model, count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint, min(started_at),
  max(started_at) FROM (
    SELECT l.provider, coalesce(l.model_served, l.model_requested) AS model, l.input_tokens, l.output_tokens,
      l.started_at
    FROM {TABLE} l WHERE {_WINDOW} AND l.kind = 'attempt' AND l.price_status = 'unpriced' AND NOT {_PRICED}
    UNION ALL
    SELECT t.provider, coalesce(t.model_served, t.model_requested), l.input_tokens + t.input_tokens,
      l.output_tokens + t.output_tokens, l.started_at
    FROM {TABLE} t
    JOIN {TABLE} l ON l.ledger_shard = t.ledger_shard AND l.started_at = t.started_at AND l.id = t.corrects
    WHERE {_WINDOW} AND t.started_at >= %(start)s AND t.started_at < %(end)s AND t.organization = %(organization)s
      AND t.kind = 'adjustment' AND t.price_status = 'unpriced' AND (l.price_status <> 'unpriced' OR {_PRICED})
      AND NOT EXISTS (SELECT FROM {TABLE} a WHERE {_ENTRY} AND a.corrects = l.id AND a.price_status <> 'unpriced'
        AND a.booked_at > t.booked_at)
  ) u GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST_GROUPS}
"""


@transaction.atomic
def request_repricing(
    *, organization: Organization, actor: Actor, start: datetime, end: datetime, provider: str = "", model: str = "",
    only_unpriced: bool = False,
) -> RepricingRun:  # fmt: skip
    """Have the difference of `[start, end)` counted. Nothing is booked by it. Raises `Invalid`."""
    if end <= start:
        raise Invalid("period_invalid", "The period must end after it begins.", field="end")
    run = RepricingRun.objects.create(
        organization=organization, start=start, end=end, provider=provider, model=model, only_unpriced=only_unpriced,
        created_by=actor if isinstance(actor, User) else None,
    )  # fmt: skip
    jobs.enqueue(KIND, f"count:{run.pk}", organization=organization, requested_by=run.created_by)
    after = {"start": start, "end": end, "provider": provider, "model": model, "only_unpriced": only_unpriced}
    audit.record(organization=organization, actor=actor, verb="repricing.requested", target=run, after=after)
    return run


def apply_repricing(*, run: RepricingRun, actor: Actor, seen: str | None = None) -> RepricingRun:
    """Book what was counted as adjusting entries; `seen`: the digest of the count that somebody looked at. A run that
    is being applied, or is, stays so. Raises `Conflict` while it is counted, when it failed, and with what is different
    where it would book something else by now; the run then has the new count. Of more than `AT_ONCE` lines that is
    found in the background, and told by the run."""
    if seen is not None and seen != run.digest:
        raise Conflict("repricing_changed", "It was counted again meanwhile; look at the new difference.")
    if run.state == RepricingState.READY and not run.is_automatic and (run.counted or {}).get("lines", 0) <= AT_ONCE:
        changed = _changed(run)
        if changed is not None:
            raise Conflict("repricing_changed", changed)
    return _apply(run=run, actor=actor)


def _changed(run: RepricingRun) -> str | None:
    """What is different from what was counted, in words; the run has the new count then. Nothing is booked."""
    pricer = BookPricer()
    pricer.book = book_of(run.organization)
    django_connection.ensure_connection()
    raw: Any = django_connection.connection
    count, digest = _checked(raw, run, pricer, targets_of(run.organization))
    if digest == run.digest:
        return None
    words = _changed_words(run.counted or {}, count.as_json())
    counted_again = RepricingRun.objects.filter(pk=run.pk, state=RepricingState.READY, digest=run.digest)
    counted_again.update(counted=count.as_json(), digest=digest, error=words)
    return words


def _changed_words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    told = []
    for one in (new, old):
        sums: dict[str, Decimal] = {}
        for group in one.get("groups", ()):
            sums[group["currency"]] = sums.get(group["currency"], Decimal(0)) + Decimal(group["difference"])
        amounts = " and ".join(f"{amount:f} {currency}" for currency, amount in sorted(sums.items())) or "0"
        told.append(f"{one.get('changed', 0):,} calls change by {amounts}")
    return (
        f"Prices or calls have changed since it was counted: {told[0]} now; it was {told[1]}. Nothing was booked; "
        "look at the new difference and apply it again."
    )


@transaction.atomic
def _apply(*, run: RepricingRun, actor: Actor) -> RepricingRun:
    locked = RepricingRun.objects.select_for_update().get(pk=run.pk)
    if locked.state in (RepricingState.APPLYING, RepricingState.APPLIED):
        return locked
    if locked.state != RepricingState.READY:
        raise Conflict("repricing_not_ready", f"This re-pricing is {locked.state}; only a counted one can be applied.")
    if locked.digest != run.digest:
        raise Conflict("repricing_changed", "It was counted again meanwhile; look at the new difference.")
    locked.state, locked.cursor, locked.error = RepricingState.APPLYING, None, ""
    locked.applied_by = actor if isinstance(actor, User) else None
    locked.save()
    jobs.enqueue(KIND, f"apply:{run.pk}", organization=locked.organization, requested_by=locked.applied_by)
    audit.record(
        organization=locked.organization, actor=actor, verb="repricing.applied", target=locked,
        after={"difference": (locked.counted or {}).get("difference")},
    )  # fmt: skip
    return locked


# ---- background ------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Work on what waits, oldest first; returns how many were finished."""
    done = 0
    for period in jobs.waiting(KIND):
        job = jobs.claim(KIND, period, LEASE_S)
        if job is not None:
            done += _run(job)
    return done


def _run(job: Job) -> int:
    step, _, identity = job.period.partition(":")
    run = RepricingRun.objects.select_related("organization").filter(pk=identity).first()
    if run is None:
        jobs.fail(job, "the run is gone")
        return 0
    try:
        _work(job, run, books=step == "apply")
    except jobs.ClaimLost:
        log.warning("repricing_taken_over", run=identity)
        return 0
    except Exception as error:
        log.exception("repricing_failed", run=identity, tries=job.fence)
        if job.fence >= MAX_TRIES:
            reason = f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason"
            jobs.fail(job, reason)
            RepricingRun.objects.filter(pk=run.pk).update(state=RepricingState.FAILED, error=reason)
        return 0
    return 1


def _work(job: Job, run: RepricingRun, *, books: bool) -> None:
    pricer, targets = BookPricer(), targets_of(run.organization)
    pricer.book = book_of(run.organization)
    name = "applied" if books else "counted"
    with connect() as connection:
        if books and not _may_book(connection, job, run, pricer, targets):
            return
        while _piece(connection, run, pricer, targets, name):
            jobs.extend(job, LEASE_S, _progress(connection, run))
    state = RepricingState.APPLIED if books else RepricingState.READY
    with transaction.atomic():
        jobs.finish(job, {"run": str(run.pk)})
        changes: dict[str, Any] = {"state": state, "cursor": None}
        run.refresh_from_db()
        if books:
            changes["error"] = ""
        if getattr(run, name) is None:
            changes[name] = Count().as_json()
        if books:
            changes["applied_at"] = datetime.now(run.start.tzinfo)
        RepricingRun.objects.filter(pk=run.pk).update(**changes)
        if run.is_automatic and not books:
            apply_repricing(run=run, actor=None)


def _may_book(
    connection: psycopg.Connection[Any], job: Job, run: RepricingRun, pricer: BookPricer, targets: "Targets"
) -> bool:
    """Whether applying would book what was counted, or the rest of it. Else the run says what is different: it waits
    with the new count, or has failed where a part is booked already. What nobody looked at goes by the prices of
    now."""
    if run.is_automatic:
        return True
    count, digest = _checked(connection, run, pricer, targets, lambda: jobs.extend(job, LEASE_S, 0))
    if digest == run.digest:
        return True
    changes: dict[str, Any] = {"state": RepricingState.READY, "counted": count.as_json(), "digest": digest}
    changes |= {"cursor": None, "error": _changed_words(run.counted or {}, count.as_json())}
    if run.cursor is not None:
        words = "Prices or calls have changed while it was applied: a part is booked as it was counted."
        words = f"{words} Count the rest anew."
        changes = {"state": RepricingState.FAILED, "error": words}
    with transaction.atomic():
        jobs.finish(job, {"run": str(run.pk), "changed": True})
        RepricingRun.objects.filter(pk=run.pk).update(**changes)
    return False


def _checked(
    connection: psycopg.Connection[Any], run: RepricingRun, pricer: BookPricer, targets: "Targets",
    on_piece: Callable[[], None] = lambda: None,
) -> tuple[Count, str]:  # fmt: skip
    """What applying would book, its own entries apart: the count and its digest. Reads only."""
    count, digest, cursor = Count(), "", None
    while lines := _lines(connection, PIECE_SQL, _parameters(run) | {"cursor": cursor}):
        for entry, _ in _entries(connection, run, lines, pricer, targets, count):
            digest = entry_digest(digest, entry)
        cursor = lines[-1]["id"]
        on_piece()
    return count, digest


def _piece(
    connection: psycopg.Connection[Any], run: RepricingRun, pricer: BookPricer, targets: "Targets", name: str
) -> bool:
    """Deal with the next lines; False when there are none left."""
    with connection.transaction():
        lock_corrections(connection, run.organization_id)
        row = connection.execute(
            f"SELECT cursor, {name}::text, digest FROM costs_repricingrun WHERE id = %s FOR UPDATE", [run.pk]
        ).fetchone()
        assert row is not None
        lines = _lines(connection, PIECE_SQL, _parameters(run) | {"cursor": row[0]})
        if not lines:
            return False
        count = Count.of_json(json.loads(row[1]) if row[1] else None)
        books, digest = name == "applied", row[2]
        entries = []
        for entry, is_new in _entries(connection, run, lines, pricer, targets, count, skips=books):
            digest = digest if books else entry_digest(digest, entry)
            entries += [entry] if is_new else []
        if entries and books:
            book(connection, entries, source=f"reprice:{run.pk}")
        connection.execute(
            f"UPDATE costs_repricingrun SET cursor = %s, {name} = %s::jsonb, digest = %s, updated_at = now() "
            "WHERE id = %s",
            [lines[-1]["id"], json.dumps(count.as_json()), digest, run.pk],
        )
    return True


def _entries(
    connection: psycopg.Connection[Any], run: RepricingRun, lines: list[dict[str, Any]], pricer: BookPricer,
    targets: "Targets", count: Count, *, skips: bool = False,
) -> Iterator[tuple[dict[str, Any], bool]]:  # fmt: skip
    """Entries by line, and whether they are not booked yet. As if the run had booked nothing. `skips`: leave out lines
    that others have adjusted since the run was checked, of what people looked at."""
    known: dict[str, list[dict[str, Any]]] = {}
    where = {
        "organization": run.organization_id, "ids": [line["id"] for line in lines],
        "first": lines[0]["started_at"], "last": lines[-1]["started_at"],
    }  # fmt: skip
    for one in _lines(connection, EARLIER_SQL, where):
        known.setdefault(one["corrects"], []).append(one)
    for line in lines:
        own = str(derived_id(UUID(line["id"]), f"reprice:{run.pk}"))
        entries = known.get(line["id"], ())
        earlier = [one for one in entries if one["id"] != own]
        is_new = len(earlier) == len(entries)
        if skips and is_new and not run.is_automatic and any(_is_later(one, run) for one in earlier):
            count.lines, count.meanwhile = count.lines + 1, count.meanwhile + 1
            continue
        entry = adjustment(line, earlier, targets.of(served(line, earlier)), pricer, str(run.pk), count)
        if entry is not None:
            yield entry, is_new


def _is_later(entry: Mapping[str, Any], run: RepricingRun) -> bool:
    """Whether an entry was booked after the run's own began to be."""
    return datetime.fromisoformat(entry["booked_at"]) >= run.updated_at


def _lines(connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(row[0], parse_float=Decimal) for row in connection.execute(statement, parameters)]


def _parameters(run: RepricingRun) -> dict[str, Any]:
    return {
        "organization": run.organization_id, "start": run.start, "end": run.end, "provider": run.provider,
        "model": run.model, "only_unpriced": run.only_unpriced, "line": run.line, "until": run.created_at,
    }  # fmt: skip


def _progress(connection: psycopg.Connection[Any], run: RepricingRun) -> float:
    """How far the cursor is in the period, by time."""
    row = connection.execute(
        "SELECT extract(epoch FROM gateway_uuid7_at(cursor)) FROM costs_repricingrun WHERE id = %s", [run.pk]
    ).fetchone()
    assert row is not None
    span = run.end.timestamp() - run.start.timestamp()
    return min(1.0, max(0.0, (float(row[0]) - run.start.timestamp()) / span))


@dataclass(frozen=True, slots=True)
class Targets:
    """Price list and upstream name of what lines name: their provider's slug and the model as it is called here."""

    price_lists: Mapping[str, str]
    names: Mapping[tuple[str, str], str]
    regions: Mapping[str, str] = field(default_factory=dict)

    def of(self, line: Mapping[str, Any]) -> Target:
        """What a line is priced by; what is not known any more by its own words."""
        provider = line["provider"] or ""
        model = line["model_served"] or line["model_requested"]
        name = self.names.get((provider, model), model)
        return Target(self.price_lists.get(provider, provider), name, self.regions.get(provider, ""))


def targets_of(organization: Organization) -> Targets:
    """The organization's providers and models before the platform's of the same name. Two queries."""
    scope = Q(organization=organization) | Q(organization=None)
    providers = sorted(Provider.objects.filter(scope), key=lambda one: one.organization_id is not None)
    models = sorted(
        Model.objects.filter(scope).select_related("provider"), key=lambda one: one.organization_id is not None
    )
    return Targets(
        {one.slug: one.price_list or one.kind for one in providers},
        {(one.provider.slug, one.name): one.upstream_name for one in models},
        {one.slug: price_region(one.kind, one.base_url, one.options or {}) for one in providers},
    )


# ---- the queue of what has no price ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Unpriced:
    """Lines of one provider and model without a price. `has_price_now`: counting a re-pricing would find one."""

    provider: str
    model: str
    lines: int
    input_tokens: int
    output_tokens: int
    first_at: datetime
    last_at: datetime
    has_price_now: bool


def unpriced(*, organization: Organization, start: datetime, end: datetime) -> list[Unpriced]:
    """What has no price in `[start, end)`, most lines first, at most `MOST_GROUPS`. Lines that an adjusting entry has
    priced are not in it."""
    shelf, targets = book_of(organization), targets_of(organization)
    with django_connection.cursor() as cursor:
        cursor.execute(UNPRICED_SQL, {"organization": organization.pk, "start": start, "end": end})
        rows = cursor.fetchall()
    found = []
    for provider, model, lines, given, taken, first, last in rows:
        target = targets.of({"provider": provider, "model_served": model})
        context = {"region": target.region} if target.region else {}
        cards = (
            shelf.resolve(target.price_list, target.model, at, context, str(organization.pk), provider or "")
            for at in (last, first)
        )
        has_price = any(card is not None for card in cards)
        found.append(Unpriced(provider or "", model, lines, given, taken, first, last, has_price))
    return found
