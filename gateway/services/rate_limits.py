"""Rate limits of an organization: make, change, remove, and how far each is used now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import transaction

from gateway.dataplane.limits.views import ALONE, CONCURRENCY, REQUESTS, SHARED, TOKENS
from gateway.models import Heartbeat, Organization, RateLimit, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid
from gateway.services.identity import check_fields
from gateway.services.scopes import checked_scope

CAPS = {"rpm": REQUESTS, "tpm": TOKENS, "concurrency": CONCURRENCY}
LIMIT_FIELDS = ("name", *CAPS, "is_enabled", "is_shadow")
AUDITED = (*LIMIT_FIELDS, "scope", "scope_value")
LIVE = timedelta(seconds=5)


class LimitFields(TypedDict, total=False):
    """What may be changed on a limit. None of `rpm`, `tpm`, `concurrency`: not limited."""

    name: str
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    is_enabled: bool
    is_shadow: bool


@dataclass(frozen=True, slots=True)
class Use:
    """How far one kind is used; of a limit for each, by the `subject` that uses most. `resets_in_s` None: no window."""

    kind: str
    subject: str
    limit: int
    used: int
    resets_in_s: float | None

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit with the use of each of its kinds. `would_limit`: calls that a shadow limit would have refused, since
    the processes started."""

    limit: RateLimit
    uses: Sequence[Use]
    would_limit: int


@dataclass(frozen=True, slots=True)
class Enforcement:
    """How the running data planes enforce limits: `shared`, `shares` (Redis is away), `process` (there is none)."""

    mode: str
    processes: int


@transaction.atomic
def create_rate_limit(
    *,
    organization: Organization,
    actor: Actor,
    scope: str,
    scope_value: str = "",
    **fields: Unpack[LimitFields],
) -> RateLimit:
    """Add a limit; in force on every process within two seconds. Raises `Invalid`. `scope_value`: see `RateLimit`."""
    value, team = checked_scope(organization, scope, scope_value.strip())
    limit = RateLimit(
        organization=organization, scope=scope, scope_value=value, team=team,
        created_by_id=None if isinstance(actor, VirtualKey) else getattr(actor, "pk", None),
    )  # fmt: skip
    _fill(limit, fields)
    limit.save(force_insert=True)
    audit.record(organization=organization, actor=actor, verb="rate_limit.create", target=limit, after=_facts(limit))
    return limit


@transaction.atomic
def update_rate_limit(*, limit: RateLimit, actor: Actor, **fields: Unpack[LimitFields]) -> RateLimit:
    """Change a limit; a running window goes on with what it has counted. Raises `Invalid`."""
    locked = _lock(limit)
    before = _facts(locked)
    _fill(locked, fields)
    old, new = audit.differences(before, _facts(locked))
    if new:
        locked.save(update_fields=[*new, "updated_at"])
        audit.record(
            organization=locked.organization, actor=actor, verb="rate_limit.update", target=locked, before=old,
            after=new,
        )  # fmt: skip
    return locked


@transaction.atomic
def delete_rate_limit(*, limit: RateLimit, actor: Actor) -> None:
    """Remove a limit; in force within two seconds."""
    locked = _lock(limit)
    audit.record(
        organization=locked.organization, actor=actor, verb="rate_limit.delete", target=locked, before=_facts(locked)
    )
    locked.delete()


# ---- use -------------------------------------------------------------------------------------------------------------
def use_of(limits: Iterable[RateLimit], at: datetime) -> tuple[list[LimitUse], Enforcement]:
    """What every limit is used now, as the data planes said within the last seconds. One query."""
    reports = _reports(at)
    used: dict[str, list[tuple[int, float]]] = {}
    for report in reports:
        for meter, (count, _, resets_in_s) in report.get("use", {}).items():
            used.setdefault(meter, []).append((count, resets_in_s))
    modes = {report.get("mode", ALONE) for report in reports} or {ALONE}
    mode = SHARED if modes == {SHARED} else max(modes - {SHARED})
    return [_use(limit, used, reports) for limit in limits], Enforcement(mode, len(reports))


def _reports(at: datetime) -> list[Mapping[str, Any]]:
    rows = Heartbeat.objects.filter(name__startswith="dataplane:", at__gte=at - LIVE).values_list("info", flat=True)
    return [info["limits"] for info in rows if isinstance(info.get("limits"), dict)]


def _use(
    limit: RateLimit, used: Mapping[str, Sequence[tuple[int, float]]], reports: Iterable[Mapping[str, Any]]
) -> LimitUse:
    uses = []
    for name, kind in CAPS.items():
        cap = getattr(limit, name)
        if cap is None:
            continue
        start = f"{limit.pk}:{kind}:"
        found = [(sum(count for count, _ in said), meter) for meter, said in used.items() if meter.startswith(start)]
        total, meter = max(found, default=(0, start))
        said = used.get(meter, ())
        resets_in_s = None if kind == CONCURRENCY else max((left for _, left in said), default=None)
        uses.append(Use(kind, meter.removeprefix(start), cap, total, resets_in_s))
    would = sum(report.get("would_limit", {}).get(str(limit.pk), 0) for report in reports)
    return LimitUse(limit, uses, would)


# ---- checks ----------------------------------------------------------------------------------------------------------
def _fill(limit: RateLimit, fields: LimitFields) -> None:
    for name in LIMIT_FIELDS:
        if name in fields:
            setattr(limit, name, fields[name])  # type: ignore[literal-required]
    limit.name = limit.name.strip()
    check_fields(limit, *LIMIT_FIELDS, "scope")
    if all(getattr(limit, name) is None for name in CAPS):
        message = "State requests per minute, tokens per minute or concurrent requests."
        raise Invalid("limit_missing", message, field="rpm")


def _lock(limit: RateLimit) -> RateLimit:
    return RateLimit.objects.select_for_update(of=("self",)).select_related("organization").get(pk=limit.pk)


def _facts(limit: RateLimit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in AUDITED}
